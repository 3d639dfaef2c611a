package statement

import (
	"cmp"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
)

// Round rounds the exact sums of a rate, half-even.
func (x *Rate) Round() {
	places := money.MinorUnit(x.Currency)
	x.RoundedAmount, x.RoundedVAT = x.Amount.Round(places), x.VAT.Round(places)
}

// Add adds the rounded sums of a rate.
func (x *Total) Add(r *Rate) {
	x.Currency = r.Currency
	x.Amount, x.VAT = x.Amount.Add(r.RoundedAmount), x.VAT.Add(r.RoundedVAT)
	x.Total = x.Amount.Add(x.VAT)
}

// Apportion rounds the exact amounts and VATs of lines in a currency: they add up to an
// amount and a VAT in its minor unit.
func Apportion(currency string, amounts, vats []events.Decimal, amount, vat events.Decimal) (a, v []events.Decimal) {
	places := money.MinorUnit(currency)
	return money.Apportion(amounts, places, amount), money.Apportion(vats, places, vat)
}

// Settle sorts the lines, sums them by VAT rate and currency, and rounds both.
func (x *Statement) Settle() {
	slices.SortFunc(x.Lines, func(a, b Line) int { return compareLines(&a, &b) })
	x.Rates, x.Totals = nil, nil
	type rate struct{ currency, vatRate string }
	of := map[rate][]int{} // lines
	for i := range x.Lines {
		l := &x.Lines[i]
		key := rate{l.Currency, l.VATRate}
		if of[key] == nil {
			x.Rates = append(x.Rates, Rate{Currency: l.Currency, VATRate: l.VATRate})
		}
		of[key] = append(of[key], i)
	}
	slices.SortFunc(x.Rates, func(a, b Rate) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.VATRate, b.VATRate))
	})
	for i := range x.Rates {
		r := &x.Rates[i]
		x.settle(r, of[rate{r.Currency, r.VATRate}])
	}
}

// settle sums lines for a rate, rounds them, and adds the rate to the total of its currency.
func (x *Statement) settle(r *Rate, lines []int) {
	amounts, vats := make([]events.Decimal, len(lines)), make([]events.Decimal, len(lines))
	for i, n := range lines {
		amounts[i], vats[i] = x.Lines[n].Amount, x.Lines[n].VAT
		r.Amount, r.VAT = r.Amount.Add(amounts[i]), r.VAT.Add(vats[i])
	}
	r.Round()
	amounts, vats = Apportion(r.Currency, amounts, vats, r.RoundedAmount, r.RoundedVAT)
	for i, n := range lines {
		x.Lines[n].RoundedAmount, x.Lines[n].RoundedVAT = amounts[i], vats[i]
	}
	if last := len(x.Totals) - 1; last < 0 || x.Totals[last].Currency != r.Currency {
		x.Totals = append(x.Totals, Total{})
	}
	x.Totals[len(x.Totals)-1].Add(r)
}

func compareLines(a, b *Line) int {
	return cmp.Or(cmp.Compare(a.Month, b.Month), cmp.Compare(a.Plan, b.Plan), cmp.Compare(a.Component, b.Component),
		cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.UnitPrice, b.UnitPrice),
		cmp.Compare(a.PriceCurrency, b.PriceCurrency), cmp.Compare(a.CurrencyRate, b.CurrencyRate),
		cmp.Compare(a.VATRate, b.VATRate), cmp.Compare(a.Currency, b.Currency))
}
