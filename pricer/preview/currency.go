package preview

import (
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events/effect"
)

// CurrencyError refuses a catalogue with another billing currency than the charges of a month.
type CurrencyError struct {
	Month  string // the first one
	Closed bool   // it is closed, and was named to be priced anew; else it is open
	From   string // the month from which on the other currency was asked for; empty for none
	Before string // billing currencies
	After  string
}

func (e *CurrencyError) Error() string {
	switch {
	case e.Closed:
		return fmt.Sprintf("the closed month %s is billed in %s, and can not be priced anew in %s: name the closed "+
			"months in a version with their own currency", e.Month, e.Before, e.After)
	case e.From != "" && e.From > e.Month:
		return fmt.Sprintf("%s is open, too, and would be billed in %s from its first day on: close it before "+
			"(daybook month close %s)", e.Month, e.After, e.Month)
	}
	return fmt.Sprintf("the billing currency goes from %s to %s, from the first day of %s on, the first open month: "+
		"--currency-from %s says that this is meant", e.Before, e.After, e.Month, e.Month)
}

// CheckCurrency refuses an effect with another billing currency, but from a month on that is the
// first open one. The named months are closed, and priced anew. Error: *CurrencyError.
func CheckCurrency(seen *effect.Effect, named []string, from string) error {
	var refused *CurrencyError
	for i := range seen.Rows {
		r := &seen.Rows[i]
		if r.Before.Currency == "" || r.Before.Currency == r.After.Currency {
			continue
		}
		e := &CurrencyError{
			Month: r.Month, Closed: slices.Contains(named, r.Month), From: from, Before: r.Before.Currency,
			After: r.After.Currency,
		}
		if refused == nil || !refused.Closed && (e.Closed || e.Month < refused.Month) {
			refused = e
		}
	}
	if refused == nil || !refused.Closed && refused.Month == from {
		return nil
	}
	return refused
}
