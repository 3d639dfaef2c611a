package billing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/export"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
)

// Export is daybook export.
type Export struct {
	shell.NATS
	What       string   `enum:"charges,corrections,totals,statements" default:"charges" help:"What: ${enum}; charges has all entries (default: ${default})."`
	Month      string   `required:"" placeholder:"YYYY-MM" help:"Month of posting."`
	Tenant     string   `help:"Only this tenant (organization guid, tenant id)."`
	Foundation string   `help:"Only this foundation."`
	By         []string `sep:"," placeholder:"NAME,…" help:"What totals are divided by (default: tenant,kind,plan,component)."`
	Format     string   `enum:"csv,jsonl" default:"csv" help:"Output: ${enum}; jsonl is one object a line."`
}

// Validate checks the command line.
func (c *Export) Validate() error {
	if !shell.IsMonth(c.Month) {
		return fmt.Errorf("--month %q is not a month such as 2026-11", c.Month)
	}
	for i, by := range c.By {
		if !slices.Contains(answer.TotalsDimensions(), by) || slices.Contains(c.By[:i], by) {
			return fmt.Errorf("--by takes each of %s at most once, not %q", names(answer.TotalsDimensions()), by)
		}
	}
	return nil
}

// Run writes the export as BILLING is now.
func (c *Export) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "export", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	books := memory.New()
	missing, err := ledger.CatchUp(e.Ctx, b, books)
	if err != nil {
		return err
	}
	err = export.Write(e.Ctx, e.Stdout, answer.New(memory.NewReader(books, b), b), answer.Operator(), &export.Question{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant}, What: c.What, Month: c.Month,
		Format: c.Format, By: c.By,
	})
	if err == nil && len(missing) > 0 {
		err = errors.New("the export is incomplete: " + strings.Join(missing, "; "))
	}
	return err
}
