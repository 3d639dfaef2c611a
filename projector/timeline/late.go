package timeline

import (
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/events"
)

// LateFacts are the late facts of one resource that are held.
type LateFacts []LateFact

// maxLateFacts is the number of late facts that a timeline holds one by one.
const maxLateFacts = 64

// Add holds a fact of folded time, the message of USAGE with a sequence.
func (l *LateFacts) Add(x LateFact, resource string, sequence uint64, ch *Change) {
	if slices.ContainsFunc(*l, func(o LateFact) bool { return o.ID == x.ID }) {
		return
	}
	ch.Anomaly(events.AnomalyClosedPeriod, resource, x.At, x.Event+" of "+events.FormatTime(x.At)+" (message "+
		strconv.FormatUint(sequence, 10)+") "+CameLate(x.Lacks)+". It is held: settle the difference by hand")
	if len(*l) < maxLateFacts {
		*l = append(*l, x)
		ch.Held = true
	}
}

// hold is the hold of a late fact.
func (x *LateFact) hold(r *Rules, kind, resource string) events.Hold {
	return events.Hold{
		ID:   r.HoldID(kind, resource, events.AnomalyClosedPeriod, x.ID),
		Kind: kind, Resource: resource, Code: events.AnomalyClosedPeriod, Start: x.At, End: x.At,
		Footprint: x.Footprint, Reason: x.Event + " of " + events.FormatTime(x.At) + " " + CameLate(x.Lacks) +
			". Settle the difference by hand, then discard this",
	}
}

// Held appends the holds.
func (l LateFacts) Held(out []events.Hold, r *Rules, kind, resource string) []events.Hold {
	for i := range l {
		out = append(out, l[i].hold(r, kind, resource))
	}
	return out
}

// Decide is Timeline.Decide for the hold of a late fact. It reports whether the hold is one.
func (l *LateFacts) Decide(d *events.Act, r *Rules, kind, resource string, ch *Change) bool {
	for i := range *l {
		x := &(*l)[i]
		if x.hold(r, kind, resource).ID != d.Decision.Hold {
			continue
		}
		if d.Decision.Action == events.ActionRelease {
			ch.Anomaly(events.AnomalyClosedPeriod, resource, x.At, x.Event+
				" can not be released: what it would change is closed; settle the difference by hand, then discard it")
			return true
		}
		*l = slices.Delete(*l, i, i+1)
		ch.Held = true
		return true
	}
	return false
}
