package projector

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Observed applies an observation of a reconciliation, an act with an Observation, or takes those
// of a plan back. It reports false for a reversion of a plan of which nothing is known.
func (m *Meter) Observed(a *events.Act, sequence uint64, emit func(*events.Metered)) bool {
	m.Flush(emit)
	f := m.foundation(a.Source, a.Foundation)
	cause := events.Cause{ID: a.ID, Sequence: sequence, Event: a.Kind, Time: a.Time}
	if a.Observation.Finding == events.FindingReverted {
		return m.revert(f, a.Observation.Plan, cause, emit)
	}
	o := timeline.ObservationOf(a, sequence)
	e := f.observed(&o.Said)
	if e == nil { // nothing runs, and so nothing has ended
		return true
	}
	f.months.Seen(timeline.Later(o.Said.At, f.rules.Epoch))
	m.ch.Reset(e.sub.tenant)
	o.Said.Tenant = e.sub.tenant
	e.Observe(o, &m.ch)
	m.reshow(f, e)
	m.absorb(f, e, cause)
	m.Flush(emit)
	f.freeze(e)
	return true
}

// observed returns the timeline of an observation, a new one for something that runs; else nil for
// none.
func (f *foundation) observed(o *events.Observation) *entry {
	u := events.Usage{Kind: o.Kind, Resource: o.Resource, App: o.App}
	if u.Kind == events.KindVolume { // it has the facts of its instance
		u.Kind = events.KindInstance
	}
	key := entryKey{u.Kind, u.Resource}
	e := f.lookUp(key)
	if e == nil && o.Finding == events.FindingRunning {
		e = f.enter(key, u.SubjectResource(), o.Tenant)
	}
	return e
}

// revert takes the observations of a plan back. No frozen timeline has any.
func (m *Meter) revert(f *foundation, plan string, cause events.Cause, emit func(*events.Metered)) (known bool) {
	all := slices.SortedFunc(maps.Values(f.entries), func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.sub.key.resource, b.sub.key.resource),
			cmp.Compare(a.key.resource, b.key.resource))
	})
	for i, e := range all {
		m.ch.Reset(e.sub.tenant)
		if e.Revert(plan, &m.ch) {
			known = true
			m.reshow(f, e)
			m.absorb(f, e, cause)
		}
		if i+1 == len(all) || all[i+1].sub != e.sub {
			m.Flush(emit)
		}
	}
	return known
}

// reshow puts out what runs again up to the last boundary, and lists the timeline.
func (m *Meter) reshow(f *foundation, e *entry) {
	if r := &f.rules; r.Horizon != timeline.MinMoment && r.Cut != timeline.CutNone {
		e.Advance(timeline.MomentOf(r.Cut.Floor(r.Horizon.Time())), &m.ch)
	}
	f.list(e)
}
