package projector

import (
	"math"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Limits of one Metered message. Spans beyond them go into further parts, which repeat Running and
// Held: the two together leave room for the largest span.
const (
	maxSpans        = 250 // retracted and closed
	maxListed       = 100 // timelines whose running spans and holds one part lists
	maxRunningBytes = 320 << 10
	maxHolds        = 100 // of all that one part lists
	maxHeldBytes    = 128 << 10
	maxEndedBytes   = 64 << 10
	maxEvidence     = 1000 // of one span
)

// put puts out the pending changes of a subject: first those of closed months, as a correction, and
// then the others.
func (m *Meter) put(p *pending, emit func(*events.Metered)) {
	r := &p.f.rules
	m.list(p)
	x := &m.message
	*x = events.Metered{
		Source: r.Source, Foundation: r.Foundation, Tenant: p.sub.tenant, Kind: p.sub.key.kind,
		Resource: p.sub.key.resource, Cause: p.cause, ListedFrom: m.listing.from,
	}
	old := func(s *events.Span) bool {
		return r.Closed != timeline.MinMoment && timeline.MomentOf(s.Start) < r.Closed
	}
	anomalies := p.anomalies
	if m.divide(p, old) {
		x.Correction = r.Closed.Time().Format(events.MonthForm)
		m.parts(p, anomalies, false, emit)
		x.Correction, anomalies = "", nil
	}
	if m.divide(p, func(s *events.Span) bool { return !old(s) }) || len(anomalies) > 0 || !m.listing.told {
		m.parts(p, anomalies, true, emit)
	}
}

// divide gathers the pending spans with a property, and reports whether there are any.
func (m *Meter) divide(p *pending, such func(*events.Span) bool) bool {
	m.retracted, m.closed, m.closedOf = m.retracted[:0], m.closed[:0], m.closedOf[:0]
	for i := range p.retracted {
		if s := &p.retracted[i].span; such(s) {
			m.retracted = append(m.retracted, *s)
		}
	}
	for i := range p.closed {
		if s := &p.closed[i].span; such(s) {
			m.closed, m.closedOf = append(m.closed, *s), append(m.closedOf, p.closed[i].of)
		}
	}
	return len(m.retracted)+len(m.closed) > 0
}

// parts puts out the gathered spans in as many messages as they take, and keeps the published ones.
// If last is set, more parts tell what the listing has beyond them.
func (m *Meter) parts(p *pending, anomalies []events.Anomaly, last bool, emit func(*events.Metered)) {
	x, retracted, closed, of := &m.message, m.retracted, m.closed, m.closedOf
	for {
		by := publication{sequence: p.cause.Sequence, part: p.part, correction: events.MonthNumber(x.Correction)}
		x.ID = p.f.messageID(p.sub, by.sequence, by.part)
		p.part++
		m.listing.fill(x)
		anomalies, retracted, closed = x.Fill(maxSpans, anomalies, retracted, closed)
		emit(x)
		for i := range x.Closed {
			p.f.months.Seen(x.Closed[i].Start)
			p.f.note(of[i], &x.Closed[i], by)
		}
		of = of[len(x.Closed):]
		if len(anomalies)+len(retracted)+len(closed) == 0 && (!last || m.listing.told) {
			return
		}
	}
}

// listing is what runs and is held under a subject, as far as a message about it tells: of the
// timelines that it changes, and of the others if they are few.
type listing struct {
	told          bool // completely, in the messages so far
	from          uint64
	running, held uint32 // in all
	entries       []listed
	spans         []events.Span
	holds         []events.Hold
	ended         []string
	next          int // the first entry of the next part
	nextEnded     int
}

// listed is one timeline in a listing: where its spans and its holds end.
type listed struct{ spans, holds int }

// list makes the listing of a subject.
func (m *Meter) list(p *pending) {
	l, sub := &m.listing, p.sub
	*l = listing{entries: l.entries[:0], spans: l.spans[:0], holds: l.holds[:0], ended: l.ended[:0]}
	if p.left {
		return
	}
	unchanged := len(sub.listed)
	for _, e := range p.changed {
		if e.listed {
			unchanged--
		}
		e.told = true
	}
	all := unchanged <= events.MaxOthers
	for _, e := range sub.listed {
		l.running += e.running
		l.held += e.held
		switch {
		case e.told || all:
			e.listedAt = p.cause.Sequence
			l.spans, l.holds = e.Running(l.spans), e.Held(l.holds)
			if n := len(l.entries); len(l.spans)+len(l.holds) > l.spansBefore(n)+l.holdsBefore(n) {
				l.entries = append(l.entries, listed{len(l.spans), len(l.holds)})
			}
		case e.running+e.held > 0 && (l.from == 0 || e.listedAt < l.from):
			l.from = e.listedAt
		}
	}
	for _, e := range p.changed {
		e.told = false
		if e.running+e.held == 0 {
			l.ended = append(l.ended, e.key.resource)
		}
	}
	for i := range l.spans {
		shorten(&l.spans[i])
	}
}

func (l *listing) spansBefore(i int) int {
	if i == 0 {
		return 0
	}
	return l.entries[i-1].spans
}

func (l *listing) holdsBefore(i int) int {
	if i == 0 {
		return 0
	}
	return l.entries[i-1].holds
}

// fill puts the next part of the listing into a message: all there is of each timeline that it
// lists, and as many timelines as it has room for. When all are told, the last part is told again.
func (l *listing) fill(x *events.Metered) {
	if l.told {
		return
	}
	from := l.next
	to := min(len(l.entries), from+maxListed)
	for {
		spans, holds := l.spans[l.spansBefore(from):l.spansBefore(to)], l.holds[l.holdsBefore(from):l.holdsBefore(to)]
		var moreSpans []events.Span
		var moreHolds []events.Hold
		x.Running, moreSpans, _ = events.Fit(spans, math.MaxInt, maxRunningBytes)
		x.Held, moreHolds, _ = events.Fit(holds, maxHolds, maxHeldBytes)
		if len(moreSpans)+len(moreHolds) == 0 || to-from <= 1 { // of one timeline the rest is only counted
			break
		}
		to = from + (to-from)/2
	}
	x.RunningOmitted = l.running - min(l.running, uint32(len(x.Running))) //nolint:gosec // far below 2^32
	x.HeldOmitted = l.held - min(l.held, uint32(len(x.Held)))             //nolint:gosec // far below 2^32
	x.Ended, x.ListedFrom = nil, 0
	if x.RunningOmitted+x.HeldOmitted == 0 {
		l.nextEnded = len(l.ended) // what is not listed is not there
	} else {
		x.Ended = fitEnded(l.ended[l.nextEnded:])
		x.ListedFrom = l.from
		if l.from == 0 { // in the parts of this message
			x.ListedFrom = x.Cause.Sequence
		}
		l.nextEnded += len(x.Ended)
	}
	l.next = to
	l.told = to == len(l.entries) && l.nextEnded == len(l.ended)
}

// fitEnded are the first ids that a message has room for: at least one, if there are any.
func fitEnded(ids []string) []string {
	room := maxEndedBytes
	for i, id := range ids {
		if room -= 6*len(id) + 3; room < 0 && i > 0 { // a character takes up to six bytes
			return ids[:i]
		}
	}
	return ids
}

// shorten keeps the earliest evidence of a span with very much.
func shorten(s *events.Span) { s.Evidence = s.Evidence[:min(len(s.Evidence), maxEvidence)] }

// identify gives a span its id.
func (f *foundation) identify(s *events.Span) { s.ID = f.rules.SpanID(s) }
