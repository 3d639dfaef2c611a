package metering

import (
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

// Holds groups the commands about holds, usage without proof.
type Holds struct {
	List    holdsListCmd    `cmd:"" help:"List held usage, which is not billed."`
	Release holdsReleaseCmd `cmd:"" help:"Bill held usage."`
	Discard holdsDiscardCmd `cmd:"" help:"Never bill held usage."`
}

type holdsListCmd struct {
	shell.NATS
	Tenant     string `help:"Only this tenant: its guid or name."`
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists holds.
func (c *holdsListCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "holds", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	out := print.NewHolds(e.Stdout, e.Stderr, c.Format == "json")
	if err := latestOf(e.Ctx, a, c.Foundation, c.Tenant, out.Add); err != nil {
		return err
	}
	return out.End()
}
