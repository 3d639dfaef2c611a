package main

import (
	"errors"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
)

type runningCmd struct {
	natsFlags
	Tenant     string `help:"Only this tenant (organization guid, tenant id)."`
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists running resources.
func (c *runningCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "running", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	out := print.NewRunning(e.stdout, e.stderr, c.Format == "json")
	if err := metered.Latest(e.ctx, b, c.Foundation, c.Tenant, out.Add); err != nil {
		return err
	}
	var through []events.Horizon
	if c.Format != "json" {
		through, err = metered.Through(e.ctx, b, c.Foundation)
	}
	return errors.Join(out.End(through), err)
}
