package cf

import (
	"slices"
	"sort"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/reasons"
	"github.com/daybook-billing/daybook/projector/cf/words"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file is the effect of observations: those with one are steps of the fold, like facts.

// Observe implements timeline.Timeline.
func (t *process) Observe(o *timeline.Observation, ch *timeline.Change) {
	k := key{Sequence: o.Said.AfterSequence}
	if t.base != nil && (k.Compare(t.baselineKey()) < 0 || k.Sequence < t.passed.sequence) {
		o.Mute = true
		ch.Anomaly(events.AnomalyClosedPeriod, t.name, o.Said.At, o.Event()+" of "+events.FormatTime(o.Said.At)+
			" "+timeline.CameLate("")+". Reconcile again")
	}
	was := t.derive(&t.rules.before)
	if t.observations.Put(o) {
		t.replace(ch, was)
	}
}

// Revert implements timeline.Timeline.
func (t *process) Revert(plan string, ch *timeline.Change) bool {
	if !t.observations.Has(plan) {
		return false
	}
	was := t.derive(&t.rules.before)
	t.observations.Revert(plan)
	t.replace(ch, was)
	return true
}

// Observe implements timeline.Timeline: builds are not reconciled.
func (t *builds) Observe(*timeline.Observation, *timeline.Change) {}

// Revert implements timeline.Timeline.
func (t *builds) Revert(string, *timeline.Change) bool { return false }

// signs are the facts of a timeline as observations ask for them.
type signs struct{ *process }

// Behind implements timeline.Signs.
func (t signs) Behind(o *timeline.Observation) int {
	k := key{Sequence: o.Said.AfterSequence}
	return sort.Search(len(t.facts), func(i int) bool { return k.Compare(t.facts[i].key()) < 0 })
}

// Count implements timeline.Signs.
func (t signs) Count() int { return len(t.facts) }

// Sign implements timeline.Signs.
func (t signs) Sign(i int) (timeline.Sign, timeline.Moment, bool) {
	x := &t.facts[i]
	return x.sign(t.kind), x.time, x.verb != nothing && x.verb != retired
}

// sign is what a fact says about the time before it. An ending of a task or a service instance is
// that of its run.
func (x *fact) sign(kind string) timeline.Sign {
	switch {
	case x.reseeded, x.before == ran, x.before == assumed, x.listed() != timeline.MinMoment, x.verb == wasRunning,
		x.verb == changed, x.verb == buildpackSet, x.verb == ended && kind != events.KindApp:
		return timeline.Ran
	case x.verb == began:
		return timeline.Began
	}
	return timeline.Silent
}

// timed returns the facts with the observations that have an effect, in order; from when they count
// is computed.
func (t *process) timed() []fact {
	if len(t.observations) == 0 {
		return t.facts
	}
	effective, open := t.observations.Effective(signs{t})
	t.undecided, t.looked = open, timeline.MinMoment
	out := make([]fact, 0, len(t.facts)+len(effective))
	next := 0
	for i := range t.observations {
		o := &t.observations[i]
		t.looked = max(t.looked, timeline.MomentOf(o.Said.Seen))
		if effective[i] {
			at := signs{t}.Behind(o)
			out = append(append(out, t.facts[next:at]...), t.observed(o))
			next = at
		}
	}
	out = append(out, t.facts[next:]...)
	t.clamp(out, 0)
	return out
}

// observed is an observation as a step of the fold.
func (t *process) observed(o *timeline.Observation) fact {
	r, s := t.rules, &o.Said
	of := labels{app: s.App, tenant: s.Tenant, space: s.Space, spaceName: s.SpaceName, name: s.Name}
	of.excluded = r.excluded != nil && r.excluded.MatchString(s.SpaceName)
	x := fact{
		sequence: o.Sequence, id: words.IDOf(o.ID), time: timeline.MomentOf(s.At), of: r.labels.Of(&of),
		size: r.sizes.Of(&s.Footprint), verb: seenRunning,
		extra: &extra{
			late:   &insertion{Sequence: o.Sequence, After: &insertion{Sequence: s.AfterSequence}, Depth: 1},
			listed: timeline.MinMoment,
		},
	}
	if o.Gone() {
		x.verb = seenGone
	}
	if s.Hold {
		x.verb++
	}
	return x
}

// still reports whether a fact, put behind all others, leaves the effects of observations as they
// are.
func (t *process) still(x *fact) bool {
	return len(t.observations) == 0 || t.tail != nil && !t.undecided && x.time > t.looked
}

// foldable is how many of the first n facts may be folded, and how many observations, the first
// ones, are not kept any more. What stands behind one that is kept may have to be derived again.
func (t *process) foldable(facts []fact, n int) (foldable, kept int) {
	for kept < len(t.observations) && !t.observations[kept].Kept(t.rules.Rules) {
		kept++
	}
	if t.keeps = kept < len(t.observations); !t.keeps {
		return n, kept
	}
	if t.base == nil { // that of a timeline without facts moves on with the gaps
		base := *t.baseline()
		t.baseKey, t.base = t.baselineKey(), &base
	}
	behind := signs{t}.Behind(&t.observations[kept])
	for i := range n {
		switch x := &facts[i]; {
		case x.verb <= retired && behind == 0,
			x.verb > retired && slices.ContainsFunc(t.observations[kept:],
				func(o timeline.Observation) bool { return o.Sequence == x.sequence }):
			return i, kept
		case x.verb <= retired:
			behind--
		}
	}
	return n, kept
}

// drop forgets the first observations, those that are not kept, as far as they are folded.
func (t *process) drop(kept int, rest []fact) {
	for ; kept > 0; kept-- {
		o := t.observations[0].Sequence
		if slices.ContainsFunc(rest, func(x fact) bool { return x.sequence == o }) {
			return
		}
		t.observations = t.observations[1:]
	}
}

// look is the step for an observation.
func (f *fold) look(x *fact) {
	f.at = max(f.at, x.time)
	switch x.verb {
	case seenGone, seenGoneHeld:
		if f.running && f.segment.doubt.note != reasons.ObservedGone {
			f.gone(x)
		}
	default:
		f.seen(x)
	}
}

// gone ends the run, or holds what follows.
func (f *fold) gone(x *fact) {
	was := f.segment
	f.inferring = true
	f.close(f.at, x.sequence)
	f.inferring = false
	f.unproven = unproven{}
	f.last = last{kind: unheard, at: f.at, time: x.time, ended: true}
	if x.verb == seenGone {
		return
	}
	f.running, f.segment = true, was
	s := &f.segment
	s.start, s.flags, s.more, s.opener, s.opening = f.at, events.InferredStart, nil, x.id, x.sequence
	s.heldTo, s.behind, s.doubt = timeline.MinMoment, behind{}, cause{fact: x.id, note: reasons.ObservedGone}
}

// seen begins a run, or changes the size of one.
func (f *fold) seen(x *fact) {
	switch held := x.verb == seenRunningHeld; {
	case !f.running && f.known && f.process.kind == events.KindTask, // a task runs once
		f.running && f.unproven.gap != nil: // it is held already
		return
	case !f.running:
		f.unproven = unproven{}
		f.open(x, f.at, f.withType(x.size), events.InferredStart)
		if held {
			f.segment.doubt = cause{fact: x.id, note: reasons.ObservedRunning}
		}
	default:
		s := &f.segment
		size := f.rules.sizes.Of(timeline.Sized(s.size, x.size), s.size)
		if timeline.SameSize(s.size, size) && (held || s.doubt.note < reasons.ObservedGone) {
			return
		}
		of, excluded := s.of, s.excluded
		f.divide(x, size)
		f.segment.of, f.segment.excluded = of, excluded
		f.segment.flags |= events.InferredStart
		if held {
			f.segment.doubt = cause{fact: x.id, note: reasons.ObservedDrift}
		}
	}
	f.last = last{kind: baseline, at: f.at, time: x.time}
}

// hear holds a fact against what is known before it.
func (f *fold) hear(x *fact) {
	f.proven(x)
	if f.unproven.gap != nil {
		f.confirm(x)
	} else {
		f.compare(x)
	}
}

// proven ends the doubt of an observation, by a fact behind it: one that says that it ran shows
// that it did, and a beginning ends what an absence held.
func (f *fold) proven(x *fact) {
	if s := &f.segment; f.running && s.doubt.note >= reasons.ObservedGone {
		switch sign := x.sign(f.process.kind); {
		case sign == timeline.Ran:
			s.doubt = cause{}
		case sign == timeline.Began && s.doubt.note == reasons.ObservedGone:
			f.close(f.at, x.sequence)
		}
	}
}
