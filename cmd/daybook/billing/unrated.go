package billing

import (
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
)

// Unrated groups the commands about usage without a price.
type Unrated struct {
	List unratedListCmd `cmd:"" help:"List the parts of spans that no plan prices."`
}

type unratedListCmd struct {
	shell.Reads
	Tenant     string `help:"Only this tenant: its guid or name."`
	Foundation string `help:"Only this foundation."`
	Kind       string `enum:",app,task,staging,service,instance,volume" default:"" help:"Only this kind: app, task, staging, service, instance or volume."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists what has no price.
func (c *unratedListCmd) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	x, err := ask(e)
	if err != nil {
		return err
	}
	return print.Unrated(e.Stdout, e.Stderr, x, c.Format == "json")
}

func (c *unratedListCmd) api(e *shell.Env) (*answer.UnratedParts, error) {
	return shell.Ask[answer.UnratedParts](e, &c.Reads, "unrated", &answer.UnratedQuestion{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant}, What: answer.What{Kind: c.Kind},
	})
}

func (c *unratedListCmd) streams(e *shell.Env) (*answer.UnratedParts, error) {
	b, err := c.Open(e.Ctx, "unrated", nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return nil, err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return nil, err
	}
	all, err := ledger.ListUnrated(e.Ctx, a, ledger.UnratedFilter{
		Foundation: c.Foundation, Tenant: c.Tenant, Kind: c.Kind,
	})
	if err == nil && len(all) == 0 {
		err = metered.CheckNames(e.Ctx, a, c.Foundation, c.Tenant)
	}
	x := &answer.UnratedParts{}
	for i := range all {
		x.Unrated = append(x.Unrated, answer.NewUnrated(&all[i]))
	}
	return x, err
}
