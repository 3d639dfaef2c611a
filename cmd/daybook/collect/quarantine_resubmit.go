package collect

import (
	"context"
	"errors"
	"io"

	"github.com/daybook-billing/daybook/api/operate"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/internal/bus"
)

type quarantineResubmitCmd struct {
	quarantineFlags
	shell.Person
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
func (c *quarantineResubmitCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	selection := quarantine.Selection{Filter: c.filter(), Sequences: c.Sequences}
	results, err := Resubmitter(b)(e.Ctx, selection, c.By, c.Note, c.AtEnd)
	if results == nil {
		return err
	}
	if printErr := c.print(e.Stdout, results); err == nil {
		err = printErr
	}
	return err
}

// Resubmitter resubmits input by what this program knows of platforms.
func Resubmitter(b *bus.Bus) operate.Resubmit {
	return func(ctx context.Context, s quarantine.Selection, by, note string, atEnd bool) ([]quarantine.Resubmitted,
		error,
	) {
		rules := quarantine.Rules{
			Normalise: file.Normalise,
			End: func(ctx context.Context, foundation, list string) (guid string, sequence uint64, err error) {
				return cf.End(ctx, cf.OnBus(b), foundation, list)
			},
			GUID: usageevent.GUID, AtEnd: atEnd, By: by, Note: note,
		}
		return quarantine.NewResubmitter(quarantine.OnBus(b), rules).Run(ctx, b, s)
	}
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
