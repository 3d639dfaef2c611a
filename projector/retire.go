package projector

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Retired applies an act with a Retirement: Retire, or with a time End.
func (m *Meter) Retired(a *events.Act, sequence uint64, emit func(*events.Metered)) (time.Time, bool) {
	if a.Retirement.At.IsZero() {
		return m.Retire(a, sequence, emit)
	}
	return m.End(a, sequence, emit)
}

// End ends a foundation that is gone, an act with a Retirement at a time. What runs ends then. What
// the horizon proves up to then is billed; the time from the horizon on is not proven, as in a gap,
// and is held. The collectors of the foundation hold nobody up any more. It returns the horizon and
// true; false for a foundation of which nothing is known.
func (m *Meter) End(a *events.Act, sequence uint64, emit func(*events.Metered)) (time.Time, bool) {
	m.Flush(emit)
	f := m.foundations[foundationKey{Source: a.Source, Foundation: a.Foundation}]
	if f == nil {
		return time.Time{}, false
	}
	at, proven := timeline.MomentOf(a.Retirement.At), f.rules.Horizon
	if at > proven {
		g := events.Gap{
			ID: events.ID("gap", a.ID), Source: a.Source, Foundation: a.Foundation, To: a.Retirement.At,
			Reason: "the foundation was retired",
		}
		if proven != timeline.MinMoment {
			g.From = proven.Time()
		}
		m.Gap(&g, sequence, emit)
	}
	cause := events.Cause{ID: a.ID, Sequence: sequence, Event: a.Kind, Time: a.Retirement.At}
	m.each(f, sorted(f.subjects), cause, emit, func(e *entry) {
		if open(e) {
			e.Add(retired(a, e, min(proven, at)), sequence, &m.ch)
		}
	})
	f.ended = true
	clear(f.collectors)
	f.collectors[""] = collectorHorizon{at: max(at, proven), settled: max(at, proven)}
	m.reach(f, cause, emit)
	return f.rules.Horizon.Time(), true
}

// open reports whether something of a resource has no end, be it billed or held.
func open(e *entry) bool {
	return len(e.Running(nil)) > 0 ||
		slices.ContainsFunc(e.Held(nil), func(h events.Hold) bool { return h.End.IsZero() })
}

// retired is the last fact about a resource of a foundation that has ended; it was seen until then.
func retired(a *events.Act, e *entry, seen timeline.Moment) *events.Usage {
	u := &events.Usage{
		ID:     events.ID("usage", "retired", a.ID, e.key.kind, e.key.resource),
		Source: a.Source, Foundation: a.Foundation, Tenant: e.sub.tenant, Kind: e.key.kind, Resource: e.key.resource,
		Event: events.EventRetired, Time: a.Retirement.At,
	}
	if seen != timeline.MinMoment {
		u.Observed = seen.Time()
	}
	return u
}
