package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// putFlags are the flags of the commands that put a version in force.
type putFlags struct {
	shell.NATS
	shell.Person
	Yes    bool   `help:"Publish without asking."`
	Expect uint64 `placeholder:"SEQ" help:"Refuse where usage, a closing or a catalogue stands behind this message of METERED: the one that a preview names."`
	Closed bool   `help:"Compute closed months, too: what each would change by if --reprice-closed named it alone."`
	// CurrencyFrom is the first open month.
	CurrencyFrom string        `placeholder:"YYYY-MM" help:"Bill in another currency from this month on, the first open one; without it, a version with another billing currency is refused."`
	Exact        bool          `help:"Show exact amounts, not those rounded to the currency's minor unit."`
	Wait         time.Duration `default:"10s" help:"Time to wait for the pricer to put the version in force, and to compare its effect; 0: none."`
}

// Validate checks the command line.
func (c *putFlags) Validate() error {
	if c.CurrencyFrom != "" && !shell.IsMonth(c.CurrencyFrom) {
		return fmt.Errorf("--currency-from %q is not a month such as 2026-11", c.CurrencyFrom)
	}
	return nil
}

// run shows the effect of a version, asks, and puts the version in force.
// The closed months are priced with it, too.
func (c *putFlags) run(e *shell.Env, closed []string,
	version func(*bus.Bus) (string, string, *catalogue.Catalogue, error),
) error {
	if !c.Yes && !e.Terminal() {
		return unasked()
	}
	b, err := c.Connect(e.Ctx, "catalogue", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	name, text, parsed, err := version(b)
	if err != nil {
		return err
	}
	p := acts.Publication{Version: name, YAML: text, By: c.By, Note: c.Note, At: shell.Now(), Reprice: closed}
	if done, err := acts.Published(e.Ctx, b, &p); done || err != nil {
		return c.outcome(e, name, false, err)
	}
	look, seen, err := c.look(e, b, name, parsed, closed)
	if err == nil {
		err = preview.CheckCurrency(seen, closed, c.CurrencyFrom)
	}
	if err != nil {
		return err
	}
	if !c.Yes {
		switch yes, err := e.Ask("Put catalogue " + name + " in force?"); {
		case err != nil:
			return unasked()
		case !yes:
			fmt.Fprintln(e.Stdout, "nothing is published")
			return shell.ErrReported
		}
	}
	if c.Expect > 0 {
		p.Check = func(ctx context.Context, usage uint64) error {
			return metered.Unchanged(ctx, b, c.Expect, usage, patience)
		}
	}
	before, err := b.Stream(e.Ctx, events.StreamBilling)
	if err != nil {
		return err
	}
	stored, err := acts.PublishCatalogue(e.Ctx, b, &p)
	if err := c.outcome(e, name, stored, err); err != nil || !stored || c.Wait == 0 || len(seen.Rows) == 0 {
		return err
	}
	return c.compare(e, b, before.Last, look.Sequence, seen)
}

// patience is how long --expect waits for the projector.
const patience = 10 * time.Second

func unasked() error {
	return &shell.UsageError{Message: "publishing asks first, and nobody answers on the standard input: give --yes " +
		"to publish without a question. daybook what-if --catalogue FILE shows the effect alone"}
}

// look prints the effect of the version, the named closed months priced by it, too.
func (c *putFlags) look(e *shell.Env, b *bus.Bus, name string, parsed *catalogue.Catalogue, named []string) (
	*preview.Look, *effect.Effect, error,
) {
	look, err := preview.Take(e.Ctx, b)
	if err != nil {
		return nil, nil, err
	}
	seen, err := look.Effect(name, parsed, named)
	if err != nil {
		return nil, nil, fmt.Errorf("--reprice-closed: %w", err)
	}
	print.Text(e.Stdout, fmt.Sprintf("The effect of catalogue %s, as of message %d of %s (%s):", name, look.Sequence,
		events.StreamMetered, print.InForce(seen.Former)))
	fmt.Fprintln(e.Stdout)
	err = errors.Join(print.CatalogueEffect(e.Stdout, seen, c.Exact), print.RepricedEffect(e.Stdout, seen, named))
	if err != nil {
		return nil, nil, err
	}
	if err := closesWith(e, b, seen); err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(e.Stdout)
	if c.Closed {
		if err := print.ClosedEffect(e.Stdout, look.Closed(name, parsed), c.Exact); err != nil {
			return nil, nil, err
		}
		fmt.Fprintln(e.Stdout)
	}
	return look, seen, nil
}

// outcome says what became of the publication.
func (c *putFlags) outcome(e *shell.Env, name string, stored bool, err error) error {
	var taken *catalogue.TakenError
	switch {
	case errors.As(err, &taken):
		return fmt.Errorf("%w (--name)", err)
	case err != nil:
		return err
	case !stored:
		fmt.Fprintf(e.Stdout, "catalogue %s is in force already; nothing changed\n", name)
		return nil
	}
	fmt.Fprintf(e.Stdout, "published catalogue %s on %s: it is in force from there on\n", name,
		events.ActSubject(events.ActCatalogue, "", ""))
	return nil
}

// compare waits for the effect that the pricer puts out, and compares it with the one that was
// seen.
func (c *putFlags) compare(e *shell.Env, b *bus.Bus, billing, looked uint64, seen *effect.Effect) error {
	got, err := preview.Compare(e.Ctx, b, billing, looked, seen, c.Wait)
	if err != nil || got.Act.Sequence == 0 {
		return err // another version has come meanwhile
	}
	if got.Put == nil {
		fmt.Fprintf(e.Stdout, "the pricer has not put it in force within %s: it does not run, or is behind. daybook "+
			"catalogue history shows the effect when it has\n", c.Wait)
		return nil
	}
	if err := print.Compared(e.Stdout, got.Put, got.Equal, got.Between, c.Exact); err != nil {
		return err
	}
	if got.Between == 0 && !got.Equal {
		return shell.ErrDiffers
	}
	return nil
}
