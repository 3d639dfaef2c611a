package explain

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/pricer/terms"
)

// Explain tells what charges go back to, and computes them again.
type Explain struct {
	shell.Reads
	What  string `arg:"" name:"charge" help:"Id of a charge or a reversal; with --month a resource: app, process, task, service instance, database, by its guid or by the name of an app, service instance or database; with --month and --tenant a line of a statement: NUMBER/LINE, such as 12/3."`
	Month string `placeholder:"YYYY-MM" help:"Month of the resource's charges, or of the statement."`

	Tenant     string `help:"Tenant of the statement, by its guid or name."`
	Foundation string `help:"Foundation of the statement, where several have one of this number."`

	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Validate checks the command line.
func (c *Explain) Validate() error {
	if c.Month != "" && !shell.IsMonth(c.Month) {
		return fmt.Errorf("--month %q is not a month such as 2026-11", c.Month)
	}
	if isLine := lineForm.MatchString(c.What); isLine != (c.Tenant != "") || isLine && c.Month == "" {
		return errors.New("a line of a statement is NUMBER/LINE, such as 12/3, with --tenant and --month; neither a " +
			"charge nor a resource takes a --tenant")
	}
	return nil
}

// Run prints the way of each charge. It ends with ErrDiffers where one is computed otherwise.
func (c *Explain) Run(e *shell.Env) error {
	if c.Tenant != "" {
		return c.line(e)
	}
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	x, err := ask(e)
	if err != nil {
		return err
	}
	out := print.NewExplanations(e.Stdout, e.Stderr, c.Format == "json")
	differs := false
	for i := range x.Explanations {
		differs = differs || !x.Explanations[i].Equal
		if err := out.Add(&x.Explanations[i]); err != nil {
			return err
		}
	}
	if err := out.End(x.Omitted); err != nil {
		return err
	}
	if differs {
		return shell.ErrDiffers
	}
	return nil
}

func (c *Explain) streams(e *shell.Env) (*answer.Explanations, error) {
	b, err := c.Open(e.Ctx, "explain", nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	view, err := names.NewView(e.Ctx, b)
	if err != nil {
		return nil, err
	}
	charges, omitted, err := c.charges(e.Ctx, b, view)
	if err != nil {
		return nil, err
	}
	priced, err := terms.Read(e.Ctx, b)
	if err != nil {
		return nil, err
	}
	versions, out := map[string]answer.Version{}, &answer.Explanations{Omitted: omitted}
	for i := range charges {
		p := &charges[i]
		if versions[p.Catalogue].Version == "" {
			if versions[p.Catalogue], err = version(e, b, p.Catalogue); err != nil {
				return nil, err
			}
		}
		m, err := b.Get(e.Ctx, events.StreamBilling, p.Sequence)
		if err != nil {
			return nil, err
		}
		working, differences := priced.Again(&m, p.Source, p.Foundation, p.Used(), &p.Charge.Charge)
		out.Explanations = append(out.Explanations, *answer.NewExplanation(p.Erased(view.Erasures),
			versions[p.Catalogue], working, differences))
	}
	return out, nil
}

// version reads a catalogue version.
func version(e *shell.Env, b *bus.Bus, name string) (answer.Version, error) {
	act, err := acts.FindVersion(e.Ctx, b, name)
	switch {
	case errors.Is(err, acts.ErrNoVersion):
		return answer.Version{Version: name}, nil
	case err != nil:
		return answer.Version{}, err
	}
	return answer.NewVersion(answer.Operator(), &act), nil
}
