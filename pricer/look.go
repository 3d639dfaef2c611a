package pricer

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/pricer/whatif"
)

// This file tells what a catalogue would change if it came into force. A span has the terms of its
// month: a silent book does not note them in the span.

// Preview is the Effect that a catalogue would have if it came into force now. It posts nothing.
func (b *Book) Preview(next *catalogue.Catalogue) *whatif.Table {
	table := whatif.New(b.currency(b.inForce), next.Currency)
	for _, address := range b.spans.All() {
		p := b.spans.At(address)
		m := b.monthsOf(&p)
		p.Version = b.termsOf(m, p.Month())
		if m.closed(p.Month()) {
			if table.Leaves(p.Month()) {
				continue
			}
			before, after := b.price(&p), priceBy(nil, next, &p)
			if !samePrice(&before, &after) {
				table.Leave(p.Month())
			}
			continue
		}
		var border *rating.Border
		if m != nil {
			border = b.borderBehind(b.termsOf(m, monthAfter(m.open, -1)), m.open, next)
		}
		before, after := b.price(&p), priceBy(border, next, &p)
		table.Add(&p, &before, &after)
	}
	return table
}

// PreviewClosed is the effect on the closed months that a catalogue would have if it came into
// force now and each of them were named: each by itself, the others left as they are. It posts
// nothing.
func (b *Book) PreviewClosed(next *catalogue.Catalogue) []effect.Row {
	tables := map[string]*whatif.Table{} // by the currency before
	for _, address := range b.spans.All() {
		p := b.spans.At(address)
		m := b.monthsOf(&p)
		if !m.closed(p.Month()) {
			continue
		}
		p.Version = b.termsOf(m, p.Month())
		currency := ""
		if p.Version >= 0 {
			currency = b.currency(b.terms[p.Version].version)
		}
		if tables[currency] == nil {
			tables[currency] = whatif.New(currency, next.Currency)
		}
		var border *rating.Border
		if last, known := m.terms[monthAfter(p.Month(), -1)]; known {
			border = b.borderBehind(last, p.Month(), next)
		}
		before, after := b.price(&p), priceBy(border, next, &p)
		tables[currency].Add(&p, &before, &after)
	}
	var rows []effect.Row
	for _, currency := range slices.Sorted(maps.Keys(tables)) {
		rows = append(rows, tables[currency].Rows()...)
	}
	slices.SortStableFunc(rows, func(x, y effect.Row) int {
		return cmp.Or(cmp.Compare(x.Month, y.Month), cmp.Compare(x.Tenant, y.Tenant))
	})
	return rows
}

// borderBehind is the border of a catalogue that would take over in a month, behind the terms of
// the month before it.
func (b *Book) borderBehind(last int, month string, next *catalogue.Catalogue) *rating.Border {
	border := &rating.Border{At: begin(month)}
	if last < 0 {
		return border
	}
	before := b.versions[b.terms[last].version].parsed
	if before.Digest() == next.Digest() {
		return b.borders[last]
	}
	border.Catalogue, border.Before = before, b.borders[last]
	return border
}
