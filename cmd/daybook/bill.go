package main

import (
	"fmt"
	"regexp"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
)

type billCmd struct {
	natsFlags
	Tenant string `help:"Only this tenant (organization guid, tenant id)."`
	Month  string `placeholder:"YYYY-MM" help:"Only this month."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}."`
}

var monthForm = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])$`)

// Validate checks the command line.
func (c *billCmd) Validate() error {
	if c.Month != "" && !monthForm.MatchString(c.Month) {
		return fmt.Errorf("--month %q is not a month such as 2026-11", c.Month)
	}
	return nil
}

// Run prints the bill as BILLING has it now.
func (c *billCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "bill", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	// posting is tried again and again: it must not fail in silence
	log, err := service.NewLogger(e.stderr, "text", "warn")
	if err != nil {
		return err
	}
	all := memory.New()
	if err := ledger.CatchUp(e.ctx, b, all, log); err != nil {
		return err
	}
	bill, err := all.Bill(e.ctx, ledger.Query{Tenant: c.Tenant, Period: c.Month})
	if err != nil {
		return err
	}
	refused, err := b.Stream(e.ctx, events.StreamQuarantine)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return print.BillJSON(e.stdout, &bill, refused.Messages)
	}
	return print.Bill(e.stdout, &bill, refused.Messages)
}
