package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/pipeline"
	"github.com/daybook-billing/daybook/internal/stage/watch"
)

// VerifyOptions say how thoroughly to verify. The zero value compares the chains only.
type VerifyOptions struct {
	// Deep compares every stored byte, not only the chain at the end.
	Deep bool
	// Progress is told now and then how many inputs of how many have been derived again; it may be
	// nil.
	Progress func(done, total uint64)
	// Patience is the wait for a stage at work on the next output; default 5 s.
	Patience time.Duration
}

// Verified is the result of a verification.
type Verified struct {
	Input, Output string // streams
	Inputs        uint64 // derived again
	Outputs       uint64 // compared: by the chain, or byte by byte
	Position      uint64 // last input with outputs stored
	Sequence      uint64 // of the last message compared
	Chain         string // there
	Deep          bool
}

// Mismatch is the first difference between the stored outputs and the derived ones.
type Mismatch struct {
	Stream   string
	Sequence uint64 // of the differing message, or of the one in place of a missing one; 0 beyond the end
	Subject  string
	What     string // differs
	Expected string
	Found    string
	Advice   string
}

func (m *Mismatch) Error() string {
	where := "at its end"
	if m.Sequence != 0 {
		where = fmt.Sprintf("at message %d (%s)", m.Sequence, m.Subject)
	}
	return fmt.Sprintf("%s differs %s: %s: expected %s, found %s. %s", m.Stream, where, m.What, m.Expected, m.Found,
		m.Advice)
}

// verifier is one verification.
type verifier struct {
	cfg     Config
	bus     Source
	options VerifyOptions
	cp      checkpoint
	input   bus.StreamState
	output  bus.StreamState
	inside  int // messages since the last end of a batch
	source  string
	wanted  []events.Header // reused
	free    recycled        // outputs that were compared
	watch   *watch.Watch    // of the outputs before the base
	derived uint64          // outputs after the base, up to the checkpoint
	result  Verified
}

// StoredLogic returns the logic behind the last of the stage's outputs, "" when there are none.
func StoredLogic(ctx context.Context, b Source, cfg Config) (string, error) {
	cp, err := cfg.readCheckpoint(ctx, b)
	return cp.logic, err
}

// Verify derives the outputs of a stage again, up to the checkpoint, and compares them with the
// stored ones. It stores nothing, and may run beside the stage. newProcessor makes a processor in
// its empty state.
//
// Errors: *Mismatch where the outputs differ; errors.Is ErrDiverged when they were derived by
// another logic, ErrInputChanged when the input is not theirs; others come from the bus.
func Verify(ctx context.Context, cfg Config, b Source, newProcessor func() Processor, options VerifyOptions) (Verified,
	error,
) {
	cfg = cfg.withDefaults()
	if options.Patience == 0 {
		options.Patience = 5 * time.Second
	}
	if options.Progress == nil {
		options.Progress = func(uint64, uint64) {}
	}
	v := &verifier{cfg: cfg, bus: b, options: options, source: cfg.source(), watch: watch.New()}
	v.result = Verified{Input: cfg.Input, Output: cfg.Output, Deep: options.Deep}
	if err := v.open(ctx); err != nil {
		return v.result, err
	}
	ahead, err := v.compare(ctx, newProcessor())
	for errors.Is(err, watch.ErrBegun) {
		v.result.Inputs = 0
		ahead, err = v.compare(ctx, newProcessor())
	}
	var mismatch *Mismatch
	if errors.As(err, &mismatch) && !options.Deep {
		options.Deep = true
		_, deep := Verify(ctx, cfg, b, newProcessor, options)
		if errors.As(deep, &mismatch) || deep == nil && mismatch.What == miscounted {
			return v.result, deep // every message is right, and the server counts some that it cannot deliver
		}
	}
	if err == nil && ahead != nil {
		err = v.overtaken(ctx, ahead)
	}
	return v.result, err
}

// open reads the ends of both streams.
func (v *verifier) open(ctx context.Context) (err error) {
	if v.output, err = streamOf(ctx, v.bus, v.cfg.Output); err != nil {
		return err
	}
	v.cp, err = v.cfg.readCheckpoint(ctx, v.bus)
	if errors.Is(err, ErrDiverged) {
		return v.unended(ctx, err)
	}
	if err != nil {
		return err
	}
	if v.input, err = streamOf(ctx, v.bus, v.cfg.Input); err != nil {
		return err
	}
	if v.cp.Sequence != 0 {
		if v.cp.logic != v.cfg.Logic && v.cp.logic != "" {
			return v.cfg.otherLogic(v.cp)
		}
		if err := v.cfg.holds(ctx, v.bus, v.input, v.cp.rests()); err != nil {
			return err
		}
	}
	if v.input.Messages > 0 && v.input.First > max(1, v.cp.base.First) {
		return fmt.Errorf("%w: %s starts at message %d, and what came before cannot be derived again. Restore the "+
			"stream from a backup that begins at 1; if it was emptied and derived anew, `daybook replay %s` brings %s "+
			"in line with it", ErrInputChanged, v.cfg.Input, v.input.First, v.cfg.Name, v.cfg.Output)
	}
	v.result.Position, v.result.Sequence, v.result.Chain = v.cp.position.Sequence, v.cp.Sequence, v.cp.chain.String()
	return nil
}

// unended is the mismatch of an output stream without the end of its last batch.
func (v *verifier) unended(ctx context.Context, cause error) error {
	last, err := v.bus.Last(ctx, v.cfg.Output, v.cfg.OutputFilter)
	if err != nil {
		return err
	}
	return &Mismatch{
		Stream: v.cfg.Output, Sequence: last.Sequence, Subject: last.Subject, What: "the end of the stream",
		Expected: "a message that ends a batch", Found: cause.Error(), Advice: "If it is Daybook's, what stood " +
			"behind it was removed: " + v.repair(),
	}
}

func (v *verifier) repair() string {
	return fmt.Sprintf("Restore %s from a backup, or have `daybook replay %s` publish what is right", v.cfg.Output,
		v.cfg.Name)
}

// compare derives and compares. ahead is the first output not stored yet, nil if all are.
func (v *verifier) compare(ctx context.Context, proc Processor) (ahead *pending, err error) {
	p := pipeline.New(ctx)
	defer p.Stop()
	v.free = recycled{pipeline.NewRecycled[outputs]()}
	d := &deriver{cfg: &v.cfg, proc: proc, free: v.free}
	d.reread = v.cfg.reread(ctx, v.bus, v.cp.base, func(filters []string, take func(*bus.Stored) error) error {
		return v.own(ctx, d, filters, take)
	})
	from, start, count, first := uint64(1), chain{}, uint64(0), uint64(1)
	if base := v.cp.base; base.Output != 0 {
		v.watch.Begin()
		d.watch = v.watch
		inputs := p.Read(v.bus, v.cfg.Input, 1, base.Input, v.cfg.inputs(), nil)
		if err := d.skip(p, inputs, v.worked); err != nil {
			return nil, err
		}
		if d.last, err = v.rebase(p, proc); err != nil {
			return nil, err
		}
		d.watch = nil
		from, start, count, first = base.Input+1, base.Chain, base.Count, base.Output+1
	}
	inputs := p.Read(v.bus, v.cfg.Input, from, v.input.Last, bus.ReadOptions{}, nil)
	atBase := d.last == v.cp.position // before the derivation moves on, in a goroutine of its own
	derived := digest(p, d.derive(p, inputs, v.cp.position), start, count)
	if v.options.Deep {
		ahead, err = v.bodies(p, derived, p.Read(v.bus, v.cfg.Output, first, v.cp.Sequence, overHoles(), v.cfg.owns))
	} else {
		ahead, err = v.chains(p, derived, atBase)
	}
	if err == nil {
		err = v.end(ctx)
	}
	if err == nil && !v.options.Deep {
		err = v.counted(ctx, first)
	}
	return ahead, err
}

// rebase recomputes the chain over the stored outputs up to the end of the last replay: it proves
// them unchanged, not derived. An Adopter adopts them.
func (v *verifier) rebase(p *pipeline.Pipeline, proc Processor) (end position, err error) {
	adopter, _ := proc.(Adopter)
	stored := p.Read(v.bus, v.cfg.Output, 1, v.cp.base.Output, overHoles(), v.cfg.owns)
	var c chain
	var scratch []byte
	differs := func(m *bus.Stored, expected, found string) error {
		return &Mismatch{
			Stream: v.cfg.Output, Sequence: m.Sequence, Subject: m.Subject, What: "the chain over the messages up to " +
				"this one, which a replay left as they were",
			Expected: expected, Found: found, Advice: v.repair(),
		}
	}
	for {
		chunk, more, err := pipeline.Receive(p, stored)
		if err != nil {
			return end, err
		}
		if !more {
			break
		}
		for i := range chunk {
			m := &chunk[i]
			c, scratch = c.NextIn(scratch, m.Subject, m.Data)
			if m.Sequence == v.cp.base.Output {
				if c != v.cp.base.Chain {
					return end, differs(m, v.cp.base.Chain.String(), c.String())
				}
				var ok bool
				if end, ok = positionOf(m); !ok {
					return end, v.cfg.notOurs(m, "ends a replay and has no "+HeaderSourceSeq+" header")
				}
			}
			if adopter != nil {
				if err := adopter.Adopt(m); err != nil {
					return end, fmt.Errorf("%w: message %d of %s (%s): %w", errProcessor, m.Sequence, v.cfg.Output,
						m.Subject, err)
				}
			}
			v.result.Outputs++
		}
	}
	if end == (position{}) {
		return end, &Mismatch{
			Stream: v.cfg.Output, What: "the message that ends the last replay", Expected: fmt.Sprintf("message %d",
				v.cp.base.Output), Found: "none", Advice: v.repair(),
		}
	}
	if adopter != nil {
		err = adopter.Adopt(nil)
	}
	return end, err
}

// chains compares the chain at the checkpoint. reached is true when there are no outputs since the
// base.
func (v *verifier) chains(p *pipeline.Pipeline, derived <-chan *outputs, reached bool) (ahead *pending, err error) {
	ahead, err = v.each(p, derived, func(o *outputs, i int) error {
		if out := &o.list[i]; out.position == v.cp.position {
			if out.chain != v.cp.chain {
				return v.chainDiffers(out)
			}
			reached = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !reached && v.cp.Sequence != 0 {
		return nil, v.chainDiffers(&pending{})
	}
	return ahead, nil
}

// each gives check the outputs up to the checkpoint, by their index in a chunk, and returns the
// first one behind it, if any.
func (v *verifier) each(p *pipeline.Pipeline, derived <-chan *outputs, check func(o *outputs, i int) error) (
	ahead *pending, err error,
) {
	for {
		o, more, err := pipeline.Receive(p, derived)
		if err != nil {
			return nil, err
		}
		if !more {
			return ahead, nil
		}
		for i := range o.list {
			out := &o.list[i]
			if v.cp.position.before(out.position) {
				if ahead == nil {
					first := *out
					ahead = &first
				}
				continue
			}
			if err := check(o, i); err != nil {
				return nil, err
			}
			v.result.Outputs++
			v.derived++
		}
		v.worked(o)
		v.free.Release(o)
	}
}

func (v *verifier) worked(o *outputs) {
	v.result.Inputs += o.inputs
	v.options.Progress(o.upTo, v.input.Last)
}

func (v *verifier) chainDiffers(out *pending) error {
	return &Mismatch{
		Stream: v.cfg.Output, Sequence: v.cp.Sequence, Subject: out.subject, What: "the chain over all messages",
		Expected: out.chain.String(), Found: v.cp.chain.String(), Advice: v.repair(),
	}
}

// end looks for messages removed behind the last one: the stream remembers its last sequence.
func (v *verifier) end(ctx context.Context) error {
	if v.output.Last <= v.cp.Sequence {
		return nil
	}
	next := v.cp.Sequence + 1
	_, err := v.bus.Each(ctx, v.cfg.Output, next, v.output.Last, bus.ReadOptions{HeadersOnly: true},
		func(m *bus.Stored) error {
			if m.Sequence == next {
				next++
			}
			return nil
		})
	if err != nil {
		return err
	}
	if next > v.output.Last {
		return nil
	}
	return &Mismatch{
		Stream: v.cfg.Output, What: "messages were removed behind the last one",
		Expected: fmt.Sprintf("message %d", next), Found: fmt.Sprintf("nothing there, though the stream went as far "+
			"as %d", v.output.Last),
		Advice: fmt.Sprintf("Had the stage appended them, it appends them again when it runs; what was made of them "+
			"then is to be brought in line: `daybook replay`. Or restore %s from a backup", v.cfg.Output),
	}
}

// overtaken waits until the stage has stored the output ahead.
func (v *verifier) overtaken(ctx context.Context, ahead *pending) error {
	reader, err := v.bus.Read(ctx, v.cfg.Output, v.cp.Sequence+1,
		bus.ReadOptions{Filters: []string{v.cfg.OutputFilter}, HeadersOnly: true})
	if err != nil {
		return err
	}
	defer reader.Close()
	wait, cancel := context.WithTimeout(ctx, v.options.Patience)
	defer cancel()
	_, err = reader.Next(wait)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if wait.Err() == nil {
		return err
	}
	return &Mismatch{
		Stream: v.cfg.Output, What: "a message is missing",
		Expected: fmt.Sprintf("%s %s on %s, part %d of what message %d of %s leads to", ahead.kind, ahead.id,
			ahead.subject, ahead.position.Part, ahead.position.Sequence, v.cfg.Input),
		Found: "the end of the stream",
		Advice: fmt.Sprintf("The %s has not put it out yet, or the end of %s was removed: run the %s, which goes "+
			"on from there, and verify again", v.cfg.Name, v.cfg.Output, v.cfg.Name),
	}
}
