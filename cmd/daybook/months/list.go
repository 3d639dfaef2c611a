package months

import (
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/ledger"
)

// List is daybook month list.
type List struct {
	shell.NATS
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists months.
func (c *List) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "month", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	all, err := ledger.ListMonths(e.Ctx, b, c.Foundation)
	if err != nil {
		return err
	}
	return print.Months(e.Stdout, all, c.Format == "json")
}
