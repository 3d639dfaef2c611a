package explain

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/client"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger/trace"
)

// charges are the charges of the command: of an id, or of a resource by its guid or name. They have
// erased names, because prices may ask for them.
func (c *Explain) charges(ctx context.Context, b *bus.Bus, view *names.View) (all []trace.Priced, omitted int,
	err error,
) {
	all, omitted, err = trace.Charges(ctx, b, nil, c.What, c.Month)
	if err != nil || len(all) > 0 {
		return all, omitted, err
	}
	if c.Month == "" {
		return nil, 0, c.none(nil)
	}
	guids, near, err := trace.Named(ctx, view, nil, c.What, c.Month)
	switch {
	case err != nil:
		return nil, 0, err
	case len(guids) == 0:
		return nil, 0, c.none(near)
	case len(guids) > 1:
		return nil, 0, errors.New(trace.Several(guids, c.What, c.Month))
	}
	return trace.Charges(ctx, b, nil, guids[0], c.Month)
}

// api asks the API for the explanations.
func (c *Explain) api(e *shell.Env) (*answer.Explanations, error) {
	if c.Month == "" {
		x, err := shell.Ask[answer.Explanation](e, &c.Reads, "charges/{id}", &answer.ChargeQuestion{ID: c.What})
		if client.NotFound(err) {
			err = c.none(nil)
		}
		if err != nil {
			return nil, err
		}
		return &answer.Explanations{Explanations: []answer.Explanation{*x}}, nil
	}
	x, err := shell.Ask[answer.Explanations](e, &c.Reads, "resources/{resource}/charges",
		&answer.ResourceQuestion{Resource: c.What, Month: c.Month})
	var refused *client.Error
	if errors.As(err, &refused) {
		switch {
		case client.NotFound(err):
			err = c.none(refused.Near)
		case len(refused.Near) > 0: // several have the name
			err = errors.New(refused.Detail)
		}
	}
	return x, err
}

// none is the error of a command that found no charge, with the names near to the given one.
func (c *Explain) none(near []string) error {
	if c.Month == "" {
		return fmt.Errorf("no charge has the id %q: daybook trace EVENT lists the charges of an event, and --month "+
			"explains those of a resource", c.What)
	}
	text := fmt.Sprintf("%s has no charge in %s: daybook running, holds list and unrated list show what is not charged",
		c.What, c.Month)
	if len(near) > 0 {
		text += ": did you mean " + strings.Join(near, ", ") + "?"
	}
	return errors.New(text)
}
