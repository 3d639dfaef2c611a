package metering

import (
	"slices"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Holds groups the commands about holds, usage without proof.
type Holds struct {
	List    holdsListCmd    `cmd:"" help:"List held usage, which is not billed."`
	Release holdsReleaseCmd `cmd:"" help:"Bill held usage."`
	Discard holdsDiscardCmd `cmd:"" help:"Never bill held usage."`
}

type holdsListCmd struct {
	shell.Reads
	Tenant     string `help:"Only this tenant: its guid or name."`
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists holds.
func (c *holdsListCmd) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	x, why, err := ask(e)
	if err != nil {
		return err
	}
	out := print.NewHolds(e.Stdout, e.Stderr, c.Format == "json")
	for i := range x.Holds {
		if err := out.Add(&x.Holds[i]); err != nil {
			return err
		}
	}
	return out.End(x.Omitted, why)
}

func (c *holdsListCmd) api(e *shell.Env) (x *answer.Holds, why string, err error) {
	x, err = shell.Ask[answer.Holds](e, &c.Reads, "holds", &answer.HoldsQuestion{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant},
	})
	return x, tooMany, err
}

func (c *holdsListCmd) streams(e *shell.Env) (x *answer.Holds, why string, err error) {
	b, err := c.Open(e.Ctx, "holds", nil)
	if err != nil {
		return nil, "", err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return nil, "", err
	}
	x = &answer.Holds{}
	var held []ledger.Held
	called := map[string]string{} // by id of the hold
	if err := latestOf(e.Ctx, a, c.Foundation, c.Tenant, func(m *events.Metered) error {
		x.Omitted += int(m.HeldOmitted)
		for i := range m.Held {
			h := ledger.Held{Hold: m.Held[i], Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant}
			held, called[h.ID] = append(held, h), acts.NameOf(m, h.Resource)
		}
		return nil
	}); err != nil {
		return nil, "", err
	}
	slices.SortFunc(held, ledger.CompareHeld)
	for i := range held {
		x.Holds = append(x.Holds, answer.NewHold(&held[i], called[held[i].ID]))
	}
	return x, noRoom, nil
}
