package billing

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/export"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

// Export is daybook export.
type Export struct {
	shell.Reads
	shell.Ledger
	What       string   `enum:"charges,corrections,totals,statements" default:"charges" help:"What: ${enum}; charges has all entries (default: ${default})."`
	Month      string   `required:"" placeholder:"YYYY-MM" help:"Month of posting."`
	Tenant     string   `help:"Only this tenant: its guid or name."`
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
	question := &export.Question{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant}, What: c.What, Month: c.Month,
		Format: c.Format, By: c.By,
	}
	var missing []string
	var err error
	if c.API != "" {
		var header http.Header
		if header, err = c.Copy(e, "export/{what}", question, e.Stdout); err == nil {
			missing = header.Values(export.HeaderMissing)
		}
	} else {
		missing, err = c.streams(e, question)
	}
	if err == nil && len(missing) > 0 {
		err = errors.New("the export is incomplete: " + strings.Join(missing, "; "))
	}
	return err
}

// streams writes an export of the streams. missing are sentences about what they lack.
func (c *Export) streams(e *shell.Env, question *export.Question) (missing []string, err error) {
	b, err := c.Open(e.Ctx, "export", nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	books, err := c.Books(e.Ctx, b)
	if err != nil {
		return nil, err
	}
	defer books.Close()
	answers := answer.New(books, b)
	if question.Tenant, err = answers.TenantOf(e.Ctx, answer.Operator(), c.Tenant, c.Foundation); err != nil {
		return nil, err
	}
	return books.Missing, export.Write(e.Ctx, e.Stdout, answers, answer.Operator(), question)
}
