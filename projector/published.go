package projector

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file keeps spans as they were published, for a retraction repeats its span to the letter. A
// record is some 25 bytes, and stands for all pieces into which cuts divide one span: memory grows
// with the changes of what runs, and not with the days of its run.

// published are the spans of one timeline that may still be retracted.
type published struct {
	bytes []byte // records, one behind the other
	last  int    // where the last record begins
	looks []look // by number
}

// look is the part of a span that many spans share.
type look struct {
	labels  *spanLabels
	size    *events.Footprint
	earlier []events.Stretch
}

func (l look) same(o look) bool {
	return (l.labels == o.labels || *l.labels == *o.labels) && (l.size == o.size || *l.size == *o.size) &&
		slices.EqualFunc(l.earlier, o.earlier, func(a, b events.Stretch) bool {
			return a.Since.Equal(b.Since) && a.Footprint == b.Footprint
		})
}

// spanLabels are the texts of a span beside its size.
type spanLabels struct{ app, tenant, space, spaceName, name string }

// record is a span as it was published, or successive pieces of one: from start to first, and from
// there to last, divided at the boundaries.
type record struct {
	kind               string
	start, first, last int64 // nanoseconds of Unix time
	since              int64
	flags              events.Flags
	look               look
	evidence           []uint64
	by                 publication // of the first piece
	// byCuts is set if each piece but the first was published by the cut at its end; else all are
	// published by one message.
	byCuts bool
}

// publication is a Metered message, as far as its spans know it.
type publication struct {
	sequence   uint64 // of its cause in USAGE
	part       uint32
	id         [16]byte // of a message that a replay or another version published; zero for others
	correction uint32   // month as year*12+month-1; 0 for none
}

var noID [16]byte

// textOf is the id of a publication about a subject.
func (f *foundation) textOf(p *publication, sub *subject) string {
	if p.id != noID {
		return events.FormatID(p.id)
	}
	return f.messageID(sub, p.sequence, p.part)
}

// messageID is the id of a part of the message of a cause about a subject, whatever its tenant.
func (f *foundation) messageID(sub *subject, sequence uint64, part uint32) string {
	return events.ID("metered", f.rules.Source, f.rules.Foundation, sub.key.kind, sub.key.resource,
		strconv.FormatUint(sequence, 10), strconv.FormatUint(uint64(part), 10))
}

// cutDone is a cut up to a boundary, published for the cause with a sequence.
type cutDone struct {
	to       int64
	sequence uint64
}

// cutAt is the sequence of the cause that published the pieces that end at a boundary; 0 for none.
func (f *foundation) cutAt(end int64) uint64 {
	i, _ := slices.BinarySearchFunc(f.cuts, end, func(c cutDone, end int64) int { return cmp.Compare(c.to, end) })
	if i == len(f.cuts) {
		return 0
	}
	return f.cuts[i].sequence
}

// next is where the piece ends that begins at a time, in a record that goes on.
func (f *foundation) next(r *record, at int64) int64 {
	if at < r.first {
		return r.first
	}
	if next := f.rules.Cut.Next(nano(at)); !next.IsZero() {
		return min(r.last, next.UnixNano())
	}
	return r.last
}

func nano(n int64) time.Time { return time.Unix(0, n).UTC() }

// publisher is the publication of the piece of a record with an end.
func (f *foundation) publisher(r *record, end int64) publication {
	if end == r.first || !r.byCuts {
		return r.by
	}
	return publication{sequence: f.cutAt(end)}
}

// note keeps a span that a message publishes.
func (f *foundation) note(e *entry, s *events.Span, by publication) {
	r := record{
		kind: s.Kind, start: s.Start.UnixNano(), first: s.End.UnixNano(), last: s.End.UnixNano(),
		since: s.Since.UnixNano(),
		flags: s.Flags, look: f.lookOf(s), evidence: s.Evidence, by: by,
	}
	if e.published == nil {
		e.published = &published{}
	}
	p := e.published
	if len(p.bytes) > 0 {
		last, _ := p.decode(p.last, e.key.kind)
		if f.extend(&last, &r) {
			p.bytes = p.append(p.bytes[:p.last], &last, e.key.kind)
			return
		}
	}
	p.add(&r, e.key.kind)
}

// continues reports whether r says the same of a later time.
func (p *record) continues(r *record) bool {
	return p.kind == r.kind && p.since == r.since && p.flags == r.flags && p.look.same(r.look) &&
		p.by.id == noID && r.by.id == noID && p.by.correction == r.by.correction &&
		slices.Equal(p.evidence, r.evidence)
}

// extend makes the record r a piece of the record before it, if it is one.
func (f *foundation) extend(p, r *record) bool {
	if p.last != r.start || !p.continues(r) {
		return false
	}
	at := nano(p.last)
	next := f.rules.Cut.Next(at)
	if next.IsZero() || r.first > next.UnixNano() || p.last != p.first && !f.rules.Cut.Floor(at).Equal(at) {
		return false
	}
	single := p.first == p.last
	cut := publication{sequence: f.cutAt(r.first)}
	switch {
	case r.by == cut && (single || p.byCuts):
		p.byCuts = true
	case r.by == p.by && (single || !p.byCuts):
	default:
		return false
	}
	p.last = r.last
	return true
}

// lookOf gives the span's texts and its size in shared memory.
func (f *foundation) lookOf(s *events.Span) look {
	return look{
		labels: f.labels.Of(&spanLabels{s.App, s.Tenant, s.Space, s.SpaceName, s.Name}),
		size:   f.sizes.Of(&s.Footprint), earlier: s.Earlier,
	}
}

// place is a piece among the records of a timeline.
type place struct {
	all        []record
	at         int // index of its record
	start, end int64
	by         publication
}

// find looks for the published span of a kind with a start.
func (f *foundation) find(e *entry, kind string, start int64) (x place, found bool) {
	if e.published == nil {
		return x, false
	}
	x.all = f.records(e)
	for i := range x.all {
		r := &x.all[i]
		if r.kind != kind || start < r.start || start >= r.last {
			continue
		}
		from := r.start
		end := f.next(r, from)
		for from < start && end < r.last {
			from = end
			end = f.next(r, from)
		}
		if from == start {
			x.at, x.start, x.end, x.by = i, start, end, f.publisher(r, end)
			return x, true
		}
	}
	return x, false
}

// take removes the span of a kind with a start, and returns it as it was published.
func (f *foundation) take(e *entry, kind string, start int64) (events.Span, publication, bool) {
	x, found := f.find(e, kind, start)
	if !found {
		return events.Span{}, publication{}, false
	}
	r := &x.all[x.at]
	span := f.span(e, r, x.start, x.end)
	span.Publication, span.Correction = f.textOf(&x.by, e.sub), events.MonthText(x.by.correction)
	e.published.rebuild(slices.Replace(x.all, x.at, x.at+1, f.without(r, x.start, x.end)...), e.key.kind)
	return span, x.by, true
}

// adopt says that a stored message published a span, whatever would have published it today.
func (f *foundation) adopt(e *entry, s *events.Span, by publication) {
	x, found := f.find(e, s.Kind, s.Start.UnixNano())
	if !found {
		return
	}
	r := x.all[x.at]
	by.sequence = x.by.sequence
	own := r
	own.start, own.first, own.last, own.byCuts, own.by = x.start, x.end, x.end, false, by
	e.published.rebuild(slices.Replace(x.all, x.at, x.at+1, append(f.without(&r, x.start, x.end), own)...),
		e.key.kind)
}

// adopted is a publication by a stored message with an id and a correction. It is none where the
// span would be published so today, or is another one.
func (f *foundation) adopted(e *entry, s *events.Span, id, correction string) (by publication, differs bool) {
	x, found := f.find(e, s.Kind, s.Start.UnixNano())
	if !found || f.textOf(&x.by, e.sub) == id && events.MonthText(x.by.correction) == correction {
		return by, false
	}
	if span := f.span(e, &x.all[x.at], x.start, x.end); span.ID != s.ID {
		return by, false
	}
	by.correction = events.MonthNumber(correction)
	by.id, differs = events.ParseID(id)
	return by, differs
}

// adopt adopts the spans that a stored message, derived from an input, published, and the listing
// in it. A frozen timeline is thawed only where it changes.
func (m *Meter) adopt(x *events.Metered, source uint64) {
	f := m.foundations[foundationKey{Source: x.Source, Foundation: x.Foundation}]
	if f == nil {
		return
	}
	for i := range x.Closed {
		s := &x.Closed[i]
		e := f.peek(entryOf(s.Kind, s.Resource))
		if e == nil {
			continue
		}
		if by, differs := f.adopted(e, s, x.ID, x.Correction); differs {
			e = f.lookUp(e.key)
			f.adopt(e, s, by)
			f.freeze(e)
		}
	}
	for i := range x.Running { // what is listed is not frozen
		if e := f.entries[entryOf(x.Running[i].Kind, x.Running[i].Resource)]; e != nil {
			e.listedAt = source
		}
	}
	for i := range x.Held {
		if e := f.entries[entryOf(x.Held[i].Kind, x.Held[i].Resource)]; e != nil {
			e.listedAt = source
		}
	}
}

// entryOf is the key of the timeline with the spans of a kind of a resource.
func entryOf(kind, resource string) entryKey {
	if kind == events.KindVolume {
		kind = events.KindInstance // one timeline has both
	}
	return entryKey{kind, resource}
}

// span is a piece of a record as it was published.
func (f *foundation) span(e *entry, r *record, start, end int64) events.Span {
	l := r.look.labels
	s := events.Span{
		Kind: r.kind, Resource: e.key.resource, App: l.app, Tenant: l.tenant, Space: l.space, SpaceName: l.spaceName,
		Name: l.name, Start: nano(start), End: nano(end), Since: nano(r.since), Footprint: *r.look.size, Flags: r.flags,
		Evidence: r.evidence, Earlier: r.look.earlier,
	}
	f.identify(&s)
	return s
}

// without are the records of the other pieces of a record.
func (f *foundation) without(r *record, start, end int64) (rest []record) {
	if start > r.start {
		before := *r
		before.last = start
		before.first = min(before.first, start)
		rest = append(rest, before)
	}
	if end < r.last {
		behind := *r
		behind.start = end
		behind.first = f.next(r, end)
		behind.by = f.publisher(r, behind.first)
		rest = append(rest, behind)
	}
	return rest
}

// records are the records of a timeline.
func (f *foundation) records(e *entry) (all []record) {
	p := e.published
	for at := 0; at < len(p.bytes); {
		var r record
		r, at = p.decode(at, e.key.kind)
		all = append(all, r)
	}
	return all
}

// rebuild replaces all records.
func (p *published) rebuild(all []record, own string) {
	*p = published{bytes: make([]byte, 0, len(p.bytes))}
	for i := range all {
		p.add(&all[i], own)
	}
}

// prune drops the spans that begin before a time: they are not retracted any more.
func (f *foundation) prune(e *entry, before timeline.Moment) {
	if e.published == nil || before == timeline.MinMoment {
		return
	}
	limit := before.Time().UnixNano()
	all := f.records(e)
	kept := slices.DeleteFunc(all, func(r record) bool { return r.last <= limit })
	switch {
	case len(kept) == 0:
		e.published = nil
	case len(kept) < len(all):
		e.published.rebuild(kept, e.key.kind)
	}
}

// pruneCuts drops the cuts from before the oldest published span.
func (f *foundation) pruneCuts() {
	oldest := f.rules.Folded.Time().UnixNano() // no frozen timeline begins before
	for _, e := range f.entries {
		if e.published == nil {
			continue
		}
		for _, r := range f.records(e) {
			oldest = min(oldest, r.start)
		}
	}
	n, _ := slices.BinarySearchFunc(f.cuts, oldest, func(c cutDone, at int64) int { return cmp.Compare(c.to, at) })
	f.cuts = slices.Delete(f.cuts, 0, n)
}

func (p *published) add(r *record, own string) {
	p.last = len(p.bytes)
	p.bytes = p.append(p.bytes, r, own)
}
