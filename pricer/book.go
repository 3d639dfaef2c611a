package pricer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Book is the pricer's state and its step: METERED messages in, entries for BILLING out. It is
// pure: no clock, no I/O, no order of maps reaches its outputs. It is not safe for concurrent use.
type Book struct {
	versions []version // published so far; the last one is in force
	// spans are the posted spans by id, packed: they are very many, and few are read again.
	spans   map[string]packed
	names   *events.Interner
	message events.Metered // memory of the last unpack
}

// version is one published catalogue.
type version struct {
	Name   string
	YAML   string
	parsed *catalogue.Catalogue
}

// posted is a span with charges. Its lines are not kept: rating it again with its version gives
// them exactly.
type posted struct {
	Span    events.Span
	Origin  origin
	Cause   string // id of the cause of the entries
	Version int    // index of its catalogue version; -1 before the first
	// Correction is the month of the entries (YYYY-MM) where the span's own month was closed before
	// them; else empty.
	Correction string
}

// period is the month of the entries, YYYY-MM.
func (p *posted) period() string { return max(p.Span.Start.Format("2006-01"), p.Correction) }

// packed is a posted span in the form of a METERED message with it as the only closed span, in
// JSON: the cause as its id, and the version, counted from 1, as its cause's sequence. It is half
// as large as the struct, and has no pointers for the garbage collector to follow.
type packed []byte

func pack(p *posted) packed {
	m := events.Metered{
		ID: p.Cause, Source: p.Origin.Source, Foundation: p.Origin.Foundation, Resource: p.Origin.Resource,
		Cause:      events.Cause{Sequence: uint64(p.Version + 1)}, //nolint:gosec // never below -1
		Closed:     []events.Span{p.Span},
		Correction: p.Correction,
	}
	var scratch [1024]byte
	return bytes.Clone(m.AppendJSON(scratch[:0]))
}

// unpack is the opposite of pack. It fails for a damaged snapshot.
func (b *Book) unpack(text packed) (*posted, error) {
	m := &b.message
	if err := b.names.DecodeMetered(m, text); err != nil {
		return nil, err
	}
	if len(m.Closed) != 1 || m.Cause.Sequence > uint64(len(b.versions)) {
		return nil, errors.New("it is not a posted span")
	}
	return &posted{
		Span: m.Closed[0], Origin: origin{m.Source, m.Foundation, m.Resource}, Cause: m.ID,
		Version:    int(m.Cause.Sequence) - 1, //nolint:gosec // at most len(versions)
		Correction: m.Correction,
	}, nil
}

// origin is the part of a subject beside the span's fields.
type origin struct{ Source, Foundation, Resource string }

// NewBook returns an empty book without a catalogue.
func NewBook() *Book {
	return &Book{spans: map[string]packed{}, names: events.NewInterner(internBits)}
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
func (b *Book) Metered(m *events.Metered, emit func(*Entries)) (anomalies []events.Anomaly, err error) {
	var groups grouping
	inconsistent := func(s *events.Span, what string) {
		anomalies = append(anomalies, events.Anomaly{
			Code: events.AnomalyInconsistent, Resource: s.Resource, Time: s.Start,
			Message: fmt.Sprintf("METERED message %s %s span %s of %s %s; the entry is left out", m.ID, what, s.ID,
				s.Kind, s.Resource),
		})
	}
	at := origin{m.Source, m.Foundation, m.Resource}
	for i := range m.Retracted {
		s := &m.Retracted[i]
		text := b.spans[s.ID]
		if text == nil {
			inconsistent(s, "retracts, but nothing closed,")
			continue
		}
		p, err := b.unpack(text)
		if err != nil {
			return nil, fmt.Errorf("span %s: %w", s.ID, err)
		}
		b.reverse(p, m.ID, m.Correction, groups.of(p))
		delete(b.spans, s.ID)
	}
	for i := range m.Closed {
		s := &m.Closed[i]
		if b.spans[s.ID] != nil {
			inconsistent(s, "closes once more")
			continue
		}
		p := &posted{Span: *s, Origin: at, Cause: m.ID, Version: len(b.versions) - 1, Correction: m.Correction}
		p.Span.Evidence, p.Span.SpaceName = nil, "" // no charge depends on them
		b.spans[s.ID] = pack(p)
		b.charge(p, groups.of(p))
	}
	groups.emit(emit)
	return anomalies, nil
}

// Catalogue puts a new version in force and rates every span again. It fails for a version with
// mistakes, and for the name of an earlier one; then the former version stays in force.
func (b *Book) Catalogue(c *events.Catalogue, cause string, emit func(*Entries)) error {
	for _, v := range b.versions {
		if v.Name == c.Version {
			return fmt.Errorf("catalogue version %q has been published before; a version never changes", c.Version)
		}
	}
	parsed, err := catalogue.Parse("catalogue."+c.Version, []byte(c.YAML))
	if err != nil {
		return err
	}
	all, err := b.sorted()
	if err != nil {
		return err
	}
	b.versions = append(b.versions, version{c.Version, c.YAML, parsed})
	var groups grouping
	for _, p := range all {
		next := *p
		next.Version, next.Cause = len(b.versions)-1, cause
		before, missing := b.rate(p)
		after, stillMissing := b.rate(&next)
		if slices.EqualFunc(before, after, sameLine) && slices.Equal(missing, stillMissing) {
			continue // the entries are right
		}
		entries := groups.of(p)
		b.reverse(p, cause, "", entries)
		b.spans[p.Span.ID] = pack(&next)
		b.charge(&next, entries)
		if groups.size() >= maxEntries {
			groups.emit(emit)
		}
	}
	groups.emit(emit)
	return nil
}

// sorted returns every span in the order of comparePosted.
func (b *Book) sorted() ([]*posted, error) {
	spans := make([]*posted, 0, len(b.spans))
	for id, text := range b.spans {
		p, err := b.unpack(text)
		if err != nil {
			return nil, fmt.Errorf("span %s: %w", id, err)
		}
		spans = append(spans, p)
	}
	slices.SortFunc(spans, comparePosted)
	return spans, nil
}

// comparePosted orders spans by subject, start and id.
func comparePosted(x, y *posted) int {
	return cmp.Or(cmp.Compare(x.Span.Tenant, y.Span.Tenant), cmp.Compare(x.Origin.Source, y.Origin.Source),
		cmp.Compare(x.Origin.Foundation, y.Origin.Foundation), cmp.Compare(x.Span.Kind, y.Span.Kind),
		cmp.Compare(x.Origin.Resource, y.Origin.Resource), x.Span.Start.Compare(y.Span.Start), cmp.Compare(x.Span.ID,
			y.Span.ID))
}

// rate prices a span with its version.
func (b *Book) rate(p *posted) ([]rating.Line, []rating.Unrated) {
	if p.Version < 0 {
		return nil, []rating.Unrated{{Start: p.Span.Start, End: p.Span.End, Reason: "no catalogue has been published"}}
	}
	return rating.Rate(b.versions[p.Version].parsed, p.Origin.Foundation, &p.Span)
}

// charge adds the entries of a span.
func (b *Book) charge(p *posted, to *Entries) {
	lines, unrated := b.rate(p)
	for i := range lines {
		to.Charges = append(to.Charges, b.entry(p, &lines[i], i))
	}
	for i, u := range unrated {
		s := &p.Span
		to.Unrated = append(to.Unrated, events.Unrated{
			ID: unratedID(p, i), Span: s.ID, Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Space: s.Space,
			Name:  s.Name,
			Start: u.Start, End: u.End, Footprint: s.Footprint, Reason: u.Reason, Period: p.period(),
		})
	}
}

// reverse adds the exact negatives of a span's charges, and settles its unrated parts. Entries of a
// month before the correction's, if there is one, are posted to the correction's month.
func (b *Book) reverse(p *posted, cause, correction string, to *Entries) {
	lines, unrated := b.rate(p)
	for i := range lines {
		c := reversal(b.entry(p, &lines[i], i), cause)
		c.Period = max(c.Period, correction)
		to.Charges = append(to.Charges, c)
	}
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
func (b *Book) entry(p *posted, line *rating.Line, i int) events.Charge {
	s := &p.Span
	return events.Charge{
		ID: events.ID("charge", p.Cause, s.ID, line.Component.Name, strconv.Itoa(i)), Entry: events.EntryCharge,
		Period: p.period(), Span: s.ID, Kind: s.Kind, Resource: s.Resource, App: s.App, Tenant: s.Tenant,
		Space: s.Space,
		Name:  s.Name, Plan: line.Plan.Name, Catalogue: b.versions[p.Version].Name, Component: line.Component.Name,
		Start: line.Start, End: line.End,
		Seconds: line.Seconds, Quantity: line.Quantity, Unit: line.Unit, Amount: line.Amount,
		VATCode: line.VATCode, VAT: line.VAT, Currency: line.Currency, Flags: s.Flags,
	}
}

func sameLine(a, b rating.Line) bool {
	return a.Plan.Name == b.Plan.Name && a.Component.Name == b.Component.Name && a.Unit == b.Unit &&
		a.Currency == b.Currency && a.VATCode == b.VATCode &&
		a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Quantity.Cmp(b.Quantity) == 0 &&
		a.Amount.Cmp(b.Amount) == 0 && a.VAT.Cmp(b.VAT) == 0
}

func unratedID(p *posted, i int) string {
	return events.ID("unrated", p.Cause, p.Span.ID, strconv.Itoa(i))
}

// grouping collects entries by subject, in the order of each subject's first entry.
type grouping struct{ list []*Entries }

func (g *grouping) of(p *posted) *Entries {
	for _, e := range slices.Backward(g.list) {
		if e.Kind == p.Span.Kind && e.Tenant == p.Span.Tenant && e.Resource == p.Origin.Resource &&
			e.Foundation == p.Origin.Foundation && e.Source == p.Origin.Source {
			return e
		}
	}
	e := &Entries{
		Source: p.Origin.Source, Foundation: p.Origin.Foundation, Tenant: p.Span.Tenant, Kind: p.Span.Kind,
		Resource: p.Origin.Resource,
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
