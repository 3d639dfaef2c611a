package collect

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/names"
)

// Quarantine groups the commands about quarantined input.
type Quarantine struct {
	List     quarantineListCmd     `cmd:"" help:"List input that could not be understood."`
	Show     quarantineShowCmd     `cmd:"" help:"Show one input in full."`
	Resubmit quarantineResubmitCmd `cmd:"" help:"Put input through this version again, and store the facts that it understands."`
	Discard  quarantineDiscardCmd  `cmd:"" help:"Say that input needs nothing more: it counts as quarantined no longer."`
}

// quarantineFlags select input.
type quarantineFlags struct {
	shell.NATS
	Source     string `enum:",cf,trove,unknown" default:"" help:"Only this source: cf, trove or unknown."`
	Foundation string `help:"Only this foundation."`
}

func (f *quarantineFlags) filter() quarantine.Filter {
	return quarantine.Filter{Source: f.Source, Foundation: f.Foundation}
}

type quarantineListCmd struct {
	quarantineFlags
	All    bool   `help:"List what was resubmitted or discarded, too."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists the quarantine.
func (c *quarantineListCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	view, err := names.NewView(e.Ctx, b)
	if err != nil {
		return err
	}
	board := quarantine.NewBoard(c.filter())
	if err := board.Look(e.Ctx, b); err != nil {
		return err
	}
	out, found := print.NewQuarantine(e.Stdout, c.Format == "json", c.All), false
	err = quarantine.List(e.Ctx, view, c.filter(), func(x *quarantine.Entry) error {
		found = true
		word, settled := board.Word(x)
		if settled && !c.All {
			return nil
		}
		return out.Add(x, word)
	})
	if err == nil && !found && c.Source == "" {
		err = metered.CheckNames(e.Ctx, b, c.Foundation, "")
	}
	if err != nil {
		return err
	}
	return out.End()
}

type quarantineShowCmd struct {
	shell.NATS
	Sequence uint64 `arg:"" help:"Sequence in QUARANTINE, as daybook quarantine list prints it."`
}

// Run shows one input.
func (c *quarantineShowCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	view, err := names.NewView(e.Ctx, b)
	if err != nil {
		return err
	}
	entry, err := quarantine.Get(e.Ctx, view, c.Sequence)
	if errors.Is(err, bus.ErrNotFound) {
		return fmt.Errorf("there is no message %d in QUARANTINE: daybook quarantine list shows those that there are",
			c.Sequence)
	}
	if err != nil {
		return err
	}
	board := quarantine.NewBoard(quarantine.Filter{Source: entry.Source, Foundation: entry.Foundation})
	if err := board.Look(e.Ctx, b); err != nil {
		return err
	}
	word, _ := board.Word(&entry)
	return print.Quarantined(e.Stdout, &entry, word)
}
