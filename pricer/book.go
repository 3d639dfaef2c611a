package pricer

import (
	"cmp"
	"fmt"
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
	versions []version // published so far
	inForce  int       // index of the version in force; -1 before the first
	spans    *posted.Spans
	names    *events.Interner
	unrated  int // parts of spans without a price
	silent   bool
	effect   *whatif.Table // of the last version put in force
}

// version is one published catalogue.
type version struct {
	Name   string
	YAML   string
	parsed *catalogue.Catalogue
}

// NewBook returns an empty book without a catalogue.
func NewBook() *Book {
	return &Book{inForce: -1, spans: posted.New(), names: events.NewInterner(internBits)}
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
	var groups grouping
	inconsistent := func(s *events.Span, what string) {
		anomalies = append(anomalies, events.Anomaly{
			Code: events.AnomalyInconsistent, Resource: s.Resource, Time: s.Start,
			Message: fmt.Sprintf("METERED message %s %s span %s of %s %s; the entry is left out", m.ID, what, s.ID,
				s.Kind, s.Resource),
		})
	}
	for i := range m.Retracted {
		s := &m.Retracted[i]
		p, ok := b.spans.Find(s.ID)
		if !ok {
			inconsistent(s, "retracts, but nothing closed,")
			continue
		}
		b.reverse(&p, m.ID, m.Correction, groups.of(&p))
		b.spans.Remove(s.ID)
	}
	for i := range m.Closed {
		s := &m.Closed[i]
		if b.spans.Has(s.ID) {
			inconsistent(s, "closes once more")
			continue
		}
		p := posted.Span{
			Span: *s, Source: m.Source, Foundation: m.Foundation, Subject: m.Resource, Cause: m.ID, Version: b.inForce,
			Correction: m.Correction,
		}
		b.spans.Put(&p)
		b.charge(&p, groups.of(&p))
	}
	b.spans.Tidy()
	groups.emit(emit)
	return anomalies
}

// Catalogue puts a version in force and rates every span again. It fails for a version with
// mistakes, and for other prices under the name of an earlier version; then the former version
// stays in force. The same prices published again are in force again.
func (b *Book) Catalogue(c *events.Catalogue, cause string, emit func(*Entries)) error {
	next := slices.IndexFunc(b.versions, func(v version) bool { return v.Name == c.Version })
	switch {
	case next < 0:
		parsed, err := catalogue.Parse("catalogue."+c.Version, []byte(c.YAML))
		if err != nil {
			return err
		}
		next = len(b.versions)
		b.versions = append(b.versions, version{c.Version, c.YAML, parsed})
	case b.versions[next].YAML != c.YAML:
		return fmt.Errorf("catalogue version %q has been published before; a version never changes", c.Version)
	}
	former := b.inForce
	b.inForce = next
	if b.silent {
		return nil
	}
	b.effect = whatif.New(b.currency(former), b.currency(next))
	var groups grouping
	for _, address := range b.spans.Sorted() {
		p := b.spans.At(address)
		again := p
		again.Version, again.Cause = next, cause
		before := b.price(&p)
		after := before
		if p.Version != next {
			after = b.price(&again)
		}
		b.effect.Add(&p, &before, &after)
		if p.Version == next || samePrice(&before, &after) {
			continue // the entries are right
		}
		entries := groups.of(&p)
		b.reverse(&p, cause, "", entries)
		b.spans.Put(&again)
		b.charge(&again, entries)
		if groups.size() >= maxEntries {
			groups.emit(emit)
		}
	}
	b.spans.Tidy()
	groups.emit(emit)
	return nil
}

// Effect is what the last version put in force has changed; nil before the first one.
func (b *Book) Effect() *whatif.Table { return b.effect }

// Preview is the Effect that a catalogue would have if it came into force now. It posts nothing.
func (b *Book) Preview(next *catalogue.Catalogue) *whatif.Table {
	table := whatif.New(b.currency(b.inForce), next.Currency)
	for _, address := range b.spans.All() {
		p := b.spans.At(address)
		p.Version = b.inForce
		before, after := b.price(&p), priceBy(next, &p)
		table.Add(&p, &before, &after)
	}
	return table
}

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

// price prices a span with its version.
func (b *Book) price(p *posted.Span) whatif.Price {
	if p.Version < 0 {
		return whatif.Price{
			Unrated: []rating.Unrated{{Start: p.Start, End: p.End, Reason: "no catalogue has been published"}},
		}
	}
	return priceBy(b.versions[p.Version].parsed, p)
}

func priceBy(c *catalogue.Catalogue, p *posted.Span) whatif.Price {
	lines, unrated := rating.Rate(c, p.Foundation, &p.Span)
	return whatif.Price{Lines: lines, Unrated: unrated}
}

// charge adds the entries of a span.
func (b *Book) charge(p *posted.Span, to *Entries) {
	if b.silent {
		return
	}
	price := b.price(p)
	lines, unrated := price.Lines, price.Unrated
	to.Charges = slices.Grow(to.Charges, len(lines))
	for i := range lines {
		to.Charges = append(to.Charges, b.entry(p, &lines[i], i))
	}
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

// reverse adds the exact negatives of a span's charges, and settles its unrated parts. Entries of a
// month before the correction's, if there is one, are posted to the correction's month.
func (b *Book) reverse(p *posted.Span, cause, correction string, to *Entries) {
	if b.silent {
		return
	}
	price := b.price(p)
	lines, unrated := price.Lines, price.Unrated
	for i := range lines {
		c := reversal(b.entry(p, &lines[i], i), cause)
		c.Period = max(c.Period, correction)
		to.Charges = append(to.Charges, c)
	}
	b.unrated -= len(unrated)
	for i := range unrated {
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
	s := &p.Span
	return events.Charge{
		ID: events.ID("charge", p.Cause, s.ID, line.Component.Name, strconv.Itoa(i)), Entry: events.EntryCharge,
		Period: p.Period(), Span: s.ID, Kind: s.Kind, Resource: s.Resource, App: s.App, Tenant: s.Tenant,
		Space: s.Space,
		Name:  s.Name, Datastore: s.Footprint.Datastore, Region: s.Footprint.Region,
		AvailabilityZone: s.Footprint.AvailabilityZone, Plan: line.Plan.Name, Catalogue: b.versions[p.Version].Name,
		Component: line.Component.Name,
		Start:     line.Start, End: line.End,
		Seconds: line.Seconds, Quantity: line.Quantity, Unit: line.Unit, Amount: line.Amount,
		VATCode: line.VATCode, VAT: line.VAT, Currency: line.Currency, Flags: s.Flags,
	}
}

// samePrice reports whether two prices of a span have the same entries.
func samePrice(a, b *whatif.Price) bool {
	return slices.EqualFunc(a.Lines, b.Lines, sameLine) && slices.Equal(a.Unrated, b.Unrated)
}

func sameLine(a, b rating.Line) bool {
	return a.Plan.Name == b.Plan.Name && a.Component.Name == b.Component.Name && a.Unit == b.Unit &&
		a.Currency == b.Currency && a.VATCode == b.VATCode &&
		a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Quantity.Cmp(b.Quantity) == 0 &&
		a.Amount.Cmp(b.Amount) == 0 && a.VAT.Cmp(b.VAT) == 0
}

func unratedID(p *posted.Span, i int) string {
	return events.ID("unrated", p.Cause, p.ID, strconv.Itoa(i))
}

// grouping collects entries by subject, in the order of each subject's first entry.
type grouping struct{ list []*Entries }

func (g *grouping) of(p *posted.Span) *Entries {
	for _, e := range slices.Backward(g.list) {
		if e.Kind == p.Kind && e.Tenant == p.Tenant && e.Resource == p.Subject && e.Foundation == p.Foundation &&
			e.Source == p.Source {
			return e
		}
	}
	e := &Entries{
		Source: p.Source, Foundation: p.Foundation, Tenant: p.Tenant, Kind: p.Kind, Resource: p.Subject,
	}
	g.list = append(g.list, e)
	return e
}

func (g *grouping) size() int {
	n := 0
	for _, e := range g.list {
		n += len(e.Charges) + len(e.Unrated) + len(e.Settled)
	}
	return n
}

// emit puts the entries out, in several parts where there are many, and empties the batch.
// Reversals come before charges.
func (g *grouping) emit(emit func(*Entries)) {
	for _, e := range g.list {
		slices.SortStableFunc(e.Charges, func(a, b events.Charge) int { return -cmp.Compare(a.Entry, b.Entry) })
		all := *e
		for len(all.Charges)+len(all.Unrated)+len(all.Settled) > 0 {
			part := all
			part.Charges, all.Charges = events.FitSome(all.Charges, maxEntries, maxEntryBytes)
			part.Unrated, all.Unrated = events.FitSome(all.Unrated, maxEntries, maxEntryBytes)
			n := min(len(all.Settled), maxEntries)
			part.Settled, all.Settled = all.Settled[:n], all.Settled[n:]
			emit(&part)
		}
	}
	g.list = g.list[:0]
}
