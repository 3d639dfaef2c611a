package foreman

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/reconcile"
)

// Catalogue are the prices of a catalogue. A nil one prices nothing.
type Catalogue struct{ In *catalogue.Catalogue }

// PerDay implements Prices. The day is priced as a run of its own.
func (c Catalogue) PerDay(foundation string, m *reconcile.Material, at time.Time) ([]reconcile.Money, bool) {
	lines, unrated := c.lines(foundation, m, at)
	if unrated {
		return nil, true
	}
	var amount, vat events.Decimal
	for i := range lines {
		amount, vat = amount.Add(lines[i].Amount), vat.Add(lines[i].VAT)
	}
	return []reconcile.Money{{Currency: c.In.Currency, Amount: amount.String(), VAT: vat.String()}}, false
}

// Alike implements Liner.
func (c Catalogue) Alike(foundation string, a, b *reconcile.Material, at time.Time) bool {
	x, noneX := c.lines(foundation, a, at)
	y, noneY := c.lines(foundation, b, at)
	return !noneX && !noneY && slices.EqualFunc(x, y, func(x, y rating.Line) bool {
		return x.Plan == y.Plan && x.Component == y.Component && x.Amount.Cmp(y.Amount) == 0 && x.VAT.Cmp(y.VAT) == 0
	})
}

func (c Catalogue) lines(foundation string, m *reconcile.Material, at time.Time) ([]rating.Line, bool) {
	if c.In == nil {
		return nil, true
	}
	day := at.UTC().Truncate(24 * time.Hour)
	lines, unrated := rating.Rate(c.In, foundation, &events.Span{
		Kind: m.Kind, Resource: m.Resource, App: m.App, Tenant: m.Tenant, Space: m.Space, SpaceName: m.SpaceName,
		Name: m.Name, Footprint: m.Footprint, Start: day, End: day.Add(24 * time.Hour), Since: day,
	})
	return lines, len(unrated) > 0
}
