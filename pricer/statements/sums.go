package statements

import (
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Sums adds entries up to the lines of a statement. The zero value is an empty one.
type Sums struct {
	lines      map[key]*statement.Line
	catalogues map[string]bool
}

// key is a line without sums.
type key struct {
	plan, component, month, unit, unitPrice, priceCurrency, currencyRate, vatRate, currency string
}

func keyOf(l *statement.Line) key {
	return key{
		l.Plan, l.Component, l.Month, l.Unit, l.UnitPrice, l.PriceCurrency, l.CurrencyRate, l.VATRate, l.Currency,
	}
}

// Price is what one unit costs, in a currency; the zero value where there is no unit price.
type Price struct{ Unit, Currency string }

// PriceOf is what a unit of a component costs; a formula has none.
func PriceOf(c *catalogue.Component) Price {
	if c.Quantity == nil {
		return Price{}
	}
	return Price{Unit: c.UnitPrice.String(), Currency: c.Currency}
}

// lineOf is the line of an entry, without sums.
func lineOf(c *events.Charge, price Price) statement.Line {
	return statement.Line{
		Plan: c.Plan, Component: c.Component, Month: c.Month, Unit: c.Unit, UnitPrice: price.Unit,
		PriceCurrency: price.Currency, CurrencyRate: c.CurrencyRate, VATRate: c.VATRate, Currency: c.Currency,
	}
}

// Belongs reports whether an entry is one of those that a line is the sum of.
func Belongs(c *events.Charge, price Price, to *statement.Line) bool {
	l := lineOf(c, price)
	return keyOf(&l) == keyOf(to)
}

// Add adds an entry.
func (s *Sums) Add(c *events.Charge, price Price) {
	if s.lines == nil {
		s.lines, s.catalogues = map[key]*statement.Line{}, map[string]bool{}
	}
	l := lineOf(c, price)
	of := s.lines[keyOf(&l)]
	if of == nil {
		of = &l
		s.lines[keyOf(&l)] = of
	}
	of.Entries++
	of.Amount, of.VAT = of.Amount.Add(c.Amount), of.VAT.Add(c.VAT)
	if c.Unit != "" { // a formula has no quantity to add up
		of.Quantity = of.Quantity.Add(c.Quantity)
	}
	if c.Catalogue != "" {
		s.catalogues[c.Catalogue] = true
	}
}

// Settle gives a statement without lines the lines, with their VAT rates, totals and catalogues.
func (s *Sums) Settle(x *statement.Statement) {
	x.Catalogues, x.Lines = slices.Sorted(maps.Keys(s.catalogues)), s.Lines()
	x.Settle()
}

// Lines are those that come to something, in no order and not rounded.
func (s *Sums) Lines() (lines []statement.Line) {
	for _, l := range s.lines {
		if !l.Quantity.IsZero() || !l.Amount.IsZero() || !l.VAT.IsZero() {
			lines = append(lines, *l)
		}
	}
	return lines
}
