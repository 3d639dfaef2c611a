package metering

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// Running is daybook running.
type Running struct {
	shell.NATS
	Tenant     string `help:"Only this tenant (organization guid, tenant id)."`
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists running resources.
func (c *Running) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "running", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	out := print.NewRunning(e.Stdout, e.Stderr, c.Format == "json")
	if err := latestOf(e.Ctx, b, c.Foundation, c.Tenant, out.Add); err != nil {
		return err
	}
	var through []events.Horizon
	if c.Format != "json" {
		through, err = metered.Through(e.Ctx, b, c.Foundation)
	}
	return errors.Join(out.End(through), err)
}

// latestOf is metered.Latest. A foundation or a tenant that does not exist is an error.
func latestOf(ctx context.Context, b *bus.Bus, foundation, tenant string, each func(m *events.Metered) error) error {
	found := false
	err := metered.Latest(ctx, b, foundation, tenant, func(m *events.Metered) error {
		found = true
		return each(m)
	})
	if err == nil && !found {
		err = metered.CheckNames(ctx, b, foundation, tenant)
	}
	return err
}
