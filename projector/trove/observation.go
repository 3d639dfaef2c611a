package trove

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file is the effect of observations of reconciliations. They stand in the set by the time of
// their look: facts of before it win, and so does a deletion whenever it was. An observation of an
// instance is about its volume, too; one of a volume changes that alone.

// Observe implements timeline.Timeline. Of a forgotten instance the deletion stands.
func (in *instance) Observe(o *timeline.Observation, ch *timeline.Change) {
	if !in.ended.IsZero() {
		return
	}
	before := in.derive()
	if !in.observations.Put(o) {
		return
	}
	if in.tenant == "" {
		in.tenant, in.tenantAt = o.Said.Tenant, o.Said.Seen
	}
	in.name = cmp.Or(in.name, o.Said.Name)
	in.difference(ch, &before)
}

// Revert implements timeline.Timeline.
func (in *instance) Revert(plan string, ch *timeline.Change) bool {
	if !in.observations.Has(plan) {
		return false
	}
	before := in.derive()
	in.observations.Revert(plan)
	in.difference(ch, &before)
	return true
}

// kept reports whether an observation may still be reverted.
func (in *instance) kept() bool {
	return slices.ContainsFunc(in.observations, func(o timeline.Observation) bool { return o.Kept(in.rules.Rules) })
}

// running are the observations of something that runs, by the time of the look.
func (in *instance) running() (out []*timeline.Observation) {
	for i := range in.observations {
		if o := &in.observations[i]; !o.Gone() {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b *timeline.Observation) int {
		return cmp.Or(a.Said.Seen.Compare(b.Said.Seen), cmp.Compare(a.Sequence, b.Sequence))
	})
	return out
}

// absent is the first observation that it is gone without a refutation behind it; nil for none. A
// sign of life after the look refutes it, and so does a later observation that it runs, but no
// end that the platform tells.
func (in *instance) absent() (first *timeline.Observation) {
	for i := range in.observations {
		o := &in.observations[i]
		s := &o.Said
		if !o.Gone() || s.Kind != events.KindInstance || in.lastSeen.After(s.Seen) ||
			first != nil && !s.Seen.Before(first.Said.Seen) {
			continue
		}
		if !slices.ContainsFunc(in.observations, func(r timeline.Observation) bool {
			return !r.Gone() && r.Said.Kind == events.KindInstance && r.Said.Seen.After(s.Seen) && !s.Exact &&
				!r.Said.Exact
		}) {
			first = o
		}
	}
	return first
}

// resumed is the first observation of a missing database behind its last report; nil for none.
func (in *instance) resumed() *timeline.Observation {
	for _, o := range in.running() {
		if o.Said.Kind == events.KindInstance && o.Said.Seen.After(in.lastSeen) {
			return o
		}
	}
	return nil
}

// beginSeen begins a life of which no message is, by an observation. A deletion of a database that
// was seen is no failed build's.
func (d *derivation) beginSeen(e *evidence) bool {
	for _, o := range d.in.running() {
		if o.Said.Kind != events.KindInstance || e.deleted != nil && !o.Said.At.Before(e.deleted.at) {
			continue
		}
		d.began, d.start, d.flags = o, o.Said.At, events.InferredStart
		if e.deleted != nil && !e.deleted.noServer {
			d.began = nil // it is proven
			if !d.in.born.IsZero() {
				d.start = d.in.born
			}
		}
		return true
	}
	return false
}

// endSeen ends the life by an observation, or holds what follows. It reports whether one does.
func (d *derivation) endSeen() bool {
	o := d.in.absent()
	if o == nil {
		return false
	}
	at := timeline.Later(o.Said.At, d.in.lastSeen, d.start)
	d.ending = o.Sequence
	if o.Said.Hold {
		d.seen, d.doubt, d.doubted = at, events.HoldObservedGone, o.ID
	} else {
		d.end, d.inferred = at, true
	}
	return true
}

// looked are sizes, in order of time, with those that observations show. One that is held is proven
// by the next message that shows the same size.
func (d *derivation) looked(kind string, sizes []size, same func(a, b events.Footprint) bool) []size {
	all := d.in.running()
	if len(all) == 0 {
		return sizes
	}
	slices.SortStableFunc(sizes, func(a, b size) int { return a.at.Compare(b.at) })
	for _, o := range all {
		said, says := sizeOf(kind, o)
		n := 0
		for n < len(sizes) && !sizes[n].at.After(o.Said.Seen) {
			n++
		}
		if !says || n == 0 && len(sizes) > 0 || n > 0 && sizes[n-1].held == "" && same(sizes[n-1].footprint, said) {
			continue
		}
		s := size{at: timeline.Later(o.Said.At, d.start), footprint: said, inferred: true, evidence: o.Sequence}
		if n > 0 {
			s.at = timeline.Later(s.at, sizes[n-1].at)
		}
		if proven := n < len(sizes) && sizes[n].held == "" && same(sizes[n].footprint, said); o.Said.Hold && !proven {
			s.held, s.cause = events.HoldObservedDrift, o.ID
			if d.began == o {
				s.held = events.HoldObservedRunning
			}
		}
		sizes = slices.Insert(sizes, n, s)
	}
	return sizes
}

// sizeOf is the size of a kind that an observation says.
func sizeOf(kind string, o *timeline.Observation) (f events.Footprint, says bool) {
	s := &o.Said
	switch {
	case kind == events.KindVolume:
		return events.Footprint{VolumeGB: s.Footprint.VolumeGB}, s.Footprint.VolumeGB.Known()
	case s.Kind == events.KindInstance:
		return flavourOf(&s.Footprint), hasFlavor(&s.Footprint)
	}
	return events.Footprint{}, false
}

// volumesSaid are the sizes of the volume by messages; none where there are only observations.
func (d *derivation) volumesSaid() []size {
	if len(d.in.facts)+len(d.in.reports) == 0 {
		return nil
	}
	return d.volumes()
}

// observedHold reports whether an id is of a hold of an observation.
func (in *instance) observedHold(id string) bool {
	codes := []string{events.HoldObservedGone, events.HoldObservedRunning, events.HoldObservedDrift}
	for i := range in.observations {
		for _, kind := range []string{events.KindInstance, events.KindVolume} {
			for _, code := range codes {
				if id == in.rules.HoldID(kind, in.resource, code, in.observations[i].ID) {
					return true
				}
			}
		}
	}
	return false
}

// observedReason explains a hold of an observation to an operator.
func observedReason(code string) string {
	switch code {
	case events.HoldObservedGone:
		return "a reconciliation found that it does not exist any more, and no message says when it ended. Discard " +
			"it if it had ended, or release it if it ran on; a later message that says so bills it by itself"
	case events.HoldObservedRunning:
		return "a reconciliation found that it runs, and no message says so. Release it if it ran all this time, or " +
			"discard it; a later message that says so bills it by itself"
	case events.HoldObservedDrift:
		return "a reconciliation found that it runs with another size, and no message says since when. Release it to " +
			"bill this size, or discard it; a later message that says so bills it by itself"
	}
	return ""
}

// seenLast is the time of the last look.
func (in *instance) seenLast() (at time.Time) {
	for i := range in.observations {
		at = timeline.Later(at, in.observations[i].Said.Seen)
	}
	return at
}
