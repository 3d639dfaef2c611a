package billing

import (
	"errors"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// WhatIf is daybook what-if.
type WhatIf struct {
	shell.Reads
	Catalogue string `required:"" placeholder:"FILE" help:"Catalogue file (YAML)."`
	Month     string `placeholder:"YYYY-MM" help:"Only this month."`
	Tenant    string `help:"Only this tenant: its guid or name."`
	Format    string `enum:"table,json,csv" default:"table" help:"Output: ${enum}; json is one object a line."`
	Closed    bool   `help:"Compute closed months: what each would change by if publish --reprice-closed named it alone."`
	Exact     bool   `help:"Print exact amounts, not those rounded to the currency's minor unit; json and csv are exact anyway."`
}

// Validate checks the command line.
func (c *WhatIf) Validate() error {
	if c.Month != "" && !shell.IsMonth(c.Month) {
		return fmt.Errorf("--month %q is not a month such as 2026-11", c.Month)
	}
	return nil
}

// Run prints what the catalogue would change.
func (c *WhatIf) Run(e *shell.Env) error {
	if c.API != "" {
		return c.api(e)
	}
	parsed, _, err := shell.LoadCatalogue(c.Catalogue)
	if err != nil {
		return err
	}
	b, err := c.Open(e.Ctx, "what-if", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, ""); err != nil {
		return err
	}
	look, err := preview.Take(e.Ctx, b)
	if err != nil {
		return err
	}
	seen, err := look.Effect(parsed.Digest(), parsed, nil)
	if err != nil {
		return err
	}
	if c.Closed {
		seen = look.Closed(parsed.Digest(), parsed)
	}
	seen.Rows = slices.DeleteFunc(seen.Rows, func(r effect.Row) bool {
		return c.Month != "" && r.Month != c.Month || c.Tenant != "" && r.Tenant != c.Tenant
	})
	if len(seen.Rows) == 0 {
		if err := metered.CheckNames(e.Ctx, b, "", c.Tenant); err != nil {
			return err
		}
	}
	if err := c.print(e, seen, look.Sequence); err != nil || c.Format != "table" || c.Closed {
		return err
	}
	return closesWith(e, b, seen)
}

// api asks an API. What closes with a first catalogue is told by the streams alone.
func (c *WhatIf) api(e *shell.Env) error {
	_, text, err := shell.LoadCatalogue(c.Catalogue)
	if err != nil {
		return err
	}
	x, err := shell.Send[answer.WhatIf](e, &c.Reads, "what-if", &answer.WhatIfQuestion{
		Catalogue: string(text), Month: c.Month, Tenant: c.Tenant, Closed: c.Closed,
	})
	if err != nil {
		return err
	}
	if x.Former == "" {
		return errors.New("no catalogue is in force, and what closes with the first one is told by the streams " +
			"alone: leave " +
			"--api out")
	}
	seen, err := x.Effect()
	if err != nil {
		return fmt.Errorf("the answer of the API: %w", err)
	}
	return c.print(e, seen, x.Metered)
}

// print prints an effect, as of a message of METERED.
func (c *WhatIf) print(e *shell.Env, seen *effect.Effect, sequence uint64) error {
	switch c.Format {
	case "json":
		return print.EffectJSON(e.Stdout, seen, sequence)
	case "csv":
		return print.EffectCSV(e.Stdout, seen)
	}
	print.Text(e.Stdout, fmt.Sprintf("With %s, as of message %d of %s (%s):", c.Catalogue, sequence,
		events.StreamMetered, print.InForce(seen.Former)))
	if c.Closed {
		return print.ClosedEffect(e.Stdout, seen, c.Exact)
	}
	print.Text(e.Stdout, fmt.Sprintf("daybook catalogue publish --expect %d FILE publishes it where no usage, closing "+
		"or catalogue has come since.", sequence))
	fmt.Fprintln(e.Stdout)
	return print.CatalogueEffect(e.Stdout, seen, c.Exact)
}
