package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/audit"
	"github.com/daybook-billing/daybook/internal/stage/progress"
	"github.com/daybook-billing/daybook/internal/stage/reread"
	"github.com/daybook-billing/daybook/internal/stage/watch"
)

// Header names of the contract. The first two are on every output, HeaderLogic and HeaderBase on
// the first output of each batch, the others on the last one.
const (
	HeaderSourceSeq = audit.HeaderSourceSeq
	HeaderPart      = "Daybook-Part" // absent for part 0
	HeaderLogic     = "Daybook-Logic"
	// HeaderBase is there from a replay on: the end of it, as <first input>-<last input>/<inputs
	// held>/<output sequence>/<outputs>/<chain>.
	HeaderBase     = "Daybook-Base"
	HeaderChain    = audit.HeaderChain
	HeaderCount    = audit.HeaderCount
	HeaderSourceID = "Daybook-Source-Id"
)

// Limits of a stage. They bound memory: nothing else in a stage queues.
const (
	maxBatchBytes = 4 << 20 // of outputs before a batch is due
	appendTries   = 100     // of one batch, with backoff up to 5 s, while the bus does not answer
	drainTime     = 10 * time.Second
)

// Output is one message of a processor.
type Output struct {
	Subject string
	Type    string // CloudEvents type
	ID      string // CloudEvents id, the body's id
	Body    Body
}

// Body writes itself as the JSON of a message.
type Body interface {
	AppendJSON(b []byte) []byte
}

// Processor is the function inside a stage and its state. It must be deterministic: the same inputs
// from the same state give the same outputs, without clock, I/O, goroutines or map order.
type Processor interface {
	// Step takes one input. emit may be called any number of times; it does not keep the body. An
	// error stops the stage, because the processor cannot go on: merely strange input is the
	// processor's to handle. ErrNoTime has the stage go back to its checkpoint, and read every
	// input from the server from there on: an input from memory does not tell when it was stored.
	Step(in *bus.Stored, emit func(Output)) error
	// Snapshot returns the state as bytes.
	Snapshot() ([]byte, error)
	// Restore replaces the state by a snapshot; nil is the empty state.
	Restore(snapshot []byte) error
}

// Adopter is a Processor with outputs about earlier outputs. After a replay its inputs do not tell
// their names: a charge of a replay has the replay for its cause, and is reversed under this name.
type Adopter interface {
	Processor
	// Adopt takes the stage's own messages up to the end of its last replay, in order, after the
	// inputs up to there were stepped, and nil behind the last one.
	Adopt(stored *bus.Stored) error
}

// Windowed is a Processor whose outputs for several inputs, a window, come with the last of them.
// In a window a stage takes no snapshot and counts no input of it as worked off.
type Windowed interface {
	Processor
	// Window returns the sequence of the first input of the open window; 0 while none is open.
	Window() uint64
}

func window(p Processor) uint64 {
	if w, ok := p.(Windowed); ok {
		return w.Window()
	}
	return 0
}

// Source is the bus for readers.
type Source interface {
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
	Read(ctx context.Context, stream string, from uint64, options bus.ReadOptions) (*bus.Reader, error)
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(*bus.Stored) error) (last uint64, err error)
	Stream(ctx context.Context, name string) (bus.StreamState, error)
}

// Bus is the part of the bus a stage needs.
type Bus interface {
	Source
	AppendDerived(ctx context.Context, stream string, messages []bus.Message, expect bus.Expect) (uint64, error)
	PutObject(ctx context.Context, bucket, name string, data []byte) error
	GetObject(ctx context.Context, bucket, name string) ([]byte, error)
	ListObjects(ctx context.Context, bucket string) ([]string, error)
	DeleteObject(ctx context.Context, bucket, name string) error
}

// Config describes a stage. All fields without a default are required.
type Config struct {
	Name         string // "projector": the CloudEvents source, and the name in logs
	Input        string // stream
	Output       string // stream
	OutputFilter string // the stage's own subjects in Output, such as metered.>
	Marker       string // subject of markers
	Bucket       string // Object Store bucket of snapshots
	// Derived: the input is the output of a stage itself. Where it ends before the inputs of the
	// stored outputs, as after a power cut, it is being derived again.
	Derived bool
	// TooLong makes the message of the anomaly in place of an output that is longer than any server
	// surely takes; the cause names the input. nil: the output is tried as it is.
	TooLong func(out *Output, cause events.Cause, a events.Anomaly) Output
	// Acts is the stream with the acts that begin replays, on their subject; empty: none.
	Acts string
	// Replays has the stage finish at its start a replay by its own logic that was interrupted or
	// lost; nil: it does not.
	Replays *Replayer
	// Logic names the processor's computation, with its settings. Outputs derived by another logic
	// are refused.
	Logic string

	MarkerEvery   uint64        // inputs without an output; default 10,000
	SnapshotEvery uint64        // inputs; default 250,000
	Takeover      time.Duration // how long a standby waits for the other instance; default 3 s
	Poll          time.Duration // how often a standby looks; default 100 ms
	Look          time.Duration // how often a stage without input looks at its output stream; default 5 s
}

func (c Config) withDefaults() Config {
	if c.MarkerEvery == 0 {
		c.MarkerEvery = 10_000
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 250_000
	}
	if c.Takeover == 0 {
		c.Takeover = 3 * time.Second
	}
	if c.Poll == 0 {
		c.Poll = 100 * time.Millisecond
	}
	if c.Look == 0 {
		c.Look = 5 * time.Second
	}
	return c
}

// Errors to stop a stage for good: trying again cannot help, an operator has to decide.
var (
	// ErrInputChanged: the input stream does not hold the inputs of the stored outputs.
	ErrInputChanged = errors.New("the input stream is not the one that the outputs were derived from")
	// ErrDiverged: this program derives other outputs than the stored ones.
	ErrDiverged = errors.New("the stored outputs are not what this version and these settings derive")
	// ErrNoTime: an input has no time, and the processor needs it.
	ErrNoTime    = errors.New("it is not known when the message was stored")
	errProcessor = errors.New("cannot go on")
	// errWentBack: the output stream was purged or restored meanwhile: the stage opens again.
	errWentBack = errors.New("the output stream went back")
)

// Stage runs one processor. Its fields are owned by Run's goroutine, but for progress.
type Stage struct {
	cfg     Config
	bus     Bus
	proc    Processor
	log     *slog.Logger
	metrics *Metrics

	stepped   uint64       // last input stepped
	seen      uint64       // inputs stepped since the last snapshot
	behind    uint64       // inputs waiting behind stepped
	part      uint32       // next part of the current input
	chain     chain        // over every output so far, stored or pending
	count     uint64       // of them
	lastOut   position     // of the last output so far, stored or pending
	current   identity     // of the input being stepped
	input     string       // its subject
	dropping  bool         // outputs up to a replay's base are not put out again
	watch     *watch.Watch // of these; else nil
	cp        checkpoint   // last own message in the output stream
	verified  bool         // the chain has been found equal at cp
	last      uint64       // last sequence of the output stream, for the next batch to expect
	pending   []pending
	slab      []byte // bodies of pending
	scratch   []byte // of the chain
	standby   bool
	dry       bool            // the input has run dry, with outputs perhaps not stored
	rereading rereading       // of the step
	unfed     bool            // every input comes from the server, with its time
	rejected  []string        // snapshots of no use to the last restore
	fail      error           // emit's error
	until     uint64          // the last input to work off; 0: there is none
	stop      <-chan struct{} // closed when the stage shall stop: a standby waits no longer

	progress progress.Progress
}

// position is a place in the order of outputs: input sequence and part.
type position struct {
	Sequence uint64
	Part     uint32
}

func (p position) before(q position) bool {
	return p.Sequence < q.Sequence || p.Sequence == q.Sequence && p.Part < q.Part
}

// identity is enough of an input message to know it again.
type identity struct {
	Sequence uint64
	ID       string
}

type pending struct {
	position position
	source   identity
	chain    chain
	count    uint64
	input    string // subject of the source
	subject  string
	kind     string
	id       string
	from     int // the body is slab[from:to]
	to       int
}

// New returns a stage for Run. metrics may be nil.
func New(cfg Config, b Bus, proc Processor, log *slog.Logger, metrics *Metrics) *Stage {
	if metrics == nil {
		metrics = NewMetrics(cfg.Name)
	}
	return &Stage{
		cfg: cfg.withDefaults(), bus: b, proc: proc, log: log.With(slog.String("stage", cfg.Name)),
		metrics: metrics,
	}
}

// Ready tells why the stage is not at work. It is a readiness check.
func (s *Stage) Ready() error { return s.progress.Ready() }

// Done returns the last input with all outputs stored.
func (s *Stage) Done() uint64 { return s.progress.Done() }

// Wait returns when input sequence has been worked off and its outputs are stored, or ctx is done.
func (s *Stage) Wait(ctx context.Context, sequence uint64) error {
	return s.progress.Wait(ctx, sequence)
}

// Run opens, restores and steps until ctx is done, then appends the pending outputs, takes a
// snapshot and returns nil. Errors of the bus are retried from the checkpoint with backoff; Run
// returns an error only when trying again cannot help.
func (s *Stage) Run(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 10*time.Second
	for {
		stepped := s.stepped
		err := s.run(ctx)
		if err == nil || errors.Is(err, ErrDiverged) || errors.Is(err, ErrInputChanged) || errors.Is(err,
			errProcessor) {
			return err
		}
		if ctx.Err() != nil {
			s.log.Info("stopped without draining; the next start goes on from the checkpoint", slog.Any("error", err))
			return nil //nolint:nilerr // it was told to stop, and said why it did not drain
		}
		if s.stepped > stepped {
			wait.Reset()
		}
		s.log.Error("stage failed; starting again from its checkpoint", slog.Any("error", err))
		s.metrics.restarted()
		s.progress.Fail(err, s.stepped)
		if pause(ctx, nil, wait.NextBackOff()) != nil {
			return nil //nolint:nilerr // it was told to stop while it waited
		}
	}
}

// run opens, steps and, when ctx is done, drains. It drains between two inputs only: in the middle
// of one, or of a restore, the state fits no position, and the stored outputs are the truth.
func (s *Stage) run(ctx context.Context) error {
	work, release := grace(ctx)
	defer release()
	s.stop = ctx.Done()
	reader, err := s.open(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", s.cfg.Name, err)
	}
	defer reader.Close()
	s.rereads(work)
	s.dry = true // without any input the stage settles all the same, and is known to work
	for {
		if s.until > 0 && s.stepped >= s.until {
			if err := s.commit(work); err != nil { // here a standby waits for the active instance
				return fmt.Errorf("%s: %w", s.cfg.Name, err)
			}
			return s.drain(work)
		}
		in, err := s.next(ctx, reader)
		switch {
		case ctx.Err() != nil:
			err = s.drain(work)
			if err == nil {
				return nil
			}
		case errors.Is(err, errDry):
			err = s.commit(work)
		case errors.Is(err, errIdle):
			err = s.look(work)
		case err == nil:
			err = s.work(work, &in)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.cfg.Name, err)
		}
	}
}

var (
	// errDry: no more input has come, and the pending outputs are due.
	errDry = errors.New("no more input for now")
	// errIdle: no input has come for a while.
	errIdle = errors.New("no input for a while")
)

// next returns the next input. Nothing is waited for when the input has run dry and the last step's
// outputs are not stored: what comes while they are appended shares the next batch.
func (s *Stage) next(ctx context.Context, reader *bus.Reader) (bus.Stored, error) {
	switch {
	case s.dry:
		return bus.Stored{}, errDry
	case s.behind > 0:
		return reader.Next(ctx)
	}
	wait, cancel := context.WithTimeout(ctx, s.cfg.Look)
	defer cancel()
	in, err := reader.Next(wait)
	if err != nil && ctx.Err() == nil && wait.Err() != nil {
		return in, errIdle
	}
	return in, err
}

// look finds out whether the output stream still has the outputs. A power cut can take its end, and
// without input nothing would be appended, which would show it.
func (s *Stage) look(ctx context.Context) error {
	state, err := s.bus.Stream(ctx, s.cfg.Output)
	if err != nil {
		return nil //nolint:nilerr // it looks again
	}
	return s.wentBack(&state)
}

// wentBack is errWentBack where the output stream does not reach from before the checkpoint to it.
func (s *Stage) wentBack(state *bus.StreamState) error {
	switch {
	case s.cp.Sequence == 0:
		return nil
	case state.First > s.cp.Sequence:
		return fmt.Errorf("%w: %s was purged up to message %d", errWentBack, s.cfg.Output, state.First)
	case state.Last < s.cp.Sequence:
		return fmt.Errorf("%w: %s ends at message %d and went as far as %d", errWentBack, s.cfg.Output, state.Last,
			s.cp.Sequence)
	}
	return nil
}

// work steps one input, and appends and saves as is due.
func (s *Stage) work(ctx context.Context, in *bus.Stored) error {
	if err := s.step(ctx, in); err != nil {
		return err
	}
	s.dry = in.Pending == 0
	if s.seen < s.cfg.SnapshotEvery || window(s.proc) != 0 {
		return nil
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	s.snapshot(ctx)
	return nil
}

// commit appends the pending outputs: every input so far has been worked off.
func (s *Stage) commit(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	s.dry = false
	s.progress.Committed(s.settled())
	s.metrics.committed(s.settled(), s.behind)
	return nil
}

// settled is the last input with all outputs put out: none of a window; 0-1 is beyond all others.
func (s *Stage) settled() uint64 { return min(s.stepped, window(s.proc)-1) }

// drain appends the pending outputs and takes a snapshot. A standby leaves both to the active
// instance.
func (s *Stage) drain(ctx context.Context) error {
	if s.standby {
		return nil
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	s.snapshot(ctx)
	return nil
}

// step runs the processor on one input.
func (s *Stage) step(ctx context.Context, in *bus.Stored) error {
	s.current, s.input, s.part = identity{in.Sequence, in.Header(events.HeaderID)}, in.Subject, 0
	err := s.rereading(s.proc, in.Sequence, func() error {
		return s.proc.Step(in, func(out Output) { s.emit(ctx, out) })
	})
	if s.fail != nil || errors.Is(err, reread.ErrUnread) {
		return errors.Join(s.fail, err)
	}
	if errors.Is(err, ErrNoTime) {
		s.unfed = true // from the checkpoint on, which is stored
		return fmt.Errorf("message %d of %s came from memory: %w", in.Sequence, s.cfg.Input, err)
	}
	if err != nil {
		return fmt.Errorf("%w: message %d of %s (%s): %w", errProcessor, in.Sequence, s.cfg.Input, in.Subject, err)
	}
	if in.Sequence-s.lastOut.Sequence >= s.cfg.MarkerEvery && window(s.proc) == 0 {
		s.emit(ctx, s.cfg.marker(in))
		if s.fail != nil {
			return s.fail
		}
	}
	s.stepped = in.Sequence
	s.seen++
	s.behind = in.Pending
	s.metrics.stepped()
	if !s.verified && !s.dropping && s.stepped >= s.cp.position.Sequence {
		return s.diverged()
	}
	return nil
}

// emit digests an output and, if it is not stored yet, queues it. A full queue is appended at once,
// in the middle of a step if need be: one input can have more outputs than a batch.
func (s *Stage) emit(ctx context.Context, out Output) {
	if s.fail != nil || s.dropping {
		watched(s.watch, &out)
		return // the state is about to be thrown away, or the output is stored in another form
	}
	from := len(s.slab)
	s.slab, out = s.cfg.fit(s.slab, out, s.current)
	p := pending{
		position: position{s.current.Sequence, s.part}, source: s.current, input: s.input,
		subject: out.Subject, kind: out.Type, id: out.ID, from: from, to: len(s.slab),
	}
	s.part++
	s.chain, s.scratch = s.chain.NextIn(s.scratch, p.subject, s.slab[from:])
	s.count++
	s.lastOut = p.position
	p.chain, p.count = s.chain, s.count
	switch {
	case p.position.before(s.cp.position):
		s.slab = s.slab[:from]
	case p.position == s.cp.position && !s.verified:
		s.slab = s.slab[:from]
		s.verified = s.chain == s.cp.chain
		if !s.verified {
			s.fail = s.diverged()
		}
	case !s.verified:
		s.fail = s.diverged()
	default:
		s.pending = append(s.pending, p)
		if len(s.pending) == bus.MaxBatch || len(s.slab) >= maxBatchBytes {
			s.fail = s.flush(ctx)
		}
	}
}

func (s *Stage) diverged() error {
	return fmt.Errorf("%w: %s from message %d of %s. `daybook verify --deep` names the first message that differs. "+
		"Run the version and settings that derived them, or have `daybook replay %s` publish the difference",
		ErrDiverged, s.cfg.Output, s.cp.position.Sequence, s.cfg.Input, s.cfg.Name)
}
