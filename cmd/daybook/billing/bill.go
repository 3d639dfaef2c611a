package billing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
)

// Bill is daybook bill.
type Bill struct {
	shell.Reads
	shell.Ledger
	Tenant string `help:"Only this tenant: its guid or name."`
	Month  string `placeholder:"YYYY-MM" help:"Only this month."`
	Format string `enum:"table,json,csv" default:"table" help:"Output: ${enum}."`
	Exact  bool   `help:"Print exact amounts, not those rounded to the currency's minor unit; json is exact anyway."`
	// By are ledger.Dimensions.
	By []ledger.Dimension `sep:"," placeholder:"NAME,…" help:"Sum by app, space, resource, plan, component, day, kind, datastore, region or availability_zone, or by several of them (default: kind,plan,component)."`
}

// Validate checks the command line.
func (c *Bill) Validate() error {
	return checkSums(c.Month, c.By, ledger.Dimensions())
}

// checkSums checks --month and --by.
func checkSums[T ~string](month string, by, known []T) error {
	if month != "" && !shell.IsMonth(month) {
		return fmt.Errorf("--month %q is not a month such as 2026-11", month)
	}
	for i, word := range by {
		if !slices.Contains(known, word) || slices.Contains(by[:i], word) {
			return fmt.Errorf("--by takes each of %s at most once, not %q", names(known), word)
		}
	}
	return nil
}

// Run prints the bill as BILLING has it now.
func (c *Bill) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	bill, quarantined, err := ask(e)
	if err != nil {
		return err
	}
	switch c.Format {
	case "json":
		err = print.BillJSON(e.Stdout, bill, quarantined)
	case "csv":
		err = print.BillCSV(e.Stdout, e.Stderr, bill, quarantined, c.Exact)
	default:
		err = print.Bill(e.Stdout, bill, quarantined, c.Exact)
	}
	if err == nil && len(bill.Missing) > 0 {
		err = Lacking(bill.Missing)
	}
	return err
}

func (c *Bill) api(e *shell.Env) (bill *ledger.Bill, quarantined int, err error) {
	question := &answer.BillQuestion{Whose: answer.Whose{Tenant: c.Tenant}, Month: c.Month}
	for _, by := range c.By {
		question.By = append(question.By, string(by))
	}
	x, err := shell.Ask[answer.Bill](e, &c.Reads, "bill", question)
	if err != nil {
		return nil, 0, err
	}
	bill, err = x.Ledger(question)
	return bill, x.Quarantined, err
}

func (c *Bill) streams(e *shell.Env) (*ledger.Bill, int, error) {
	b, err := c.Open(e.Ctx, "bill", nil)
	if err != nil {
		return nil, 0, err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return nil, 0, err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, ""); err != nil {
		return nil, 0, err
	}
	all, err := c.Books(e.Ctx, b)
	if err != nil {
		return nil, 0, err
	}
	defer all.Close()
	bill, err := all.Bill(e.Ctx, ledger.Query{Tenant: c.Tenant, Period: c.Month, By: c.By})
	if err != nil {
		return nil, 0, err
	}
	lost, err := ledger.Losing(e.Ctx, b, events.StreamUsage)
	if err != nil {
		return nil, 0, err
	}
	bill.Missing = append(all.Missing, lost...)
	if len(bill.Lines)+bill.Running+bill.Held+bill.Unrated == 0 {
		if err := metered.CheckNames(e.Ctx, b, "", c.Tenant); err != nil {
			return nil, 0, err
		}
	}
	a.Call(&bill)
	if err := shell.Compare(e.Ctx, b, &bill); err != nil {
		return nil, 0, err
	}
	quarantined, err := quarantine.Count(e.Ctx, b)
	return &bill, quarantined, err
}

// Lacking is the error of a printed bill that lacks something.
func Lacking(missing []string) error {
	return fmt.Errorf("the bill is incomplete: %s", strings.Join(missing, "; "))
}

// names are words in one sentence.
func names[T ~string](words []T) string {
	text := make([]string, len(words))
	for i, w := range words {
		text[i] = string(w)
	}
	return strings.Join(text, ", ")
}
