package stage

import (
	"context"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/reread"
	"github.com/daybook-billing/daybook/internal/stage/watch"
)

// This file gives a processor its earlier inputs again, and its outputs to them.

// rereading takes a step, and repeats it behind the inputs of a reread.Needed.
type rereading func(proc Processor, in uint64, step func() error) error

// owning gives the outputs so far on filters.
type owning func(filters []string, take func(*bus.Stored) error) error

func (c *Config) reread(ctx context.Context, b Source, of base, own owning) rereading {
	from := reread.Streams{
		Source: b, Input: c.Input, Output: c.Output, BaseInput: of.Input, BaseOutput: of.Output, Own: own,
	}
	return func(proc Processor, in uint64, step func() error) error { return from.Step(ctx, proc, in, step) }
}

// rereads has the steps from here on read again within ctx, behind the checkpoint's replay.
func (s *Stage) rereads(ctx context.Context) {
	own := func(filters []string, take func(*bus.Stored) error) error { return s.own(ctx, filters, take) }
	s.rereading = s.cfg.reread(ctx, s.bus, s.cp.base, own)
}

// outputs gives the stored outputs of the inputs before one. The stream reaches to a checkpoint.
func (c *Config) outputs(ctx context.Context, b Source, cp *checkpoint, before uint64, filters []string,
	take func(*bus.Stored) error,
) error {
	options := bus.ReadOptions{Filters: filters, Reach: cp.Sequence}
	_, err := b.Each(ctx, c.Output, 1, bus.End, options, func(m *bus.Stored) error {
		if at, ours := positionOf(m); !ours || at.Sequence >= before {
			return nil
		}
		return take(m)
	})
	return err
}

// own gives the outputs of the inputs before the current one. They are stored first.
func (s *Stage) own(ctx context.Context, filters []string, take func(*bus.Stored) error) error {
	if s.watch != nil {
		return s.watch.Each(filters, take)
	}
	if s.fail = s.flush(ctx); s.fail != nil {
		return s.fail
	}
	return s.cfg.outputs(ctx, s.bus, &s.cp, s.current.Sequence, filters, take)
}

// own gives the outputs of the inputs before the current one, stored or skipped.
func (v *verifier) own(ctx context.Context, d *deriver, filters []string, take func(*bus.Stored) error) error {
	if d.watch != nil {
		return d.watch.Each(filters, take)
	}
	return v.cfg.outputs(ctx, v.bus, &v.cp, d.current.Sequence, filters, take)
}

// watched adds an output to those of a watch; nil: nobody watches.
func watched(w *watch.Watch, out *Output) {
	if w != nil {
		w.Add(out.Subject, out.Type, out.ID, func() []byte { return out.Body.AppendJSON(nil) })
	}
}
