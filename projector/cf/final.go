package cf

import "github.com/daybook-billing/daybook/projector/timeline"

// This file tells up to when the spans of a timeline are final: the baseline is what is left of the
// facts of closed months, and only its open segment and its holds can make a span of before change.

// Final implements timeline.Timeline.
func (t *process) Final() timeline.Moment {
	s := t.baseline()
	at := t.rules.Folded
	if t.keeps && len(t.facts) > 0 {
		at = min(at, t.facts[0].at)
	}
	for i := range t.observations {
		at = min(at, timeline.MomentOf(t.observations[i].Said.At))
	}
	if s.running {
		at = min(at, s.segment.start)
	}
	for i := range s.held {
		at = min(at, s.held[i].start)
	}
	if s.unproven.gap != nil {
		at = min(at, s.unproven.from)
	}
	return at
}

// Final implements timeline.Timeline: as long as a fact is not folded, every build may change.
func (t *builds) Final() timeline.Moment {
	if len(t.facts) > 0 {
		return timeline.MinMoment
	}
	return t.rules.Folded
}
