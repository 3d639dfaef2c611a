package billing

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events/statement"
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
	shell.Reads
	tenantMonth
	All    bool   `help:"Print all revisions and credit notes, not only the statements that stand."`
	Exact  bool   `help:"Print exact amounts, not those rounded to the currency's minor unit; json and csv have both."`
	Format string `enum:"table,json,csv" default:"table" help:"Output: ${enum}; json is one object a line, as BILLING has it."`
}

// Run prints the statements of a month, and previews of those that are not issued.
func (c *showStatementCmd) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	all, platforms, err := ask(e)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("nothing of this month concerns the tenant, or its statement has no seal yet: daybook " +
			"month list shows which months are closed, and daybook price seals statements")
	}
	err = print.Statements(e.Stdout, all, c.Format, c.Exact)
	if c.Format == "table" {
		print.Comparisons(e.Stdout, platforms)
	}
	return err
}

func (c *showStatementCmd) api(e *shell.Env) ([]statement.Statement, []ledger.Comparison, error) {
	x, all, err := c.Statements(e, &answer.StatementsQuestion{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant}, Month: c.Month, All: c.All, Preview: true,
	})
	if err != nil {
		return nil, nil, err
	}
	return all, answer.Comparisons(x.Platforms), nil
}

// streams are the statements of a month, and for its previews whether METERED agrees with what
// platforms count.
func (c *showStatementCmd) streams(e *shell.Env) (all []statement.Statement, platforms []ledger.Comparison, err error) {
	b, err := c.Open(e.Ctx, "statement", nil)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return nil, nil, err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return nil, nil, err
	}
	all, err = ledger.Statements(e.Ctx, b, ledger.Query{
		Tenant: c.Tenant, Foundation: c.Foundation, Period: c.Month,
	})
	if err != nil {
		return nil, nil, err
	}
	if !c.All {
		all = ledger.Standing(all)
	}
	drafts, err := preview.Statements(e.Ctx, b, c.Tenant, c.Foundation, c.Month)
	if err != nil {
		return nil, nil, err
	}
	if all = append(all, drafts...); len(all) == 0 {
		err = metered.CheckNames(e.Ctx, b, c.Foundation, c.Tenant)
	}
	if err == nil {
		platforms, err = shell.Comparisons(e.Ctx, b, answer.Previewed(drafts))
	}
	return all, platforms, err
}
