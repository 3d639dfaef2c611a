package billing

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// Statement groups the commands about statements. Without the name of one it shows statements.
type Statement struct {
	Show   showStatementCmd   `cmd:"" default:"withargs" help:"Print a tenant's statements of a closed month; before that, a preview. This is what statement alone does."`
	Export exportStatementCmd `cmd:"" help:"Write a statement with all that a stranger needs to compute it again, as one file."`
	Verify verifyBundleCmd    `cmd:"" help:"Check such a file, without a server: its signature, and every sum and charge."`
}

// tenantMonth are the flags of a tenant's month.
type tenantMonth struct {
	Tenant     string `required:"" help:"Tenant, by its guid or name."`
	Month      string `required:"" placeholder:"YYYY-MM" help:"Month."`
	Foundation string `help:"Only this foundation."`
}

// Validate checks the command line.
func (c *tenantMonth) Validate() error {
	if !shell.IsMonth(c.Month) {
		return fmt.Errorf("--month %q is not a month such as 2026-11", c.Month)
	}
	return nil
}

type showStatementCmd struct {
	shell.NATS
	tenantMonth
	All    bool   `help:"Print all revisions and credit notes, not only the statements that stand."`
	Exact  bool   `help:"Print exact amounts, not those rounded to the currency's minor unit; json and csv have both."`
	Format string `enum:"table,json,csv" default:"table" help:"Output: ${enum}; json is one object a line, as BILLING has it."`
}

// Run prints the statements of a month, and previews of those that are not issued.
func (c *showStatementCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "statement", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return err
	}
	all, err := ledger.Statements(e.Ctx, b, ledger.Query{
		Tenant: c.Tenant, Foundation: c.Foundation, Period: c.Month,
	})
	if err != nil {
		return err
	}
	if !c.All {
		all = ledger.Standing(all)
	}
	drafts, err := preview.Statements(e.Ctx, b, c.Tenant, c.Foundation, c.Month)
	if err != nil {
		return err
	}
	if all = append(all, drafts...); len(all) == 0 {
		if err := metered.CheckNames(e.Ctx, b, c.Foundation, c.Tenant); err != nil {
			return err
		}
		return errors.New("nothing of this month concerns the tenant, or its statement has no seal yet: daybook " +
			"month list shows which months are closed, and daybook price seals statements")
	}
	return print.Statements(e.Stdout, all, c.Format, c.Exact)
}
