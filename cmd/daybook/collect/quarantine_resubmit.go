package collect

import (
	"context"
	"errors"
	"io"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/quarantine"
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
func (c *quarantineResubmitCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "quarantine", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	resubmitter := quarantine.NewResubmitter(quarantine.OnBus(b), quarantine.Rules{
		Normalise: file.Normalise,
		End: func(ctx context.Context, foundation, list string) (guid string, sequence uint64, err error) {
			return cf.End(ctx, cf.OnBus(b), foundation, list)
		},
		GUID:  usageevent.GUID,
		AtEnd: c.AtEnd,
	})
	results, err := resubmitter.Run(e.Ctx, b, quarantine.Selection{Filter: c.filter(), Sequences: c.Sequences})
	if results == nil {
		return err
	}
	if printErr := c.print(e.Stdout, results); err == nil {
		err = printErr
	}
	return err
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
