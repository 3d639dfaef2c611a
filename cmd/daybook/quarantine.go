package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// quarantineCmd groups the commands about quarantined input.
type quarantineCmd struct {
	List     quarantineListCmd     `cmd:"" help:"List input that could not be understood."`
	Show     quarantineShowCmd     `cmd:"" help:"Show one input in full."`
	Resubmit quarantineResubmitCmd `cmd:"" help:"Put input through this version again, and store the facts that it understands."`
}

// quarantineFlags select input.
type quarantineFlags struct {
	natsFlags
	Source     string `enum:",cf,trove,unknown" default:"" help:"Only this source: cf, trove or unknown."`
	Foundation string `help:"Only this foundation."`
}

// each reads the quarantine in its order, up to where it ends now.
func (f *quarantineFlags) each(ctx context.Context, b *bus.Bus, yield func(m *bus.Stored,
	q *events.Quarantined) error,
) error {
	_, err := b.Each(ctx, events.StreamQuarantine, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		var q events.Quarantined
		if err := q.DecodeJSON(m.Data); err != nil {
			return fmt.Errorf("message %d of QUARANTINE: %w", m.Sequence, err)
		}
		if (f.Source == "" || f.Source == q.Source) && (f.Foundation == "" || f.Foundation == q.Foundation) {
			return yield(m, &q)
		}
		return nil
	})
	return err
}

type quarantineListCmd struct {
	quarantineFlags
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists the quarantine.
func (c *quarantineListCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	out := print.NewQuarantine(e.stdout, c.Format == "json")
	err = c.each(e.ctx, b, func(m *bus.Stored, q *events.Quarantined) error { return out.Add(m.Sequence, m.Time, q) })
	if err != nil {
		return err
	}
	return out.End()
}

type quarantineShowCmd struct {
	natsFlags
	Sequence uint64 `arg:"" help:"Sequence in QUARANTINE, as daybook quarantine list prints it."`
}

// Run shows one input.
func (c *quarantineShowCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := b.Get(e.ctx, events.StreamQuarantine, c.Sequence)
	if errors.Is(err, bus.ErrNotFound) {
		return fmt.Errorf("there is no message %d in QUARANTINE: daybook quarantine list shows those that there are",
			c.Sequence)
	}
	if err != nil {
		return err
	}
	var q events.Quarantined
	if err := q.DecodeJSON(m.Data); err != nil {
		return fmt.Errorf("message %d of QUARANTINE: %w", m.Sequence, err)
	}
	return print.Quarantined(e.stdout, m.Sequence, m.Time, &q)
}
