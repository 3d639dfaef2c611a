package metering

import (
	"fmt"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
)

// decideAll publishes a decision about each hold of the flags: word says which.
func (c *decisionFlags) decideAll(e *shell.Env, action string, word func(*acts.Held) (acts.Word, error)) error {
	b, err := c.Open(e.Ctx, "holds", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return err
	}
	at := shell.Now()
	selected, err := acts.Select(e.Ctx, a, acts.Filter{Foundation: c.Foundation, Tenant: c.Tenant, Code: c.Code}, word)
	if err != nil {
		return err
	}
	if selected.Omitted > 0 {
		fmt.Fprintf(e.Stderr, "not listed: %d more; run this again when the projector has taken up what is decided "+
			"now\n", selected.Omitted)
	}
	if selected.Unfit > 0 {
		fmt.Fprintf(e.Stderr, "left out: %d that can not be released so: they need their size, one of two bounds "+
			"(--as lower or --as higher, a service also --catalogue), or have none, or can not be released at all; "+
			"daybook holds list says which\n", selected.Unfit)
	}
	if len(selected.Holds)+selected.Unfit == 0 {
		if err := metered.CheckNames(e.Ctx, b, c.Foundation, c.Tenant); err != nil {
			return err
		}
	}
	if !c.Yes {
		out := print.NewDecisions(e.Stdout)
		for i := range selected.Holds {
			if err := out.Add(&selected.Holds[i]); err != nil {
				return err
			}
		}
		return out.End(action)
	}
	decisions := make([]events.Act, len(selected.Holds))
	for i := range selected.Holds {
		h := &selected.Holds[i]
		decisions[i] = h.Decision(h.Word.Action, c.By, c.Note, at)
		decisions[i].Decision.Footprint = h.Word.Footprint
	}
	decided, err := acts.Decide(e.Ctx, b, decisions...)
	published := 0
	for i := range decided {
		if !decided[i].Already {
			published++
		}
	}
	if err != nil {
		return fmt.Errorf("%d of %d decisions published; run this again for the others: %w", published, len(decisions),
			err)
	}
	fmt.Fprintf(e.Stdout, "published: %s of %d holds; %d had been decided so already\n", action, published,
		len(decisions)-published)
	return nil
}
