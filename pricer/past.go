package pricer

import (
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/posted"
)

// This file bounds the book by the open months and the last closed one, which may be opened again.
// Spans of earlier months are dropped, but for those with an unrated part. What a message changes
// in a dropped month is found by reading METERED again up to that message: another book that takes
// the same messages has the same spans.

// past is the dropped spans, from the messages before one.
type past struct {
	sequence uint64  // of the message
	whole    *Book   // of the same messages; nil where nobody needs spans
	leaves   *leaves // nil where nobody asks
}

// leaves counts the dropped spans with another price under a version, if it named their month. A
// retraction repeats its span: it undoes the span's count.
type leaves struct {
	then   *Book // a draft with the version in force
	named  []string
	months map[string]int // standing spans
}

// dropped reports whether a bounded book has dropped a month; m is nil for a foundation without a
// closed one.
func (m *months) dropped(month string) bool { return m != nil && month < m.kept }

// drops reports whether a bounded book does not keep a span.
func (b *Book) drops(p *posted.Span) bool {
	if !b.bounded || !b.monthsOf(p).dropped(p.Month()) {
		return false
	}
	price := b.price(p)
	return len(price.Unrated) == 0
}

// drop takes out the spans of dropped months of a foundation.
func (b *Book) drop(at place) {
	if !b.bounded {
		return
	}
	for _, address := range b.spans.All() {
		if p := b.spans.At(address); p.Source == at.source && p.Foundation == at.foundation && b.drops(&p) {
			b.spans.Remove(p.ID)
			b.lacks = true
		}
	}
	b.spans.Shrink()
}

// bind makes the book a bounded one.
func (b *Book) bind() {
	if b.bounded {
		return
	}
	b.bounded = true
	for at := range b.months {
		b.drop(at)
	}
}

// recall adds the spans of the past, and returns the ids for release.
func (b *Book) recall() (ids []string) {
	if b.past == nil || b.past.whole == nil {
		return nil
	}
	spans := b.past.whole.spans
	for _, address := range spans.All() {
		if p := spans.At(address); b.drops(&p) && !b.spans.Has(p.ID) {
			b.spans.Put(&p)
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// release takes out the spans of no use to a bounded book.
func (b *Book) release(ids []string) {
	for _, id := range ids {
		if p, stands := b.spans.Find(id); stands && b.drops(&p) {
			b.spans.Remove(id)
			b.lacks = true
		}
	}
	b.past = nil
}

// ignores reports whether the book does not take spans of the month of one.
func (b *Book) ignores(s *events.Span) bool {
	return b.only != nil && !slices.Contains(b.only, s.Start.Format(events.MonthForm))
}

// changesDropped reports whether a message changes spans perhaps dropped.
func (b *Book) changesDropped(m *events.Metered) bool {
	at := b.months[place{m.Source, m.Foundation}]
	of := func(s events.Span) bool { return at.dropped(s.Start.Format(events.MonthForm)) }
	return b.lacks && (slices.ContainsFunc(m.Retracted, of) || slices.ContainsFunc(m.Closed, of))
}

// leaves prepares the count for a version and its named months.
func (b *Book) leaves(next *catalogue.Catalogue, named []string) *leaves {
	then, version := b.draftOf(next)
	then.inForce = version
	then.reprice(named, version)
	then.refresh()
	return &leaves{then, named, map[string]int{}}
}

// take counts the spans of a message.
func (l *leaves) take(m *events.Metered) {
	at := l.then.months[place{m.Source, m.Foundation}]
	count := func(spans []events.Span, sign int) {
		for i := range spans {
			p := posted.Span{Span: spans[i], Source: m.Source, Foundation: m.Foundation, Subject: m.Resource}
			month := p.Month()
			if !at.dropped(month) || slices.Contains(l.named, month) {
				continue
			}
			if p.Version = l.then.termsOf(at, month); l.then.would(&p) {
				l.months[month] += sign
			}
		}
	}
	count(m.Retracted, -1)
	count(m.Closed, 1)
}
