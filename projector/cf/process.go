package cf

import (
	"slices"
	"sort"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// process is the timeline of a process, a task or a service instance: a resource with one footprint
// at a time.
type process struct {
	resource
	// tail is the state after the facts; nil while it is not at hand.
	tail         *state
	observations timeline.Observations
	undecided    bool            // the next fact may change the effect of an observation
	looked       timeline.Moment // the time of the last look
	// waiting are the anomalies of contradictions that a late fact may still explain.
	waiting []events.Anomaly
}

// state is the state after the facts.
func (t *process) state() *state {
	if t.tail == nil {
		s := *t.derive(&t.rules.after).state
		t.tail = &s
	}
	return t.tail
}

// Shrink implements timeline.Timeline: few facts follow the end of a task or a service instance.
func (t *process) Shrink() {
	if t.kind != events.KindApp {
		t.tail = nil
	}
}

// Miss implements timeline.Timeline.
func (t *process) Miss() bool {
	g := t.rules.newest()
	switch {
	case !g.about(t.kind):
	case t.touches(g):
		return true
	case t.tail != nil:
		t.rules.stepOver(t.kind, t.tail, g)
	}
	return false
}

// Lose implements timeline.Timeline.
func (t *process) Lose(ch *timeline.Change) {
	r := t.rules
	g := r.newest()
	if !g.about(t.kind) {
		return
	}
	if t.touches(g) {
		gaps, all := r.gaps, r.all
		r.gaps, r.all = gaps[:len(gaps)-1], all[:len(all)-1]
		was := t.derive(&r.before)
		r.gaps, r.all = gaps, all
		t.replace(ch, was)
		return
	}
	r.was = *t.state()
	was := t.show(&r.before, &r.was)
	f := t.folder(&r.after, t.tail)
	f.gap(g)
	f.show()
	t.publish(ch, was, f)
}

// touches reports whether the timeline has put out something after a gap's beginning, though the
// gap stands behind it: facts may be missing before the newest one.
func (t *process) touches(g *gap) bool {
	return t.kind != events.KindTask && (t.after(g.from) || slices.ContainsFunc(t.observations,
		func(o timeline.Observation) bool { return timeline.MomentOf(o.Said.At) > g.from }))
}

// Add implements timeline.Timeline. A duplicate changes nothing.
func (t *process) Add(u *events.Usage, sequence uint64, ch *timeline.Change) {
	var near *events.Footprint
	if t.tail != nil && t.tail.running {
		near = t.tail.segment.size
	}
	x := t.newFact(u, sequence, near)
	t.add(&x, ch, func() { t.put(&x, ch) })
}

func (t *process) put(x *fact, ch *timeline.Change) {
	if t.newest(x.key()) && !t.types(x) && t.still(x) {
		t.extend(x, ch)
		return
	}
	was := t.derive(&t.rules.before)
	t.insert(x)
	t.replace(ch, was)
}

// newest reports whether a fact stands after everything in the timeline.
func (t *process) newest(k key) bool {
	if n := len(t.facts); n > 0 && k.Compare(t.facts[n-1].key()) < 0 {
		return false
	}
	gaps := t.rules.gaps
	if t.keeps {
		gaps = t.rules.all
	}
	for i := len(gaps) - 1; i >= 0 && gaps[i].sequence > k.Root(); i-- {
		if gaps[i].about(t.kind) {
			return false
		}
	}
	return true
}

// extend is put for the newest fact: the step for it alone.
func (t *process) extend(x *fact, ch *timeline.Change) {
	r := t.rules
	r.was = *t.state()
	was := t.show(&r.before, &r.was)
	f := t.folder(&r.after, t.tail)
	f.apply(x)
	f.show()
	t.facts = append(t.facts, *x)
	t.clamp(t.facts, len(t.facts)-1)
	t.publish(ch, was, f)
}

// folder returns an empty fold from a state on, in the memory of `in`.
func (t *process) folder(in *fold, s *state) *fold {
	*in = fold{
		state: s, rules: t.rules, process: t, parts: in.parts[:0], pending: in.pending[:0],
		anomalies: in.anomalies[:0], counted: in.counted[:0],
	}
	return in
}

// show returns the output of a state, in the memory of `in`.
func (t *process) show(in *fold, s *state) *fold {
	f := t.folder(in, s)
	f.show()
	return f
}

// fromBaseline returns a fold from the baseline on, in the memory of `in`. It puts out the holds of
// the baseline again: a decision may have come since.
func (t *process) fromBaseline(in *fold) *fold {
	s := *t.baseline()
	f := t.folder(in, &s)
	s.held = nil
	f.learn(t.typed())
	for _, p := range t.baseline().held {
		p.size = f.withType(p.size)
		f.emit(p, p.start, p.end, p.cause)
	}
	return f
}

// derive is the pure function: from the baseline, the facts and the gaps, in order, to spans and
// holds. It works in the memory of `in`.
func (t *process) derive(in *fold) *fold {
	f := t.fromBaseline(in)
	facts := t.timed()
	t.steps(f, facts, len(facts), timeline.MaxMoment, f.apply)
	f.show()
	return f
}

// replace derives the timeline anew after its facts, its gaps or its decisions changed, and puts
// out the difference to before.
func (t *process) replace(ch *timeline.Change, was *fold) *fold {
	f := t.derive(&t.rules.after)
	s := *f.state
	t.tail = &s
	t.publish(ch, was, f)
	return f
}

// publish puts out the difference between two folds.
func (t *process) publish(ch *timeline.Change, was, is *fold) {
	t.difference(ch, was.parts, is.parts)
	t.report(ch, was.anomalies, is.anomalies)
	ch.Held = ch.Held || !sameHeld(was.pending, is.pending) || !sameHeld(was.held, is.held)
}

// Expire implements timeline.Timeline.
func (t *process) Expire(_ timeline.Moment, ch *timeline.Change) { t.settle(ch) }

// Expires implements timeline.Timeline.
func (t *process) Expires() bool { return false }

// Advance implements timeline.Timeline.
func (t *process) Advance(boundary timeline.Moment, ch *timeline.Change) {
	if boundary <= t.published {
		return
	}
	f := t.show(&t.rules.after, t.state())
	if n := len(f.parts) - 1; n >= 0 && f.parts[n].end == timeline.MaxMoment && f.parts[n].start < boundary {
		p := &f.parts[n]
		ch.Closed = t.pieces(ch.Closed, p, p.shownTo(t.published), boundary)
		ch.Running = true
	}
	if t.tail.running {
		t.published = boundary
	}
}

// Close implements timeline.Timeline.
func (t *process) Close() bool {
	facts := t.timed()
	n := sort.Search(len(facts), func(i int) bool { return facts[i].at >= t.rules.Folded })
	n, kept := t.foldable(facts, n)
	f := t.fromBaseline(&t.rules.after)
	t.fold(f, facts, n, f.apply)
	if t.drop(kept, facts[n:]); t.keeps {
		return false
	}
	c, through := &t.rules.closing, t.through()
	c.all, c.processes = min(c.all, through), min(c.processes, through)
	return len(t.facts) == 0 && !t.Listed()
}

// Decide implements timeline.Timeline.
func (t *process) Decide(d *events.Act, ch *timeline.Change) bool {
	if t.late.Decide(d, t.rules.Rules, t.kind, t.name, ch) {
		return true
	}
	if !t.hasHold(d.Decision.Hold, t.Held) {
		return false
	}
	was := t.derive(&t.rules.before)
	contradicts := t.decisions.Put(d)
	is := t.replace(ch, was)
	if contradicts && !slices.Contains(was.counted, d.Decision.Hold) && !slices.Contains(is.counted, d.Decision.Hold) {
		t.contradicted(d, ch)
	}
	return true
}

// Running implements timeline.Timeline.
func (t *process) Running(out []events.Span) []events.Span {
	if !t.state().running {
		return out
	}
	f := t.show(&t.rules.after, t.tail)
	if n := len(f.parts) - 1; n >= 0 && f.parts[n].end == timeline.MaxMoment {
		p := &f.parts[n]
		p.start = p.shownTo(t.published)
		out = append(out, t.span(p))
	}
	return out
}

// Accrued implements timeline.Timeline.
func (t *process) Accrued(out []events.Span) []events.Span {
	return t.rules.Accrued(out, t.Running(nil))
}

// Anomalies implements timeline.Timeline: Cloud Foundry's anomalies are no state.
func (t *process) Anomalies() []events.Anomaly { return nil }

// Held implements timeline.Timeline.
func (t *process) Held(out []events.Hold) []events.Hold {
	from := len(out)
	out = t.late.Held(out, t.rules.Rules, t.kind, t.name)
	t.state()
	for i := range t.tail.held {
		out = append(out, t.hold(&t.tail.held[i]))
	}
	if s := &t.tail.segment; t.tail.running &&
		(t.tail.unproven.gap != nil || s.heldTo != timeline.MinMoment || s.doubt.holds()) {
		f := t.show(&t.rules.after, t.tail)
		for i := range f.pending {
			out = append(out, t.hold(&f.pending[i]))
		}
	}
	slices.SortStableFunc(out[from:], timeline.CompareHolds)
	return out
}

// Listed implements timeline.Timeline.
func (t *process) Listed() bool {
	return len(t.late) > 0 || len(t.waiting) > 0 || t.tail != nil && (t.tail.running || len(t.tail.held) > 0)
}
