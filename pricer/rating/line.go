package rating

import (
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Line is the cost of one component of a plan for a span, or for a part of it at one price.
type Line struct {
	Plan       *catalogue.Plan // the version in force at Start
	Component  *catalogue.Component
	Start, End time.Time
	Seconds    events.Decimal // from Start to End, exact
	// Quantity is in Unit. A component with a formula has no unit: its quantity is 1 for a whole
	// piece.
	Quantity events.Decimal
	Unit     string
	Amount   events.Decimal // net of VAT, in Currency, at most events.Places places
	VATCode  string         // empty for no VAT
	VATRate  string         // a decimal, in force at Start; empty for no VAT
	VAT      events.Decimal // in Currency, at most events.Places places
	Currency string         // the billing currency
	// CurrencyRate is what one unit of the component's currency is in the billing currency.
	CurrencyRate string
}

// Unrated is a part of a span without a price, with the reason.
type Unrated struct {
	Start, End time.Time
	Reason     string
}

// Continues reports whether next begins where l ends, with equal price terms and rates: the two can
// be shown as one.
func (l *Line) Continues(next *Line) bool {
	if !l.End.Equal(next.Start) || !l.Component.SameTerms(next.Component) ||
		l.Component.Monthly() && !monthOf(l.Start).Equal(monthOf(next.Start)) {
		return false
	}
	same := func(before, after catalogue.Rates) bool {
		if before == nil || after == nil {
			return len(before) == len(after)
		}
		a, _ := before.At(l.Start)
		b, _ := after.At(next.Start)
		return a.Value.Cmp(b.Value) == 0
	}
	return same(l.Component.CurrencyRates, next.Component.CurrencyRates) && same(l.Component.VATRates,
		next.Component.VATRates)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
