package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// quarantineCmd groups what can be done with input that was not understood.
type quarantineCmd struct {
	List   quarantineListCmd   `cmd:"" help:"List input that could not be understood."`
	Show   quarantineShowCmd   `cmd:"" help:"Show one input in full."`
	Replay quarantineReplayCmd `cmd:"" help:"Put input back through this version, and store what it understands."`
}

// Limits of a replay.
const (
	maxReplay      = 100_000 // inputs; of each the id and what became of it stay in memory
	maxReplayBytes = 16 << 20
)

// quarantineFlags narrow what is looked at.
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

type quarantineReplayCmd struct {
	quarantineFlags
	Sequences []uint64 `arg:"" optional:"" name:"sequence" help:"Sequences in QUARANTINE."`
	All       bool     `help:"Everything, or all of --source and --foundation."`
	AtEnd     bool     `help:"Append Cloud Foundry events whose place in the order is not known behind everything. Billing may be wrong by it."`
	Format    string   `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Validate checks the command line.
func (c *quarantineReplayCmd) Validate() error {
	switch {
	case c.All && len(c.Sequences) > 0:
		return errors.New("--all and sequences exclude each other")
	case !c.All && len(c.Sequences) == 0:
		return errors.New("name sequences of QUARANTINE, or replay everything with --all")
	}
	return nil
}

// Run replays.
func (c *quarantineReplayCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	// Nothing is stored before it is known that everything that was asked for is there.
	inputs, found := 0, 0
	err = c.each(e.ctx, b, func(m *bus.Stored, _ *events.Quarantined) error {
		if inputs++; inputs > maxReplay {
			return fmt.Errorf("there are more than %d inputs: narrow them with --source and --foundation", maxReplay)
		}
		if slices.Contains(c.Sequences, m.Sequence) {
			found++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if sequences := slices.Compact(slices.Sorted(slices.Values(c.Sequences))); found < len(sequences) {
		return fmt.Errorf("only %d of the %d sequences are in QUARANTINE: daybook quarantine list shows those that "+
			"there are", found, len(sequences))
	}
	results, err := c.replay(e.ctx, b)
	if printErr := c.print(e.stdout, results); err == nil {
		err = printErr
	}
	return err
}

// replay replays in parts, so that memory holds some of the inputs only.
func (c *quarantineReplayCmd) replay(ctx context.Context, b *bus.Bus) (results []quarantine.Resubmitted, err error) {
	resubmitter := quarantine.NewResubmitter(quarantine.OnBus(b), quarantine.Rules{
		Normalise: file.Normalise,
		End: func(ctx context.Context, foundation, list string) (guid string, sequence uint64, err error) {
			return cf.End(ctx, cf.OnBus(b), foundation, list)
		},
		AtEnd: c.AtEnd,
	})
	var part []quarantine.Entry
	size := 0
	flush := func() error {
		done, err := resubmitter.Resubmit(ctx, part, func(p *quarantine.Entry) bool {
			return c.All ||
				slices.Contains(c.Sequences, p.Sequence)
		})
		results = append(results, done...)
		clear(part)
		part, size = part[:0], 0
		return err
	}
	err = c.each(ctx, b, func(m *bus.Stored, q *events.Quarantined) error {
		part = append(part, quarantine.Entry{Sequence: m.Sequence, Quarantined: *q})
		if size += len(m.Data); size < maxReplayBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return results, err
}

func (c *quarantineReplayCmd) print(w io.Writer, results []quarantine.Resubmitted) error {
	out := print.NewOutcomes(w, c.Format == "json")
	for _, r := range results {
		if err := out.Add(print.Outcome(r)); err != nil {
			return err
		}
	}
	return out.End(quarantine.Stored, quarantine.Known, quarantine.Ignored, quarantine.Refused)
}
