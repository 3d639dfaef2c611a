package projector

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// This file compares what a timeline said before with what it says now, and makes spans of it.

// change is what a fact, a horizon or a decision did to what a subject's timelines say.
type change struct {
	Retracted []events.Span
	Closed    []events.Span
	Anomalies []events.Anomaly
	Running   bool // the running spans, or their labels, are not what they were
	Held      bool // the holds are not what they were
}

func (c *change) empty() bool {
	return len(c.Retracted) == 0 && len(c.Closed) == 0 && len(c.Anomalies) == 0 && !c.Running && !c.Held
}

func (c *change) reset() {
	*c = change{Retracted: c.Retracted[:0], Closed: c.Closed[:0], Anomalies: c.Anomalies[:0]}
}

func (c *change) anomaly(code, resource string, at time.Time, message string) {
	c.Anomalies = append(c.Anomalies, events.Anomaly{Code: code, Resource: resource, Time: at, Message: message})
}

// difference puts out what changes when parts `before` become parts `after`: the pieces that are no
// longer so, and those that are new. Both are in order of time, and the part of each that goes on
// has been put out up to the boundary `published`.
func (t *track) difference(r *rules, ch *change, before, after []part) {
	running := func(parts []part) *part {
		if n := len(parts) - 1; n >= 0 && parts[n].end == never {
			return &parts[n]
		}
		return nil
	}
	a, b := running(before), running(after)
	ch.Running = ch.Running || (a == nil) != (b == nil) || a != nil && (!a.continues(b) || !sameNames(a.of, b.of))
	for len(before) > 0 && len(after) > 0 {
		a, b := &before[0], &after[0]
		switch {
		case a.continues(b):
			if endA, endB := t.published.up(a), t.published.up(b); endA != endB {
				from := r.lastPiece(a.start, min(endA, endB))
				ch.Retracted = r.pieces(ch.Retracted, t, a, from, endA)
				ch.Closed = r.pieces(ch.Closed, t, b, from, endB)
			}
			before, after = before[1:], after[1:]
		case a.start <= b.start:
			ch.Retracted = r.pieces(ch.Retracted, t, a, a.start, t.published.up(a))
			before = before[1:]
		default:
			ch.Closed = r.pieces(ch.Closed, t, b, b.start, t.published.up(b))
			after = after[1:]
		}
	}
	for i := range before {
		ch.Retracted = r.pieces(ch.Retracted, t, &before[i], before[i].start, t.published.up(&before[i]))
	}
	for i := range after {
		ch.Closed = r.pieces(ch.Closed, t, &after[i], after[i].start, t.published.up(&after[i]))
	}
}

// continues reports whether two parts are the same but for their ends and names.
func (p *part) continues(o *part) bool {
	return p.start == o.start && p.since == o.since && p.flags == o.flags && p.of.tenant == o.of.tenant &&
		(p.size == o.size || *p.size == *o.size)
}

func sameNames(a, b *labels) bool {
	return a == b || a.name == b.name && a.space == b.space && a.spaceName == b.spaceName
}

// up is up to where a part is put out: its end, or the boundary while it goes on.
func (m moment) up(p *part) moment {
	if p.end == never {
		return max(m, p.start)
	}
	return p.end
}

// lastPiece returns where the last piece of a part from start to end begins, or `end` if a piece
// ends there however long the part is.
func (r *rules) lastPiece(start, end moment) moment {
	floor := momentOf(r.cut.floor(end.time()))
	if end <= start || floor == end {
		return end
	}
	return max(start, floor)
}

// pieces appends the spans of a part from `from` to `to`, divided at the boundaries.
func (r *rules) pieces(out []events.Span, t *track, p *part, from, to moment) []events.Span {
	if from >= to {
		return out
	}
	span := r.span(t, p)
	return r.cut.divide(out, &span, from.time(), to.time())
}

// span is a part as a span.
func (r *rules) span(t *track, p *part) events.Span {
	s := events.Span{
		Kind: t.kind, Resource: t.resource, App: p.of.app, Tenant: p.of.tenant, Space: p.of.space,
		SpaceName: p.of.spaceName, Name: p.of.name,
		Start: p.start.time(), Since: p.since.time(), Footprint: *p.size, Flags: p.flags, Evidence: r.evidence(p),
	}
	if p.end != never {
		s.End = p.end.time()
	}
	return s
}

// evidence returns the sequences of the facts that a part rests on.
func (r *rules) evidence(p *part) []uint64 {
	n := 2 + len(p.more)
	if len(r.sequences)+n > cap(r.sequences) {
		r.sequences = make([]uint64, 0, 1024+n)
	}
	from := len(r.sequences)
	r.sequences = append(append(r.sequences, p.opening), p.more...)
	if p.ending != 0 {
		r.sequences = append(r.sequences, p.ending)
	}
	out := r.sequences[from:len(r.sequences):len(r.sequences)]
	if !slices.IsSorted(out) {
		slices.Sort(out)
	}
	return slices.Compact(out)
}

// hold is a held part as a hold.
func (r *rules) hold(t *track, p *part) events.Hold {
	h := events.Hold{
		ID: r.holdID(t, &p.cause), Kind: t.kind, Resource: t.resource, Code: events.HoldGap, Start: p.start.time(),
		Footprint: *p.size,
		Reason:    p.cause.reason(p.end),
	}
	if p.end != never {
		h.End = p.end.time()
	}
	return h
}

func (r *rules) holdID(t *track, c *cause) string {
	return events.ID("hold", r.source, r.name, t.kind, t.resource, events.HoldGap, c.id())
}

// sameHeld reports whether two lists of held parts say the same.
func sameHeld(a, b []part) bool {
	return slices.EqualFunc(a, b, func(x, y part) bool {
		return x.start == y.start && x.end == y.end && x.cause == y.cause && *x.size == *y.size
	})
}
