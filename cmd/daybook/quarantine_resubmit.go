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

// Limits of a resubmission.
const (
	maxInputs     = 100_000  // the id and the outcome of each stay in memory
	maxInputBytes = 16 << 20 // of the inputs in memory at a time
)

type quarantineResubmitCmd struct {
	quarantineFlags
	Sequences []uint64 `arg:"" optional:"" name:"sequence" help:"Sequences in QUARANTINE."`
	All       bool     `help:"Everything, or all of --source and --foundation."`
	AtEnd     bool     `help:"Append Cloud Foundry events without a known position behind all others. Billing may be wrong by it."`
	Format    string   `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Validate checks the command line.
func (c *quarantineResubmitCmd) Validate() error {
	switch {
	case c.All && len(c.Sequences) > 0:
		return errors.New("--all and sequences exclude each other")
	case !c.All && len(c.Sequences) == 0:
		return errors.New("name sequences of QUARANTINE, or resubmit everything with --all")
	}
	return nil
}

// Run resubmits input.
func (c *quarantineResubmitCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	// All sequences are there before anything is stored.
	inputs, found := 0, 0
	err = c.each(e.ctx, b, func(m *bus.Stored, _ *events.Quarantined) error {
		if inputs++; inputs > maxInputs {
			return fmt.Errorf("there are more than %d inputs: narrow them with --source and --foundation", maxInputs)
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
	results, err := c.resubmit(e.ctx, b)
	if printErr := c.print(e.stdout, results); err == nil {
		err = printErr
	}
	return err
}

// resubmit goes through the quarantine in parts: memory holds few inputs at a time.
func (c *quarantineResubmitCmd) resubmit(ctx context.Context, b *bus.Bus) (results []quarantine.Resubmitted, err error) {
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
			return c.All || slices.Contains(c.Sequences, p.Sequence)
		})
		results = append(results, done...)
		clear(part)
		part, size = part[:0], 0
		return err
	}
	err = c.each(ctx, b, func(m *bus.Stored, q *events.Quarantined) error {
		part = append(part, quarantine.Entry{Sequence: m.Sequence, Quarantined: *q})
		if size += len(m.Data); size < maxInputBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return results, err
}

func (c *quarantineResubmitCmd) print(w io.Writer, results []quarantine.Resubmitted) error {
	out := print.NewOutcomes(w, c.Format == "json")
	for _, r := range results {
		if err := out.Add(print.Outcome(r)); err != nil {
			return err
		}
	}
	return out.End(quarantine.Stored, quarantine.Known, quarantine.Ignored, quarantine.Refused)
}
