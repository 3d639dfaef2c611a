// Package stage is the contract that makes the projector and the pricer exactly-once: read an input
// stream in order, run a deterministic function, append what it gives to an output stream, and let
// the output stream itself be the checkpoint.
//
// # The protocol
//
//  1. Open. The last message on the stage's own subjects in the output stream is the checkpoint:
//     its headers name the input message that caused it (sequence, part, id, time), the digest of
//     everything put out so far (the chain) and the logic that derived it. The input stream must
//     still hold that very message; a stream that was trimmed, restored or made anew is refused,
//     and so is another logic.
//  2. Restore. The newest snapshot that is whole and not ahead of the checkpoint gives the state;
//     without one the state is empty and the input is read from its first message. Inputs up to the
//     checkpoint are stepped again and their outputs only digested. At the checkpoint the digest
//     must equal the stored chain: state and output cannot disagree. If it does not, an earlier
//     snapshot is tried, then the start, then the stage stops with an error.
//  3. Step. For each input the processor emits outputs. Each gets the input's sequence, its part
//     number among the outputs of that input, and the chain.
//  4. Append. Up to 1,000 outputs go out as one atomic batch that expects the last sequence of the
//     output stream. The last message of the batch carries the chain and the identity of the input.
//     A batch is due when it is full, or when the input has run dry.
//  5. Mark. An input stretch of 10,000 messages without outputs is passed by a marker, so that a
//     restart never has more than that to repeat for nothing.
//  6. Snapshot. Now and then, and when stopping, the state after a whole input goes to an Object
//     Store bucket, compressed and with its digest. It is a cache: losing it costs time.
//
// # Crash points
//
//   - before 4: nothing is stored; the restart derives the same outputs again.
//   - in 4, before the commit: the server drops the open batch. The same.
//   - in 4, after the commit, before the answer: the restart finds the batch as its checkpoint.
//     While running, the stage reads the checkpoint before it tries again, and finds its own chain
//     there.
//   - between two batches of one input: the checkpoint names the part; the restart emits the parts
//     after it.
//   - after 4, before 6: the older snapshot is further behind; step 2 takes longer.
//   - in 6: the object store keeps an object only when it is whole; its digest is checked on
//     reading all the same.
//
// # Two instances
//
// Both step the same inputs. The one whose batch comes second is refused ("wrong last sequence"),
// finds the other's checkpoint, checks that its own outputs would have had the same chain, drops
// what is stored already and becomes a standby: warm, and following the checkpoint. When it holds
// outputs that nobody has appended for the takeover time, it appends them itself. No lease and no
// clock decides who is right; the expectation does.
//
// Messages of others on the output stream (catalogue versions in METERED) move its last sequence,
// too. The stage then sees that its own last message has not moved, and tries again with the new
// sequence.
//
// # Stopping
//
// A stop lets the input under way be finished, appends what is pending and takes a snapshot, within
// 10 s. A standby, and a stage that is still restoring, returns at once: what is stored is the
// truth.
//
// # Purging
//
// Stop the stage before purging its output stream. A purge keeps the last sequence, so that a
// running stage notices it only at its next refused or unanswered append; it then rebuilds the
// stream from the start.
//
// # Replaying
//
// Replay makes the outputs what another logic derives, and publishes only the difference. Its last
// message is the base: from there the state is that of today's processor after the inputs that the
// replay covers, with their outputs dropped, and a processor that asks for it adopts what is stored
// (Adopter). The chain goes on over all that is stored. Batches before the last bear the logic of
// an unfinished replay, so that nobody goes on until the next replay has finished it:
//
//   - before the first batch is stored: nothing has happened.
//   - after it, before the last: stages refuse to start; the next replay publishes what is left.
//   - after the last, before the answer: it is done; the next replay publishes nothing.
//
// # Verifying
//
// Verify derives the outputs again up to the checkpoint and compares the chain there, or every
// stored byte. Before a base it recomputes the chain over what is stored.
package stage
