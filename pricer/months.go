package pricer

import (
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/posted"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// This file knows which months are closed, as METERED says, and the terms of each month: its
// catalogue version, and where it took over from another within a run.

// terms are a version and the border of its beginning: runs from before it begin pieces there where
// prices differ.
type terms struct {
	version int
	from    string // month in which the version takes over behind closed ones; empty: since ever
	before  int    // index of the terms before it; -1 for none, or where no version was in force
}

// months are the months of one foundation.
type months struct {
	open  string         // the first open one
	kept  string         // the first one whose spans a bounded book has
	terms map[string]int // of closed months, by index; -1 where no version was in force
	first int            // of the months before those
	now   int            // of the open months
}

// clone is a copy that shares nothing.
func (m *months) clone() *months {
	c := *m
	c.terms = maps.Clone(m.terms)
	return &c
}

// closed reports whether a month is closed; m is nil for a foundation without a closed one.
func (m *months) closed(month string) bool { return m != nil && month < m.open }

// wasClosed reports whether a month is closed, or was until it was opened again.
func (m *months) wasClosed(month string) bool { return m.closed(month) || m != nil && month == m.kept }

// openOr is the first open month; for a foundation without a closed one the month itself.
func (m *months) openOr(month string) string {
	if m == nil {
		return month
	}
	return m.open
}

func (b *Book) monthsOf(p *posted.Span) *months { return b.months[place{p.Source, p.Foundation}] }

// isClosed reports whether the month of a span is closed.
func (b *Book) isClosed(p *posted.Span) bool { return b.monthsOf(p).closed(p.Month()) }

// termsOf is the index of the terms of a month.
func (b *Book) termsOf(m *months, month string) int {
	switch {
	case m == nil:
		return b.now
	case month >= m.open:
		return m.now
	}
	if t, known := m.terms[month]; known {
		return t
	}
	return m.first
}

// compose is the index of the terms of a version from a month on, behind others.
func (b *Book) compose(version int, from string, before int) int {
	switch {
	case version < 0:
		return -1
	case from == "":
		before = -1
	case before >= 0 && b.terms[before].version == version:
		return before
	}
	t := terms{version, from, before}
	if i := slices.Index(b.terms, t); i >= 0 {
		return i
	}
	return b.define(t)
}

// define adds terms, with their border.
func (b *Book) define(t terms) int {
	b.terms = append(b.terms, t)
	var border *rating.Border
	if t.from != "" {
		at, _ := events.MonthTime(t.from)
		border = &rating.Border{At: at}
		if t.before >= 0 {
			border.Catalogue, border.Before = b.versions[b.terms[t.before].version].parsed, b.borders[t.before]
		}
	}
	b.borders = append(b.borders, border)
	return len(b.terms) - 1
}

// refresh makes the terms of the open months anew, after a closing or another version in force.
func (b *Book) refresh() {
	b.now = b.compose(b.inForce, "", -1)
	for _, at := range slices.SortedFunc(maps.Keys(b.months), place.compare) {
		m := b.months[at]
		m.now = b.compose(b.inForce, m.open, b.termsOf(m, events.MonthAfter(m.open, -1)))
	}
}

// Closing closes a month, with all before it, or opens the last closed one again, none before it:
// then its corrections go back into it. It fails for a month that is none.
func (b *Book) Closing(c *events.Closing, cause string, emit func(*Entries)) error {
	if _, err := time.Parse(events.MonthForm, c.Month); err != nil {
		return err
	}
	at := place{c.Source, c.Foundation}
	m := b.months[at]
	switch {
	case c.Reopened && m.closed(c.Month) && c.Month == m.kept:
		m.open = c.Month
		delete(m.terms, c.Month)
		b.refresh()
		b.reopen(at, c.Month, cause, emit)
	case c.Reopened || m.closed(c.Month): // it is so already
	default:
		if m == nil {
			m = &months{open: c.Month, terms: map[string]int{}, first: b.now, now: b.now}
			b.months[at] = m
		}
		for ; m.open <= c.Month; m.open = events.MonthAfter(m.open, 1) {
			m.terms[m.open] = m.now
		}
		m.kept = events.MonthAfter(m.open, -1)
		b.forget(at)
		b.refresh()
		b.drop(at)
	}
	return nil
}

// forget drops the replaced spans of the month that was closed last before: it can not be opened
// again.
func (b *Book) forget(at place) {
	for _, address := range b.replaced.All() {
		if p := b.replaced.At(address); p.Source == at.source && p.Foundation == at.foundation {
			b.replaced.Remove(p.ID)
		}
	}
	b.replaced.Tidy()
}

// reopen posts a month as if it had never been closed, and the months behind it with the terms that
// they have then.
func (b *Book) reopen(at place, month, cause string, emit func(*Entries)) {
	within := func(p *posted.Span) bool {
		return p.Source == at.source && p.Foundation == at.foundation && p.Month() >= month
	}
	var groups grouping
	net := corrections{book: b, cause: cause, period: events.MonthAfter(month, 1), groups: &groups}
	for _, address := range b.replaced.Sorted() {
		p := b.replaced.At(address)
		if !within(&p) {
			continue
		}
		net.take(&p, 1) // the corrections have taken it back
		b.uncharge(&p, cause, groups.of(&p))
		b.replaced.Remove(p.ID)
	}
	now := b.months[at].now
	for _, address := range b.spans.Sorted() {
		p := b.spans.At(address)
		if !within(&p) {
			continue
		}
		again := p
		again.Version, again.Cause, again.Correction = now, cause, ""
		switch {
		case p.Correction != "":
			net.take(&p, -1)
			b.settle(&p, groups.of(&p))
		case p.Version == now || b.samePrices(&p, &again):
			continue
		default:
			b.reverse(&p, cause, groups.of(&p))
		}
		b.spans.Put(&again)
		b.charge(&again, groups.of(&again))
	}
	net.emit()
	b.spans.Tidy()
	b.replaced.Tidy()
	groups.emit(emit)
}

// samePrices reports whether two spans have the same prices.
func (b *Book) samePrices(p, q *posted.Span) bool {
	before, after := b.price(p), b.price(q)
	return before.Same(&after)
}
