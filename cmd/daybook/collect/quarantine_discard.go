package collect

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

type quarantineDiscardCmd struct {
	quarantineFlags
	shell.Person
	Sequences []uint64 `arg:"" optional:"" name:"sequence" help:"Sequences in QUARANTINE, as daybook quarantine list prints them."`
	All       bool     `help:"Everything that is listed, or all of --source and --foundation."`
	Yes       bool     `help:"With --all: discard; without it, only show what would be discarded."`
}

// Validate checks the command line.
func (c *quarantineDiscardCmd) Validate() error {
	switch {
	case c.All && len(c.Sequences) > 0:
		return errors.New("--all and sequences exclude each other")
	case !c.All && len(c.Sequences) == 0:
		return errors.New("name sequences of QUARANTINE, or discard everything with --all")
	case c.Yes && !c.All:
		return errors.New("--yes goes with --all")
	}
	return nil
}

// Run discards input.
func (c *quarantineDiscardCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	discards, already, err := c.selected(e, b)
	if err != nil {
		return err
	}
	if c.All && !c.Yes {
		_, err := fmt.Fprintf(e.Stdout, "discard of %d inputs: nothing published yet; add --yes to discard them\n",
			len(discards))
		return err
	}
	stored, err := acts.DiscardAll(e.Ctx, b, discards...)
	if err != nil {
		return fmt.Errorf("%d of %d inputs discarded; run this again for the others: %w", stored, len(discards), err)
	}
	_, err = fmt.Fprintf(e.Stdout, "discarded: %d inputs; %d were resubmitted or discarded before\n", stored,
		already+len(discards)-stored)
	return err
}

// selected makes the discards, and with --all and without --yes lists what they are about. already
// is the number of sequences with a last word.
func (c *quarantineDiscardCmd) selected(e *shell.Env, b *bus.Bus) (discards []events.Act, already int, err error) {
	board := quarantine.NewBoard(c.filter())
	if err := board.Look(e.Ctx, b); err != nil {
		return nil, 0, err
	}
	out, at := print.NewQuarantine(e.Stdout, false, false), shell.Now()
	selection := quarantine.Selection{Filter: c.filter(), Sequences: c.Sequences}
	err = selection.List(e.Ctx, b, func(x *quarantine.Entry) error {
		word, settled := board.Word(x)
		if settled {
			already++
			return nil
		}
		discards = append(discards, acts.Discard(&x.Quarantined, c.By, c.Note, at))
		if c.All && !c.Yes {
			return out.Add(x, word)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if c.All && !c.Yes {
		err = out.End()
	}
	return discards, already, err
}
