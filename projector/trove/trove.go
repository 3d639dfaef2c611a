// Package trove makes timelines of Trove's databases: the spans of an instance's flavour and of its
// volume.
//
// The facts of one instance are a set (facts.go): Trove's notifications come in any order, and the
// state does not depend on it. Spans, holds and anomalies are derived from the whole set whenever
// they are needed (derive.go, flavour.go, volume.go, holds.go). The difference between two
// derivations is the effect of a fact (difference.go). A lost deletion shows by the absence of an
// instance from the reports of its task manager (absence.go).
package trove

import (
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Foundation implements timeline.Platform for Trove.
type Foundation struct {
	*timeline.Rules
	groups *groups
	ended  *endedIDs
}

// New returns a foundation without facts. An instance is gone when it is missing from so many
// windows of reports; if absenceWindows is negative, never.
func New(rules *timeline.Rules, absenceWindows int) *Foundation {
	return &Foundation{Rules: rules, groups: newGroups(max(absenceWindows, 0)), ended: newEndedIDs()}
}

// folded is the time before which facts are folded; zero for none.
func (f *Foundation) folded() time.Time {
	if f.Folded == timeline.MinMoment {
		return time.Time{}
	}
	return f.Folded.Time()
}

// Observe implements timeline.Platform.
func (f *Foundation) Observe(u *events.Usage, _ uint64, _ bool) bool {
	if u.Kind != events.KindInstance {
		return false
	}
	f.groups.observe(u)
	return true
}

// New implements timeline.Platform.
func (f *Foundation) New(_, resource string) timeline.Timeline {
	return &instance{rules: f, resource: resource, ended: f.ended.take(resource)}
}

// Gap implements timeline.Platform. Gaps are of lists, and Trove has none.
func (f *Foundation) Gap(*events.Gap, uint64) bool { return true }

// Gaps implements timeline.Platform.
func (f *Foundation) Gaps() []timeline.Gap { return nil }

// Doubts implements timeline.Platform.
func (f *Foundation) Doubts() bool { return false }

// Advance implements timeline.Platform.
func (f *Foundation) Advance() bool { return f.groups.reach(f.Horizon.Time()) }

// Close implements timeline.Platform.
func (f *Foundation) Close() {}
