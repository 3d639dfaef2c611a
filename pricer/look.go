package pricer

import (
	"slices"

	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/posted"
	"github.com/daybook-billing/daybook/pricer/whatif"
)

// This file tells what a catalogue would change if it came into force. A span has the terms of its
// month: a silent book does not note them in the span.

// Preview is the Effect that a catalogue would have if it came into force now, and the named closed
// months were priced by it, too. It posts nothing.
func (b *Book) Preview(next *catalogue.Catalogue, named []string) *whatif.Table {
	then, version := b.draftOf(next)
	then.inForce = version
	then.reprice(named, version)
	then.refresh()
	table := whatif.New(b.currency(b.inForce), next.Currency)
	for _, address := range b.spans.All() {
		p := b.spans.At(address)
		m := b.monthsOf(&p)
		p.Version = b.termsOf(m, p.Month())
		if m.closed(p.Month()) && !slices.Contains(named, p.Month()) {
			if !table.Leaves(p.Month()) && then.would(&p) {
				table.Leave(p.Month())
			}
			continue
		}
		again := p
		again.Version = then.termsOf(then.monthsOf(&p), p.Month())
		before, after := b.price(&p), then.price(&again)
		if m.closed(p.Month()) {
			table.Correct(b.currencyOf(&p), &p, &before, &after)
			continue
		}
		table.Add(&p, &before, &after)
	}
	return table
}

// PreviewClosed is the effect on the closed months that a catalogue would have if it came into
// force now and each of them were named: each by itself, the others left as they are. It posts
// nothing.
func (b *Book) PreviewClosed(next *catalogue.Catalogue) []effect.Row {
	then, version := b.draftOf(next)
	table := whatif.New(b.currency(b.inForce), next.Currency)
	for _, address := range b.spans.All() {
		p := b.spans.At(address)
		m := b.monthsOf(&p)
		if !m.closed(p.Month()) {
			continue
		}
		p.Version = b.termsOf(m, p.Month())
		again := p
		again.Version = then.repriced(m, p.Month(), version)
		before, after := b.price(&p), then.price(&again)
		table.Correct(b.currencyOf(&p), &p, &before, &after)
	}
	return table.Rows()
}

// would reports whether the version in force would change a span of a closed month that named it.
// b is a draft.
func (b *Book) would(p *posted.Span) bool {
	again := *p
	again.Version = b.repriced(b.monthsOf(p), p.Month(), b.inForce)
	return again.Version != p.Version && !b.samePrices(p, &again)
}

// currencyOf is the billing currency of a span's terms; empty where no version was in force.
func (b *Book) currencyOf(p *posted.Span) string {
	if p.Version < 0 {
		return ""
	}
	return b.currency(b.terms[p.Version].version)
}

// draft is a copy of the book with terms of its own: other versions and terms in it leave the book
// as it is. The indexes of the book's terms are theirs in the draft, too. It prices spans, and
// posts none.
func (b *Book) draft() *Book {
	d := &Book{
		versions: slices.Clip(b.versions), inForce: b.inForce, terms: slices.Clip(b.terms),
		borders: slices.Clip(b.borders), now: b.now, months: make(map[place]*months, len(b.months)), silent: true,
	}
	for at, m := range b.months {
		d.months[at] = m.clone()
	}
	return d
}

// draftOf is a draft that has a version with a catalogue, too. A version with the same text is that
// one.
func (b *Book) draftOf(next *catalogue.Catalogue) (d *Book, of int) {
	d = b.draft()
	of = slices.IndexFunc(d.versions, func(v version) bool { return v.parsed.Digest() == next.Digest() })
	if of < 0 {
		of = len(d.versions)
		d.versions = append(d.versions, version{parsed: next})
	}
	return d, of
}
