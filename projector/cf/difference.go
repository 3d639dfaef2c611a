package cf

import (
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file compares a timeline before and after a change, and makes spans of the difference.

// difference puts out the change from parts `before` to parts `after`: it retracts the pieces that
// are gone and puts out the new ones. Both lists are in order of time, and a part without an end
// has been put out up to the boundary `published`.
func (t *resource) difference(ch *timeline.Change, before, after []part) {
	running := func(parts []part) *part {
		if n := len(parts) - 1; n >= 0 && parts[n].end == timeline.MaxMoment {
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
			if endA, endB := a.shownTo(t.published), b.shownTo(t.published); endA != endB || a.inferred != b.inferred {
				from := t.rules.Cut.LastPiece(a.start, min(endA, endB), a.inferred || b.inferred)
				ch.Retracted = t.pieces(ch.Retracted, a, from, endA)
				ch.Closed = t.pieces(ch.Closed, b, from, endB)
			}
			before, after = before[1:], after[1:]
		case a.start <= b.start:
			ch.Retracted = t.pieces(ch.Retracted, a, a.start, a.shownTo(t.published))
			before = before[1:]
		default:
			ch.Closed = t.pieces(ch.Closed, b, b.start, b.shownTo(t.published))
			after = after[1:]
		}
	}
	for i := range before {
		ch.Retracted = t.pieces(ch.Retracted, &before[i], before[i].start, before[i].shownTo(t.published))
	}
	for i := range after {
		ch.Closed = t.pieces(ch.Closed, &after[i], after[i].start, after[i].shownTo(t.published))
	}
}

// continues reports whether two parts are the same but for their ends and names.
func (p *part) continues(o *part) bool {
	return p.start == o.start && p.since == o.since && p.flags == o.flags && p.of.tenant == o.of.tenant &&
		(p.size == o.size || *p.size == *o.size) && timeline.SameStretches(p.earlier, o.earlier)
}

func sameNames(a, b *labels) bool {
	return a == b || a.name == b.name && a.space == b.space && a.spaceName == b.spaceName
}

// shownTo is up to where a part is put out: its end, or the boundary while it goes on.
func (p *part) shownTo(boundary timeline.Moment) timeline.Moment {
	if p.end == timeline.MaxMoment {
		return max(boundary, p.start)
	}
	return p.end
}

// pieces appends the spans of a part from `from` to `to`, divided at the boundaries.
func (t *resource) pieces(out []events.Span, p *part, from, to timeline.Moment) []events.Span {
	if from >= to {
		return out
	}
	span := t.span(p)
	out = t.rules.Cut.Divide(out, &span, from.Time(), to.Time())
	if p.inferred && to == p.end {
		out[len(out)-1].Flags |= events.InferredEnd
	}
	return out
}

// span is a part as a span.
func (t *resource) span(p *part) events.Span {
	s := events.Span{
		Kind: t.kind, Resource: t.name, App: p.of.app, Tenant: p.of.tenant, Space: p.of.space,
		SpaceName: p.of.spaceName, Name: p.of.name,
		Start: p.start.Time(), Since: p.since.Time(), Footprint: *p.size, Flags: p.flags, Evidence: t.rules.evidence(p),
	}
	if p.end != timeline.MaxMoment {
		s.End = p.end.Time()
	}
	s.Earlier = timeline.Earlier(p.earlier, p.since, t.rules.epoch)
	return s
}

// evidence returns the sequences of the facts behind a part.
func (r *Foundation) evidence(p *part) []uint64 {
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
func (t *resource) hold(p *part) events.Hold {
	h := events.Hold{
		ID: t.holdID(&p.cause), Kind: t.kind, Resource: t.name, Code: p.cause.code(), Start: p.start.Time(),
		Footprint: *p.size, Reason: p.cause.reason(p.end),
	}
	if p.end != timeline.MaxMoment {
		h.End = p.end.Time()
	}
	if p.bounds != nil {
		h.Lower = *p.bounds.least
	}
	return h
}

func (t *resource) holdID(c *cause) string {
	return t.rules.HoldID(t.kind, t.name, c.code(), c.id())
}

// sameHeld reports whether two lists of held parts say the same.
func sameHeld(a, b []part) bool {
	return slices.EqualFunc(a, b, func(x, y part) bool {
		return x.start == y.start && x.end == y.end && x.cause == y.cause && *x.size == *y.size &&
			sameBounds(x.bounds, y.bounds)
	})
}

// addNew adds the new anomalies.
func addNew(ch *timeline.Change, was, is []events.Anomaly) {
	for _, a := range is {
		if !slices.Contains(was, a) {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
}
