package explain

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/pricer/terms"
)

// Explain tells what charges go back to, and computes them again.
type Explain struct {
	shell.NATS
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
	b, err := c.Open(e.Ctx, "explain", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	if c.Tenant != "" {
		return c.line(e, b)
	}
	view, err := names.NewView(e.Ctx, b)
	if err != nil {
		return err
	}
	charges, omitted, err := c.charges(e.Ctx, b, view)
	if err != nil {
		return err
	}
	out := print.NewExplanations(e.Stdout, e.Stderr, c.Format == "json")
	priced, err := terms.Read(e.Ctx, b)
	if err != nil {
		return err
	}
	versions := map[string]*print.Version{}
	differs := false
	for i := range charges {
		p := &charges[i]
		if versions[p.Catalogue] == nil {
			if versions[p.Catalogue], err = version(e, b, p.Catalogue); err != nil {
				return err
			}
		}
		x := print.Explanation{Priced: p, Version: versions[p.Catalogue]}
		m, err := b.Get(e.Ctx, events.StreamBilling, p.Sequence)
		if err != nil {
			return err
		}
		var span *events.Span
		if p.Span != nil {
			span = &p.Span.Span
		}
		x.Working, x.Differences = priced.Again(&m, p.Source, p.Foundation, span, &p.Charge.Charge)
		differs = differs || len(x.Differences) > 0
		x.Priced = p.Erased(view.Erasures)
		if err := out.Add(&x); err != nil {
			return err
		}
	}
	if err := out.End(omitted); err != nil {
		return err
	}
	if differs {
		return shell.ErrDiffers
	}
	return nil
}

// none is the error of a command that found no charge.
func (c *Explain) none() error {
	if c.Month == "" {
		return fmt.Errorf("no charge has the id %q: daybook trace EVENT lists the charges of an event, and --month "+
			"explains those of a resource", c.What)
	}
	return fmt.Errorf("%s has no charge in %s: daybook running, holds list and unrated list show what is not charged",
		c.What, c.Month)
}

// version reads a catalogue version.
func version(e *shell.Env, b *bus.Bus, name string) (*print.Version, error) {
	act, err := acts.FindVersion(e.Ctx, b, name)
	if err != nil && !errors.Is(err, acts.ErrNoVersion) {
		return nil, err
	}
	return &print.Version{Name: name, Sequence: act.Sequence, By: act.By, Note: act.Note}, nil
}
