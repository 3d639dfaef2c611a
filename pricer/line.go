package pricer

import "github.com/daybook-billing/daybook/pricer/catalogue"

// Continues reports whether next begins where l ends, with equal price terms and rates: the two can
// be shown as one.
func (l *Line) Continues(next *Line) bool {
	if !l.End.Equal(next.Start) || !l.Component.SameTerms(next.Component) {
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
