package metering

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/names"
)

// Running is daybook running.
type Running struct {
	shell.NATS
	Tenant     string `help:"Only this tenant: its guid or name."`
	Foundation string `help:"Only this foundation."`
	GUIDs      bool   `name:"guids" help:"Print the guids of tenants, not their names."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists running resources.
func (c *Running) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "running", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	out := print.NewRunning(e.Stdout, e.Stderr, c.Format == "json")
	if !c.GUIDs {
		out.TenantName = func(source, foundation, guid string) string {
			return a.Names.Name(names.Key{Tenant: names.Tenant{Source: source, Foundation: foundation, GUID: guid}})
		}
	}
	if err := latestOf(e.Ctx, a, c.Foundation, c.Tenant, out.Add); err != nil {
		return err
	}
	var through []events.Horizon
	if c.Format != "json" {
		through, err = metered.Through(e.Ctx, b, c.Foundation)
	}
	return errors.Join(out.End(through), err)
}

// latestOf is metered.Latest of a tenant by its guid or name. A foundation or a tenant that does
// not exist is an error.
func latestOf(ctx context.Context, a *shell.Answers, foundation, tenant string,
	each func(m *events.Metered) error,
) error {
	guid, err := a.Tenant(ctx, tenant, foundation)
	if err != nil {
		return err
	}
	found := false
	err = metered.Latest(ctx, a, foundation, guid, func(m *events.Metered) error {
		found = true
		return each(m)
	})
	if err == nil && !found {
		err = metered.CheckNames(ctx, a, foundation, guid)
	}
	return err
}
