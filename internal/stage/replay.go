package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/audit"
	"github.com/daybook-billing/daybook/internal/stage/pipeline"
	"github.com/daybook-billing/daybook/internal/stage/watch"
)

// eventReplay is the event of a replay's Cause.
const eventReplay = "replay"

// ReplayOptions of Replay.
type ReplayOptions struct {
	// DryRun stores nothing.
	DryRun bool
	// Progress is told now and then how many inputs of how many have been derived again; it may be
	// nil.
	Progress func(done, total uint64)
	Log      *slog.Logger
	// Begin stores the act that begins the replay, before anything is published. Its id is the
	// cause of what is published. nil: the replay has no act, and is not finished by a stage.
	Begin    func(ctx context.Context, act *events.Act) error
	By, Note string // of the act: the person, and the reason
	At       time.Time

	alone bool // the stage itself goes on from the end of the replay
}

// Replayed is the result of a replay, or of a dry run.
type Replayed struct {
	Input, Output string // streams
	Position      uint64 // last input of the replay
	Rebuilt       bool   // the output was empty, and was derived from the start
	Changed       bool   // something was published; false: everything was as today's program derives it
	Messages      int    // published, with the last one of the replay
	Reversed      int    // retracted spans, or reversed entries
	Posted        int    // closed spans, or posted charges
}

// replayTries is how often a replay begins anew because the stage was at work meanwhile.
const replayTries = 5

var (
	// errMoved: the stage put something out meanwhile.
	errMoved = errors.New("another instance has put something out meanwhile")
	// errRival: another replay has.
	errRival = errors.New("somebody else replays it. Run the replay again")
	// errAnother: what is stored of the replay to be finished is another difference than today's.
	errAnother = errors.New("the replay to be finished has published another difference")
)

// Replay brings an output stream in line with today's program and settings, and publishes only the
// difference; from then on the stage goes on with today's logic, from the last input of its
// outputs. Without a difference nothing is published. A replay interrupted at any point is finished
// by the next, or by a stage that starts; until then no program goes on. Instances running
// meanwhile stop with ErrDiverged, or start again from the end of the replay.
//
// newProcessor makes a processor in its empty state, comparer a Comparer for it. Errors:
// ErrInputChanged when the beginning of the input is gone; others come from the bus.
func Replay(ctx context.Context, cfg Config, b Bus, newProcessor func() Processor, comparer func(Processor) Comparer,
	options ReplayOptions,
) (Replayed, error) {
	cfg = cfg.withDefaults()
	if options.Progress == nil {
		options.Progress = func(uint64, uint64) {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	another, watched := false, watch.New()
	for range replayTries {
		r := &replay{cfg: cfg, bus: b, options: options, another: another, proc: newProcessor(), watch: watched}
		r.comparer = comparer(r.proc)
		r.result = Replayed{Input: cfg.Input, Output: cfg.Output}
		err = r.run(ctx, newProcessor)
		if err == nil && !options.DryRun && !options.alone && (r.cut || r.target.Sequence < r.input.Last) {
			// What the stage has not put out yet, or the stream has lost of its end: a stage behind
			// it rests on that.
			err = r.work(ctx, newProcessor(), r.input.Last)
		}
		switch {
		case errors.Is(err, errAnother):
			another = true
		case errors.Is(err, errRival) && cfg.Acts != "":
			if err := cfg.outlast(ctx, b); err != nil {
				return r.result, err
			}
		case !errors.Is(err, errMoved) && !errors.Is(err, watch.ErrBegun):
			return r.result, err
		}
	}
	return Replayed{Input: cfg.Input, Output: cfg.Output}, fmt.Errorf("replay of %s: %w. Stop the %s and try again",
		cfg.Output, err, cfg.Name)
}

// replay is one try.
type replay struct {
	cfg      Config
	bus      Bus
	options  ReplayOptions
	proc     Processor
	comparer Comparer
	watch    *watch.Watch // of the derived outputs

	cp       checkpoint // last own message
	chain    chain      // over the stored messages and the pending ones, computed from the bodies
	count    uint64     // of them
	sound    bool       // cp is a whole checkpoint of today's logic, on this input
	input    bus.StreamState
	target   identity // last input to be covered
	last     uint64   // last sequence of the output stream, for the next batch to expect
	cut      bool     // the output stream went further than its last own message
	appended bool     // the last message is the replay's, and ends a batch

	act     events.Act // begins the replay; zero: it has none
	begun   bool       // the act is stored
	resumes bool       // it was before: its replay is to be finished
	another bool       // what is stored of that replay is another difference
	mine    int        // messages at the end that are the beginning of that replay
	before  chain      // over the messages before them

	pending []pending
	slab    []byte
	next    position // of the next message
	result  Replayed
}

func (r *replay) run(ctx context.Context, newProcessor func() Processor) error {
	err := r.open(ctx)
	if err == nil && r.resumes && r.cp.logic == r.cfg.Logic && r.cp.Sequence < r.act.Replay.Output {
		// More was lost than the replay: the stage derives first what it stood behind.
		if err = r.work(ctx, newProcessor(), r.act.Replay.Input); err == nil || errors.Is(err, ErrDiverged) {
			err = r.open(ctx)
		}
	}
	if err != nil {
		return err
	}
	if r.cp.Sequence == 0 && r.input.First <= 1 {
		return r.rebuild(ctx)
	}
	again, err := r.round(ctx, r.proc)
	if err != nil {
		return err
	}
	if again {
		if _, err := r.round(ctx, newProcessor()); err != nil {
			return err
		}
	}
	return r.publish(ctx)
}

// open reads the ends of both streams.
func (r *replay) open(ctx context.Context) error {
	output, err := streamOf(ctx, r.bus, r.cfg.Output)
	if err != nil {
		return err
	}
	r.last = output.Last
	r.cp, err = r.cfg.readCheckpoint(ctx, r.bus)
	r.sound = err == nil && r.cp.logic == r.cfg.Logic
	if errors.Is(err, ErrDiverged) { // its end was removed, or is foreign
		var last bus.Stored
		if last, err = r.bus.Last(ctx, r.cfg.Output, r.cfg.OutputFilter); err == nil {
			r.cp = checkpoint{Sequence: last.Sequence}
		}
	}
	if err != nil {
		return err
	}
	if r.cp.Sequence > r.last {
		return errMoved
	}
	r.cut = r.cp.Sequence < r.last
	act, err := r.cfg.begun(ctx, r.bus, &r.cp, &output)
	if r.resumes = act.ID != ""; err != nil {
		return err
	}
	if r.resumes {
		r.act = act
	}
	if r.input, err = streamOf(ctx, r.bus, r.cfg.Input); err != nil {
		return err
	}
	return r.aim(ctx)
}

// aim chooses the last input of the replay: the last one of the outputs or, where the input has
// changed since, the last one of the stream.
func (r *replay) aim(ctx context.Context) error {
	if err := r.aimAtOutputs(ctx); err != nil {
		return err
	}
	if r.target.Sequence == 0 {
		last, err := r.bus.Last(ctx, r.cfg.Input, "")
		switch {
		case errors.Is(err, bus.ErrNotFound) && r.cp.Sequence == 0: // nothing there, nothing here
		case errors.Is(err, bus.ErrNotFound):
			return fmt.Errorf("%w: %s is empty, and everything in %s would be taken back. Restore it from a backup",
				ErrInputChanged, r.cfg.Input, r.cfg.Output)
		case err != nil:
			return err
		}
		r.target = identity{last.Sequence, last.Header(events.HeaderID)}
		r.sound = r.sound && r.target == r.cp.source
	}
	r.result.Position = r.target.Sequence
	r.next = position{r.target.Sequence, 0}
	if r.cp.position.Sequence == r.target.Sequence && r.cp.Sequence != 0 {
		r.next.Part = r.cp.position.Part + 1
	}
	return nil
}

// aimAtOutputs chooses the last input that the act names, or the one that the outputs rest on.
func (r *replay) aimAtOutputs(ctx context.Context) error {
	r.target = identity{}
	if in := r.act.Replay.Input; r.resumes && in > 0 && r.cp.position.Sequence <= in && in <= r.input.Last {
		m, err := r.bus.Get(ctx, r.cfg.Input, in)
		if err == nil {
			r.target = identity{in, m.Header(events.HeaderID)}
			return nil
		} else if !errors.Is(err, bus.ErrNotFound) {
			return err
		}
	}
	if r.cp.Sequence == 0 || r.cp.position.Sequence == 0 || r.holed() || r.input.First > max(1, r.cp.base.First) {
		return nil
	}
	err := r.cfg.holds(ctx, r.bus, r.input, r.cp.rests())
	if err == nil {
		r.target, err = r.identify(ctx)
	}
	if errors.Is(err, ErrInputChanged) {
		return nil
	}
	return err
}

// identify is the identity of the last input of the outputs.
func (r *replay) identify(ctx context.Context) (identity, error) {
	if r.cp.ends {
		return r.cp.source, nil
	}
	in, err := r.bus.Get(ctx, r.cfg.Input, r.cp.position.Sequence)
	return identity{in.Sequence, in.Header(events.HeaderID)}, err
}

// holed tells whether messages of the input are missing that the last replay still had.
func (r *replay) holed() bool { return r.input.Messages < r.cp.base.Due(&r.input) }

// gappy tells whether the server knows of messages that are missing between others.
func (r *replay) gappy() bool { return r.input.Messages != r.input.Last-r.input.First+1 }

// rebuild has the stage itself fill an empty output stream.
func (r *replay) rebuild(ctx context.Context) error {
	if r.target.Sequence == 0 {
		return nil
	}
	r.result.Rebuilt, r.result.Changed = true, true
	if r.options.DryRun {
		return nil
	}
	return r.work(ctx, r.proc, r.target.Sequence)
}

// work runs the stage until it has worked off an input.
func (r *replay) work(ctx context.Context, proc Processor, upTo uint64) error {
	if upTo == 0 {
		return nil // there is no input
	}
	stage := New(r.cfg, r.bus, proc, r.options.Log, nil)
	stage.cfg.Replays, stage.until = nil, upTo
	if err := stage.Run(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// round reads the stored outputs, and derives.
func (r *replay) round(ctx context.Context, proc Processor) (again bool, err error) {
	p := pipeline.New(ctx)
	defer p.Stop()
	var c chain
	var count uint64
	var scratch []byte
	r.mine = 0
	stored := p.Read(r.bus, r.cfg.Output, 1, r.cp.Sequence, overHoles(), r.cfg.owns)
	for {
		chunk, more, err := pipeline.Receive(p, stored)
		if err != nil {
			return false, err
		}
		if !more {
			break
		}
		for i := range chunk {
			mine := r.isMine(&chunk[i], c)
			c, scratch = c.NextIn(scratch, chunk[i].Subject, chunk[i].Data)
			count++
			if mine {
				continue
			}
			if err := r.comparer.Stored(&chunk[i]); err != nil {
				return false, fmt.Errorf("message %d of %s (%s): %w", chunk[i].Sequence, r.cfg.Output, chunk[i].Subject,
					err)
			}
		}
	}
	r.sound = r.sound && c == r.cp.chain && count == r.cp.count
	r.chain, r.count = c, count
	if err := r.derive(p, proc, r.cfg.reread(ctx, r.bus, base{}, r.watch.Each)); err != nil {
		return false, err
	}
	return r.comparer.Compare()
}

// derive gives the comparer the outputs of the inputs.
func (r *replay) derive(p *pipeline.Pipeline, proc Processor, reread rereading) error {
	lacks := r.input.First > 1 || r.gappy()
	whole, doubtful := &audit.Whole{Proven: !lacks}, r.cfg.Derived || lacks
	upTo := r.target.Sequence
	if doubtful {
		upTo = r.input.Last // a replay of the input stands at its end
	}
	inputs := p.Read(r.bus, r.cfg.Input, 1, upTo, r.cfg.inputs(), nil)
	var failed error
	r.watch.Begin()
	emit := func(out Output) {
		watched(r.watch, &out)
		if failed == nil {
			failed = r.comparer.Derived(&out)
		}
	}
	for {
		chunk, more, err := pipeline.Receive(p, inputs)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		for i := range chunk {
			in := &chunk[i]
			if doubtful {
				whole.Add(in)
			}
			if in.Sequence > r.target.Sequence {
				continue
			}
			err := reread(proc, in.Sequence, func() error { return proc.Step(in, emit) })
			if err = errors.Join(err, failed); err != nil {
				return fmt.Errorf("%w: message %d of %s (%s): %w", errProcessor, in.Sequence, r.cfg.Input, in.Subject,
					err)
			}
		}
		if len(chunk) > 0 {
			r.options.Progress(chunk[len(chunk)-1].Sequence, r.target.Sequence)
		}
	}
	if err := r.watch.End(); err != nil {
		return err
	}
	if doubtful && !whole.Proven {
		return fmt.Errorf("%w: %s starts at message %d and holds %d of %d, and what rests on the others would be "+
			"taken back. %s",
			ErrInputChanged, r.cfg.Input, r.input.First, r.input.Messages, r.input.Last, whole.Advice(r.cfg.Input))
	}
	return nil
}

// isMine tells whether a stored message is of the replay to be finished: the difference is then the
// one against what stands before it, as it was at first, and begins with what is stored of it. c is
// the chain over the messages before.
func (r *replay) isMine(m *bus.Stored, c chain) bool {
	if r.mine == 0 && (!r.resumes || r.another || m.Sequence <= r.act.Replay.Output || m.Sequence > r.cp.Sequence ||
		!strings.HasPrefix(m.Header(HeaderLogic), unfinished)) {
		return false
	}
	if r.mine == 0 {
		r.before = c
	}
	r.mine++
	return true
}

// cause is the cause of everything that the replay publishes: its act.
func (r *replay) cause() events.Cause {
	last := strconv.FormatUint(r.last, 10)
	cause := events.Cause{ID: r.act.ID, Sequence: r.target.Sequence, Event: eventReplay}
	switch {
	case r.resumes && r.another: // ids are never used again
		cause.ID = events.ID(eventReplay, r.act.ID, last)
	case r.resumes:
	case r.options.Begin == nil:
		cause.ID = events.ID(eventReplay, r.cfg.Name, last)
	default:
		r.act = events.Act{
			ID: events.ID(eventReplay, r.cfg.Name, last, r.options.By, r.options.Note, events.FormatTime(r.options.At)),
			By: r.options.By, Note: r.options.Note, Time: r.options.At, Kind: events.ActReplay,
			Replay: events.Replay{
				Projection: r.cfg.Name, Logic: r.cfg.Logic, Input: r.target.Sequence, Output: r.last,
			},
		}
		cause.ID = r.act.ID
	}
	return cause
}

// publish appends the difference, and the last message of the replay.
func (r *replay) publish(ctx context.Context) error {
	cause := r.cause()
	var failed error
	stored, c := 0, r.before
	reversed, posted, err := r.comparer.Difference(cause, func(out Output) {
		if failed != nil {
			return
		}
		if stored < r.mine {
			body, out := r.cfg.fit(nil, out, r.target)
			c = c.Next(out.Subject, body)
			if stored++; stored == r.mine && c != r.chain {
				failed = errAnother
			}
			return
		}
		if len(r.pending) == bus.MaxBatch || len(r.slab) >= maxBatchBytes {
			failed = r.append(ctx, false)
		}
		r.add(out)
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if stored < r.mine {
		return errAnother
	}
	r.result.Reversed, r.result.Posted = reversed, posted
	if r.result.Messages == 0 && len(r.pending) == 0 && r.sound && !r.resumes {
		return nil
	}
	if err := r.append(ctx, false); err != nil {
		return err
	}
	// The last message is a batch of its own: a beginning of a batch may be all that is stored, and
	// with the last message the replay is whole.
	id := events.ID("marker", r.cfg.Name, cause.ID)
	r.add(Output{
		Subject: r.cfg.Marker, Type: events.TypeMarker, ID: id, Body: &events.Marker{InputSequence: r.target.Sequence},
	})
	r.result.Changed = true
	if err := r.append(ctx, true); err != nil || r.options.DryRun {
		return err
	}
	if err := r.snapshot(ctx); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the replay is done
		}
		r.options.Log.Warn("no snapshot; the next start takes longer", slog.Uint64("position", r.target.Sequence),
			slog.Any("error", err))
	}
	return nil
}

// snapshot saves the state for the stage to go on from. A failure costs time at the next start and
// nothing else.
func (r *replay) snapshot(ctx context.Context) error {
	cp, err := r.cfg.readCheckpoint(ctx, r.bus)
	if err != nil {
		return err
	}
	if cp.chain != r.chain || cp.base.Output != cp.Sequence || window(r.proc) != 0 {
		return nil // the stage put something out since, or is in a window, and saves its state itself
	}
	old, err := r.bus.ListObjects(ctx, r.cfg.Bucket)
	if err != nil {
		return err
	}
	if err := r.cfg.adopt(ctx, r.bus, r.proc, cp.base); err != nil {
		return err
	}
	// Every earlier snapshot is of another base and leads nowhere, whatever its position.
	s := Stage{
		cfg: r.cfg, bus: r.bus, proc: r.proc, stepped: r.target.Sequence, current: r.target, lastOut: cp.position,
		chain: cp.chain, count: cp.count, cp: cp, rejected: old,
	}
	return s.save(ctx)
}
