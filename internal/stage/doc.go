// Package stage is the exactly-once contract of the projector and the pricer: read an input stream
// in order, run a deterministic function, append its outputs to an output stream, and let the
// output stream itself be the checkpoint.
//
// # Use
//
// A service brings a Processor, its state and its function:
//
//	func (p *processor) Step(in *bus.Stored, emit func(stage.Output)) error {
//		p.sum += len(in.Data) // no clock, no I/O, no map order
//		emit(stage.Output{Subject: "metered.x", Type: "sum", ID: …, Body: p})
//		return nil
//	}
//
// and leaves everything else to Run:
//
//	s := stage.New(config, bus, &processor{}, log, metrics)
//	ended := make(chan error, 1)
//	go func() { ended <- s.Run(ctx) }()
//	…
//	err := s.Wait(ctx, sequence) // all outputs of this input are stored
//	…
//	switch err := <-ended; {
//	case err == nil: // ctx is done, and the pending outputs are appended
//	case errors.Is(err, stage.ErrInputChanged), errors.Is(err, stage.ErrDiverged):
//		// An operator decides: restore a backup, run the former version, or replay.
//	default: // the processor cannot go on with this input
//	}
//
// A replay, a verification and a readiness check are calls beside it: Replay, Verify, Stage.Ready.
//
// The files in reading order: stage.go, own.go, append.go (run); checkpoint.go, tail.go, open.go,
// snapshot.go (checkpoint); rederive.go, verify.go, verify_deep.go, compare.go, replay.go (prove).
//
// # The protocol
//
//  1. Open. The last message on the stage's own subjects in the output stream is the checkpoint:
//     its headers name the input message behind it (sequence and part). Every message can be the
//     last. The logic behind it stands on the first message of its batch. The digest of all outputs
//     so far (the chain), their count and the id of the input stand on the last message of a batch:
//     from the one at or before the checkpoint the chain is computed on over the bodies, at most a
//     batch. The input stream must still hold these very inputs, by their ids; a trimmed, restored
//     or new stream is refused, and so is another logic. A derived input that ends before the
//     checkpoint is being derived again: the stage waits for it, and compares then.
//  2. Restore. The newest whole snapshot not ahead of the checkpoint gives the state; without one
//     the state is empty and the input is read from its first message. Inputs up to the checkpoint
//     are stepped again and their outputs only digested. At the checkpoint the digest must equal
//     the stored chain: state and output cannot disagree. If it does not, an earlier snapshot is
//     tried, then the start, then the stage stops with an error.
//  3. Step. For each input the processor emits outputs. What it needs of earlier inputs, and of its
//     outputs to them, it is given again (reread; own.go). Each output gets the input's sequence,
//     its part number among the outputs of this input, and the chain. A Windowed processor takes
//     several inputs as one, whose outputs come with the last: no snapshot and no marker divides
//     them.
//  4. Append. Up to 1,000 outputs go out as one batch, stored message by message: each expects its
//     predecessor, and the first refused one ends it. What is stored is a beginning of the batch. A
//     batch is due when it is full, or when the input has run dry. Behind a message in the middle
//     of a batch the next batch has one message, which has the chain: it is at most a batch away.
//  5. Mark. A marker passes each stretch of 10,000 inputs without outputs: a restart never has more
//     to repeat for nothing.
//  6. Snapshot. Now and then, and when stopping, the state after a whole input goes to an Object
//     Store bucket, compressed and with its digest. It is a cache: losing it costs time. Of a
//     Piecewise state only the pieces that the bucket does not have are written.
//
// # States
//
//	         wait, 100 ms to 10 s ◄── an error of the bus, in any state
//	           │
//	           ▼                                             due
//	start ──► open ──► restore ──► step ───────────────────────────────► append
//	           ▲                    ▲ ▲                                   │ │ │
//	           │                    │ └─────────────── stored ────────────┘ │ │
//	           │                    │                                       │ │
//	           │                    └── stored by ── standby ◄── another's ─┘ │
//	           │                      the other one     │        checkpoint   │
//	           │                                        └─ silent for the ─► append
//	           │                                           takeover time      │
//	           └───────────── the output stream went back, or has a new base ─┘
//
//	open     the checkpoint's input is gone or another ─► ErrInputChanged
//	         the logic is another ──────────────────────► ErrDiverged
//	restore  no snapshot leads to the stored chain, nor
//	         does the start ────────────────────────────► ErrDiverged; ErrInputChanged, if the
//	                                                      input does not go back to the start
//	step     the processor's error ─────────────────────► Run returns it
//	append   another's outputs differ from the own ones ► ErrDiverged
//	idle     the output stream is looked at every 5 s: it may have lost its end
//	any      ctx is done ───────────────────────────────► append, snapshot, Run returns nil
//
// # Crash points
//
//   - before 4: nothing is stored; the restart derives the same outputs again.
//   - in 4: a beginning of the batch is stored, perhaps all. The restart finds it as its
//     checkpoint. While running, the stage reads the checkpoint before it tries again
//     (once.Append), finds its own chain there, and goes on with the rest.
//   - a power cut after 4: the output stream lost its end, at any message. The restart derives it
//     again, the same content at the same sequences: nothing in an output depends on the moment at
//     which an input was stored. A stage behind it, which may have kept more of its own outputs,
//     waits for that.
//   - between two batches of one input: the checkpoint names the part; the restart emits the parts
//     after it.
//   - after 4, before 6: the older snapshot is further behind; step 2 takes longer.
//   - in 6: the object store keeps an object only when it is whole; its digest is checked on
//     reading all the same.
//
// # Two instances
//
// Both step the same inputs. The one with the later batch is refused ("wrong last sequence"), finds
// the other's checkpoint, checks its own outputs against the chain there, drops the stored ones and
// becomes a standby: warm, and following the checkpoint. When nobody has appended its pending
// outputs for the takeover time, it appends them itself. No lease and no clock decides between
// them; the expectation does.
//
// A message of somebody else in the middle of a batch ends it: its beginning is stored, and counts.
// Messages on other subjects of the output stream move its last sequence, too. The stage then goes
// on with the rest of the batch behind them. One on the stage's own subjects is refused.
//
// # Stopping
//
// A stop lets the current input be finished, appends the pending outputs and takes a snapshot,
// within 10 s. A standby, or a restoring stage, returns at once: the stored outputs are the truth.
//
// # Purging
//
// Stop the stage before purging its output stream. A purge keeps the last sequence: a running stage
// notices it when it is idle, or at its next refused append, and then rebuilds the stream from the
// start. A stage that starts while its last message is deleted or damaged puts it out again, behind
// the hole: nothing is lost.
//
// # Replaying
//
// Replay brings the outputs in line with another logic, and publishes only the difference. Its last
// message, a batch of its own, is the base: from there the state is the one of today's processor
// after the inputs of the replay, with their outputs dropped, and an Adopter adopts the stored
// outputs. The chain goes on over all stored messages. Batches before the last bear the logic of an
// unfinished replay: nobody goes on from there until it is finished.
//
// An act in Config.Acts begins it, synced, once there is something to publish: with the logic, the
// last input that it covers and the last output before it. Its id is the cause. A stage of this
// logic that finds at its start that its outputs have no end of a replay behind the act finishes
// it, and so does the next replay: with the same inputs, against the same outputs before it, which
// gives the same messages; those that are stored already are passed over, and compared by the
// chain.
//
//   - before the act: nothing has happened.
//   - after it, before the last message: stages of this logic finish it when they start, as does
//     the next replay; with another one they go on if no message is stored, and refuse otherwise.
//   - after the last, before the answer: it is done; the next replay publishes nothing.
//   - a power cut: the same, however much of it was lost. Where outputs before it were lost too,
//     and the logic is theirs, the stage derives them first.
//   - two at once: each takes the other's messages for its own while they are the same; otherwise
//     one waits until the other has ended, or is silent for the takeover time, and looks again.
//
// A replay passes over messages that the server counts and cannot deliver: damaged ones, holes, a
// lost end. It publishes what they said, and then has the stage derive the inputs that it has not
// put out. So nothing has to be removed by hand.
//
// # Verifying
//
// Verify derives the outputs again up to the checkpoint and compares the chain there, or every
// stored byte. Before a base it recomputes the chain over the stored messages.
package stage
