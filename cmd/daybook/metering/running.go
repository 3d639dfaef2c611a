package metering

import (
	"cmp"
	"context"
	"slices"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
)

// Running is daybook running.
type Running struct {
	shell.Reads
	Tenant     string `help:"Only this tenant: its guid or name."`
	Foundation string `help:"Only this foundation."`
	GUIDs      bool   `name:"guids" help:"Print the guids of tenants, not their names."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists running resources.
func (c *Running) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	x, why, err := ask(e)
	if err != nil {
		return err
	}
	out := print.NewRunning(e.Stdout, e.Stderr, c.Format == "json")
	for i := range x.Running {
		if c.GUIDs {
			x.Running[i].TenantName = ""
		}
		if err := out.Add(&x.Running[i]); err != nil {
			return err
		}
	}
	return out.End(x.Foundations, x.Omitted, why)
}

// The reasons why something is not listed.
const (
	noRoom  = "a message has no room for more of one resource"
	tooMany = "give --tenant"
)

func (c *Running) api(e *shell.Env) (x *answer.Running, why string, err error) {
	x, err = shell.Ask[answer.Running](e, &c.Reads, "running", &answer.RunningQuestion{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant},
	})
	return x, tooMany, err
}

func (c *Running) streams(e *shell.Env) (x *answer.Running, why string, err error) {
	b, err := c.Open(e.Ctx, "running", nil)
	if err != nil {
		return nil, "", err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return nil, "", err
	}
	var spans []ledger.Span
	places := map[ledger.Foundation]bool{}
	x = &answer.Running{}
	if err := latestOf(e.Ctx, a, c.Foundation, c.Tenant, func(m *events.Metered) error {
		x.Omitted += int(m.RunningOmitted)
		places[ledger.Foundation{Source: m.Source, Name: m.Foundation}] = true
		for i := range m.Running {
			spans = append(spans, ledger.Span{Span: m.Running[i], Source: m.Source, Foundation: m.Foundation})
		}
		return nil
	}); err != nil {
		return nil, "", err
	}
	slices.SortFunc(spans, ledger.CompareSpans)
	for i := range spans {
		x.Running = append(x.Running, answer.NewRun(&spans[i], a.Names))
	}
	through, err := metered.Through(e.Ctx, b, c.Foundation)
	for _, h := range through {
		if c.Tenant == "" || places[ledger.Foundation{Source: h.Source, Name: h.Foundation}] {
			x.Foundations = append(x.Foundations, answer.FoundationState{
				Source: h.Source, Foundation: h.Foundation, MeteredThrough: print.Time(h.Time),
			})
		}
	}
	slices.SortFunc(x.Foundations, func(a, b answer.FoundationState) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation))
	})
	return x, noRoom, err
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
