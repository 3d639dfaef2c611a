package main

import (
	"fmt"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
)

// decideAll publishes a decision about each hold of the flags.
func (c *decisionFlags) decideAll(e *env, action string) error {
	b, err := c.open(e.ctx, "holds", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	at := now()
	selected, err := acts.Select(e.ctx, b, acts.Filter{Foundation: c.Foundation, Tenant: c.Tenant, Code: c.Code},
		action)
	if err != nil {
		return err
	}
	if selected.Omitted > 0 {
		fmt.Fprintf(e.stderr, "not listed: %d more; run this again when the projector has taken up what is decided "+
			"now\n", selected.Omitted)
	}
	if selected.Unfit > 0 {
		fmt.Fprintf(e.stderr, "left out: %d that can not be released without their size, or at all; daybook holds "+
			"list says why\n", selected.Unfit)
	}
	if !c.Yes {
		fmt.Fprintf(e.stdout, "%s of %d holds: nothing published yet; add --yes to decide\n", action,
			len(selected.Holds))
		return nil
	}
	decisions := make([]events.Act, len(selected.Holds))
	for i := range selected.Holds {
		decisions[i] = selected.Holds[i].Decision(action, c.By, c.Note, at)
	}
	decided, err := acts.Decide(e.ctx, b, decisions...)
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
	fmt.Fprintf(e.stdout, "published: %s of %d holds; %d had been decided so already\n", action, published,
		len(decisions)-published)
	return nil
}
