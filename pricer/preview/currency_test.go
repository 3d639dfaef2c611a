package preview_test

import (
	"errors"
	"testing"

	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// TestCheckCurrency: another billing currency begins with the first open month, and closed months
// keep their own, also where they are priced anew.
func TestCheckCurrency(t *testing.T) {
	row := func(month, before, after string) effect.Row {
		return effect.Row{Month: month, Before: effect.Side{Currency: before}, After: effect.Side{Currency: after}}
	}
	moved := []effect.Row{row("2026-10", "GBP", "GBP"), row("2026-12", "GBP", "EUR"), row("2026-11", "GBP", "EUR")}
	for name, c := range map[string]struct {
		rows   []effect.Row
		named  []string
		from   string
		month  string // refused; empty: taken
		closed bool
	}{
		"nothing is metered":        {},
		"the first catalogue":       {rows: []effect.Row{row("2026-11", "", "EUR")}},
		"the same currency":         {rows: []effect.Row{row("2026-11", "EUR", "EUR")}},
		"not said":                  {rows: moved, month: "2026-11"},
		"from the first open month": {rows: moved, from: "2026-11"},
		"from a later one":          {rows: moved, from: "2026-12", month: "2026-11"},
		"from an earlier one":       {rows: moved, from: "2026-10", month: "2026-11"},
		"of a closed month that is named, too": {
			rows: moved, named: []string{"2026-12"}, from: "2026-11", month: "2026-12", closed: true,
		},
	} {
		err := preview.CheckCurrency(&effect.Effect{Rows: c.rows}, c.named, c.from)
		var refused *preview.CurrencyError
		if errors.As(err, &refused); c.month == "" && err != nil || c.month != "" &&
			(refused == nil || refused.Month != c.month || refused.Closed != c.closed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
