package pricer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/posted"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/pricer/whatif"
)

// Book is the pricer's state and its step: METERED messages in, entries for BILLING out. It is
// pure: no clock, no I/O, no order of maps reaches its outputs. It is not safe for concurrent use.
type Book struct {
	versions []version       // in force so far
	texts    catalogue.Texts // of versions
	inForce  int             // index of the version in force; -1 before the first
	terms    []terms         // so far: a posted span names them by index
	borders  []*rating.Border
	now      int               // index of the terms in force where no month is closed; -1 for none
	months   map[place]*months // of the foundations with closed months
	spans    *posted.Spans
	// replaced are spans of the last closed month of each foundation with charges that stand,
	// though corrections have taken them back.
	replaced *posted.Spans
	names    *events.Interner
	unrated  int // parts of spans without a price
	silent   bool
	bounded  bool          // keeps no spans of closed months before the last; see past.go
	lacks    bool          // some were dropped
	past     *past         // of the message to be taken; nil where nothing of it is needed
	only     []string      // the months whose spans it takes; nil for all
	effect   *whatif.Table // of the last version put in force
	groups   grouping      // empty but within Metered, as is span
	span     posted.Span
}

// version is one published catalogue.
type version struct {
	Name   string
	YAML   string
	parsed *catalogue.Catalogue
}

// NewBook returns an empty book without a catalogue.
func NewBook() *Book {
	return &Book{
		texts: catalogue.Texts{}, inForce: -1, now: -1, months: map[place]*months{}, spans: posted.New(),
		replaced: posted.New(), names: events.NewInterner(internBits),
	}
}

// NewSilentBook returns an empty book for Preview alone: it keeps what stands, rates nothing on the
// way, and posts nothing.
func NewSilentBook() *Book {
	b := NewBook()
	b.silent = true
	return b
}

// internBits is the size of the table of repeated strings: 2^14.
const internBits = 14

// Entries are the changes of one cause on one subject.
type Entries struct {
	Source, Foundation, Tenant, Kind, Resource string

	Charges []events.Charge
	Unrated []events.Unrated
	Settled []string
}

// Limits of the charges, and of the unrated parts, of one message.
const (
	maxEntries    = 250
	maxEntryBytes = events.MaxBody - 128<<10 // the frame and the settled ids have the rest
)

// Metered posts a METERED message: reversals for its retracted spans, charges for its closed ones.
// Where METERED contradicts itself (a span closed twice, or retracted and never closed) nothing is
// charged twice and nothing reversed without a charge. The contradiction is an anomaly, because one
// such message must not stop everybody's bill.
func (b *Book) Metered(m *events.Metered, emit func(*Entries)) (anomalies []events.Anomaly) {
	recalled, groups, p := b.recall(), &b.groups, &b.span
	at := b.months[place{m.Source, m.Foundation}]
	k := corrections{book: b, cause: m.ID, groups: groups}
	if at != nil {
		k.period = at.open
	}
	inconsistent := func(s *events.Span, what string) {
		anomalies = append(anomalies, events.Anomaly{
			Code: events.AnomalyInconsistent, Resource: s.Resource, Time: s.Start,
			Message: fmt.Sprintf("METERED message %s %s span %s of %s %s; the entry is left out", m.ID, what, s.ID,
				s.Kind, s.Resource),
		})
	}
	for i := range m.Retracted {
		s := &m.Retracted[i]
		if b.ignores(s) {
			continue
		}
		var ok bool
		if *p, ok = b.spans.Find(s.ID); !ok {
			inconsistent(s, "retracts, but nothing closed,")
			continue
		}
		if at.closed(p.Month()) {
			k.retract(p)
		} else {
			b.reverse(p, m.ID, groups.of(p))
		}
		b.spans.Remove(s.ID)
	}
	for i := range m.Closed {
		s := &m.Closed[i]
		if b.ignores(s) {
			continue
		}
		if b.spans.Has(s.ID) {
			inconsistent(s, "closes once more")
			continue
		}
		*p = posted.Span{Span: *s, Source: m.Source, Foundation: m.Foundation, Subject: m.Resource, Cause: m.ID}
		p.Version = b.termsOf(at, p.Month())
		if at.closed(p.Month()) {
			k.post(p)
			recalled = append(recalled, p.ID)
			continue
		}
		b.spans.Put(p)
		b.charge(p, groups.of(p))
	}
	k.emit()
	b.release(recalled)
	b.spans.Tidy()
	b.replaced.Tidy()
	groups.emit(emit)
	return anomalies
}

// Catalogue puts a version in force and rates every span again. It fails for a version with
// mistakes, and for other prices under the name of an earlier version; then the former version
// stays in force. The same prices published again are in force again.
func (b *Book) Catalogue(c *events.Catalogue, cause string, emit func(*Entries)) error {
	v, err := b.version(c)
	if err != nil {
		return err
	}
	next := slices.Index(b.versions, v)
	if next < 0 {
		next = len(b.versions)
		b.keep(&v)
	}
	was := b.draft()
	b.inForce = next
	b.reprice(c.Reprice, next)
	b.refresh()
	if b.silent {
		return nil
	}
	b.effect = whatif.New(b.currency(was.inForce), b.currency(next))
	b.rerate(was, c.Reprice, cause, emit)
	return nil
}

// reprice gives closed months the terms of a version.
func (b *Book) reprice(named []string, version int) {
	for _, at := range slices.SortedFunc(maps.Keys(b.months), place.compare) {
		m := b.months[at]
		for _, month := range slices.Sorted(slices.Values(named)) {
			if !m.closed(month) {
				continue
			}
			m.terms[month] = b.repriced(m, month, version)
		}
	}
}

// repriced is the index of the terms that a version gives a closed month, behind those of the month
// before.
func (b *Book) repriced(m *months, month string, version int) int {
	from, before := "", -1
	if t, known := m.terms[events.MonthAfter(month, -1)]; known {
		from, before = month, t
	}
	return b.compose(version, from, before)
}

// rerate prices the spans of the open months anew, and those of the closed months that are named.
// The terms before are those of a draft.
func (b *Book) rerate(was *Book, named []string, cause string, emit func(*Entries)) {
	recalled := b.recall()
	if b.past != nil && b.past.leaves != nil {
		for month, spans := range b.past.leaves.months {
			if spans > 0 {
				b.effect.Leave(month)
			}
		}
	}
	var groups grouping
	k := corrections{book: b, cause: cause, groups: &groups}
	probe := b.draft()
	for _, address := range b.spans.Sorted() {
		p := b.spans.At(address)
		m := b.monthsOf(&p)
		if groups.size() >= maxEntries && !groups.last(&p) {
			k.emit()
			groups.emit(emit)
		}
		if m.closed(p.Month()) {
			switch {
			case slices.Contains(named, p.Month()):
				b.correct(was, &p, &k)
			case b.bounded && m.dropped(p.Month()): // the past has counted it
			case !b.effect.Leaves(p.Month()) && probe.would(&p):
				b.effect.Leave(p.Month())
			}
			continue
		}
		again := p
		again.Version, again.Cause = b.termsOf(m, p.Month()), cause
		before := b.price(&p)
		after := before
		if p.Version != again.Version {
			after = b.price(&again)
		}
		b.effect.Add(&p, &before, &after)
		if p.Version == again.Version || before.Same(&after) {
			continue // the entries are right
		}
		entries := groups.of(&p)
		b.reverse(&p, cause, entries)
		b.spans.Put(&again)
		b.charge(&again, entries)
	}
	k.emit()
	b.release(recalled)
	b.spans.Tidy()
	b.replaced.Tidy()
	groups.emit(emit)
}

// correct prices a span of a closed month anew. The difference is a correction.
func (b *Book) correct(was *Book, p *posted.Span, k *corrections) {
	m := b.monthsOf(p)
	said, again := *p, *p
	said.Version = was.termsOf(was.monthsOf(p), p.Month())
	again.Version, again.Cause, k.period = b.termsOf(m, p.Month()), k.cause, m.open
	before := b.price(p)
	after := before
	if p.Version != again.Version {
		after = b.price(&again)
	}
	b.effect.Correct(was.currencyOf(&said), p, &before, &after)
	if p.Version == again.Version || before.Same(&after) {
		return
	}
	k.retract(p)
	k.post(&again)
}

// Effect is what the last version put in force has changed; nil before the first one.
func (b *Book) Effect() *whatif.Table { return b.effect }

// InForce is the name of the version in force; empty before the first one.
func (b *Book) InForce() string {
	if b.inForce < 0 {
		return ""
	}
	return b.versions[b.inForce].Name
}

// currency is the billing currency of a version; empty before the first one.
func (b *Book) currency(version int) string {
	if version < 0 {
		return ""
	}
	return b.versions[version].parsed.Currency
}

// price prices a span with its terms.
func (b *Book) price(p *posted.Span) whatif.Price {
	if p.Version < 0 {
		return whatif.Price{
			Unrated: []rating.Unrated{{Start: p.Start, End: p.End, Reason: "no catalogue has been published"}},
		}
	}
	return priceBy(b.borders[p.Version], b.versions[b.terms[p.Version].version].parsed, p)
}

func priceBy(border *rating.Border, c *catalogue.Catalogue, p *posted.Span) whatif.Price {
	lines, unrated := rating.RateBehind(border, c, p.Foundation, &p.Span)
	return whatif.Price{Lines: lines, Unrated: unrated}
}

// charge adds the entries of a span.
func (b *Book) charge(p *posted.Span, to *Entries) {
	if b.silent {
		return
	}
	price := b.price(p)
	for i := range price.Lines {
		to.Charges = append(to.Charges, b.entry(p, &price.Lines[i], i))
	}
	b.lists(p, price.Unrated, to)
}

// list lists the unrated parts of a span.
func (b *Book) list(p *posted.Span, to *Entries) {
	if !b.silent {
		price := b.price(p)
		b.lists(p, price.Unrated, to)
	}
}

func (b *Book) lists(p *posted.Span, unrated []rating.Unrated, to *Entries) {
	b.unrated += len(unrated)
	for i, u := range unrated {
		s := &p.Span
		to.Unrated = append(to.Unrated, events.Unrated{
			ID: unratedID(p, i), Span: s.ID, Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Space: s.Space,
			Name:  s.Name,
			Start: u.Start, End: u.End, Footprint: s.Footprint, Reason: u.Reason, Period: p.Period(),
		})
	}
}

// reverse adds the exact negatives of a span's charges, and settles its unrated parts.
func (b *Book) reverse(p *posted.Span, cause string, to *Entries) {
	b.uncharge(p, cause, to)
	b.settle(p, to)
}

// uncharge adds the exact negatives of a span's charges.
func (b *Book) uncharge(p *posted.Span, cause string, to *Entries) {
	if b.silent {
		return
	}
	price := b.price(p)
	for i := range price.Lines {
		to.Charges = append(to.Charges, reversal(b.entry(p, &price.Lines[i], i), cause))
	}
}

// settle settles a span's unrated parts.
func (b *Book) settle(p *posted.Span, to *Entries) {
	if b.silent {
		return
	}
	price := b.price(p)
	b.unrated -= len(price.Unrated)
	for i := range price.Unrated {
		to.Settled = append(to.Settled, unratedID(p, i))
	}
}

// reversal is the exact negative of a charge.
func reversal(c events.Charge, cause string) events.Charge {
	c.Reverses, c.Entry = c.ID, events.EntryReversal
	c.ID = events.ID("reversal", cause, c.Reverses)
	c.Seconds, c.Quantity, c.Amount, c.VAT = c.Seconds.Neg(), c.Quantity.Neg(), c.Amount.Neg(), c.VAT.Neg()
	return c
}

// entry is the i-th line of a span as a charge. It is the same whenever it is made: the cause and
// the version are in p.
func (b *Book) entry(p *posted.Span, line *rating.Line, i int) events.Charge {
	c := line.Charge(&p.Span)
	c.ID = events.ID("charge", p.Cause, p.ID, line.Component.Name, strconv.Itoa(i))
	c.Entry, c.Period, c.Span = events.EntryCharge, p.Period(), p.ID
	c.Catalogue = b.versions[b.terms[p.Version].version].Name
	return c
}

func unratedID(p *posted.Span, i int) string {
	return events.ID("unrated", p.Cause, p.ID, strconv.Itoa(i))
}

// grouping collects entries by subject, in the order of each subject's first entry.
type grouping struct {
	list    []*Entries
	by      map[about]*Entries // the first ones of list; nil while one subject is all
	grown   *Entries           // returned last: it may grow until the next call
	counted int                // entries of list, those of grown as they were
	before  int                // entries of grown that are counted
}

// about is the subject of entries.
type about struct{ source, foundation, tenant, kind, resource string }

// of are the entries of the subject of a span. size counts what they grow by until the next call.
func (g *grouping) of(p *posted.Span) *Entries {
	e := g.find(p)
	if e == nil {
		e = g.add()
		e.Source, e.Foundation, e.Tenant, e.Kind, e.Resource = p.Source, p.Foundation, p.Tenant, p.Kind, p.Subject
	}
	g.counted = g.size()
	g.grown, g.before = e, e.size()
	return e
}

// add adds empty entries, in the memory of emptied ones where there are any.
func (g *grouping) add() *Entries {
	if n := len(g.list); n < cap(g.list) && g.list[:n+1][n] != nil {
		g.list = g.list[:n+1]
	} else {
		g.list = append(g.list, &Entries{})
	}
	return g.list[len(g.list)-1]
}

// find returns nil for a subject without entries.
func (g *grouping) find(p *posted.Span) *Entries {
	switch {
	case len(g.list) == 0:
		return nil
	case g.last(p):
		return g.list[len(g.list)-1]
	case g.by == nil:
		g.by = map[about]*Entries{}
	}
	for _, e := range g.list[len(g.by):] {
		g.by[about{e.Source, e.Foundation, e.Tenant, e.Kind, e.Resource}] = e
	}
	return g.by[about{p.Source, p.Foundation, p.Tenant, p.Kind, p.Subject}]
}

// last reports whether a span is of the subject of the last entries.
func (g *grouping) last(p *posted.Span) bool {
	return len(g.list) > 0 && g.list[len(g.list)-1].about(p)
}

// about reports whether a span is of the subject of the entries.
func (e *Entries) about(p *posted.Span) bool {
	return e.Kind == p.Kind && e.Tenant == p.Tenant && e.Resource == p.Subject && e.Foundation == p.Foundation &&
		e.Source == p.Source
}

func (e *Entries) size() int { return len(e.Charges) + len(e.Unrated) + len(e.Settled) }

// size counts the entries.
func (g *grouping) size() int {
	if g.grown == nil {
		return 0
	}
	return g.counted - g.before + g.grown.size()
}

// emit puts the entries out, in several parts where there are many, and empties the batch.
// Reversals come before charges.
func (g *grouping) emit(emit func(*Entries)) {
	for _, e := range g.list {
		slices.SortStableFunc(e.Charges, func(a, b events.Charge) int { return -cmp.Compare(a.Entry, b.Entry) })
		all := *e
		for all.size() > 0 {
			part := all
			part.Charges, all.Charges = events.FitSome(all.Charges, maxEntries, maxEntryBytes)
			part.Unrated, all.Unrated = events.FitSome(all.Unrated, maxEntries, maxEntryBytes)
			n := min(len(all.Settled), maxEntries)
			part.Settled, all.Settled = all.Settled[:n], all.Settled[n:]
			emit(&part)
		}
		clear(e.Charges)
		*e = Entries{Charges: e.Charges[:0]}
	}
	clear(g.by)
	*g = grouping{list: g.list[:0], by: g.by}
}
