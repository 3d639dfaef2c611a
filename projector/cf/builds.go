package cf

import (
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// builds is the timeline of the builds of one app.
type builds struct {
	resource
	clean      int             // number of facts before the last moment without an open build
	due        timeline.Moment // when the next open build is given up
	cleanHolds []part          // the holds of the clean facts
}

// Add implements timeline.Timeline. A duplicate changes nothing.
func (t *builds) Add(u *events.Usage, sequence uint64, ch *timeline.Change) {
	x := t.newFact(u, sequence, nil)
	t.add(&x, ch, func() { t.put(&x, ch) })
}

func (t *builds) put(x *fact, ch *timeline.Change) {
	late := len(t.facts) > 0 && x.key().Compare(t.facts[len(t.facts)-1].key()) < 0
	if late || x.insertion() != nil {
		t.reopen()
	}
	was := t.now()
	t.insert(x)
	t.replace(ch, was)
}

// now is the tally at the horizon.
func (t *builds) now() tally { return t.derive(t.rules.Horizon) }

// reopen makes all facts count again: a fact among them may change every build.
func (t *builds) reopen() { t.clean, t.cleanHolds = 0, nil }

// replace derives the builds anew, and puts out the difference to before.
func (t *builds) replace(ch *timeline.Change, was tally) tally {
	is := t.now()
	t.difference(ch, was.count(t.rules, was.countedTo()), is.count(t.rules, is.countedTo()))
	addNew(ch, was.anomalies, is.anomalies)
	ch.Running = ch.Running || !slices.Equal(was.running(), is.running())
	ch.Held = ch.Held || !sameHeld(was.held, is.held)
	t.due = is.due(t.rules.timeout)
	if is.clean {
		t.clean, t.cleanHolds = len(t.facts), append(slices.Clip(t.cleanHolds), is.held...)
	}
	return is
}

// Miss implements timeline.Timeline.
func (t *builds) Miss() bool {
	g := t.rules.newest()
	return g.about(t.kind) && t.after(g.from)
}

// Lose implements timeline.Timeline.
func (t *builds) Lose(ch *timeline.Change) {
	r := t.rules
	g := r.newest()
	if !g.about(t.kind) {
		return
	}
	if t.after(g.from) {
		t.reopen()
	}
	all := r.gaps
	r.gaps = all[:len(all)-1]
	was := t.now()
	r.gaps = all
	t.replace(ch, was)
}

// Decide implements timeline.Timeline.
func (t *builds) Decide(d *events.Act, ch *timeline.Change) bool {
	if t.late.Decide(d, t.rules.Rules, t.kind, t.name, ch) {
		return true
	}
	if !t.hasHold(d.Decision.Hold, t.Held) {
		return false
	}
	t.reopen()
	was := t.now()
	contradicts := t.decisions.Put(d)
	is := t.replace(ch, was)
	if contradicts && !slices.Contains(was.counted, d.Decision.Hold) && !slices.Contains(is.counted, d.Decision.Hold) {
		t.contradicted(d, ch)
	}
	return true
}

// Expire implements timeline.Timeline: it gives up builds for which the horizon has moved too far.
func (t *builds) Expire(before timeline.Moment, ch *timeline.Change) {
	if t.rules.Horizon >= t.due {
		t.replace(ch, t.derive(before))
	}
}

// Expires implements timeline.Timeline.
func (t *builds) Expires() bool { return true }

// Advance implements timeline.Timeline: builds are put out when they end.
func (t *builds) Advance(timeline.Moment, *timeline.Change) {}

// Close implements timeline.Timeline.
func (t *builds) Close() bool {
	if n := t.foldable(); n >= 0 {
		s := *t.baseline()
		t.fold(&fold{state: &s}, t.facts, n, func(x *fact) { s.at, s.known = max(s.at, x.time), true })
		t.clean = max(t.clean-n, 0)
	}
	t.rules.closing.all = min(t.rules.closing.all, t.through())
	return len(t.facts) == 0 && !t.Listed()
}

// foldable is the number of facts of closed months before the last moment without an open build; -1
// for none, and no gap, if a build before it is held.
func (t *builds) foldable() int {
	whole := *t
	whole.reopen()
	b := whole.now()
	n := b.foldable
	if n > 0 && slices.ContainsFunc(b.held, func(p part) bool { return p.since <= t.facts[n-1].at }) {
		return -1
	}
	return n
}

// Shrink implements timeline.Timeline.
func (t *builds) Shrink() {}

// Listed implements timeline.Timeline.
func (t *builds) Listed() bool {
	return len(t.late) > 0 || t.clean < len(t.facts) || len(t.cleanHolds) > 0
}

// Running implements timeline.Timeline. It appends the running span of the open builds: from the
// newest start on, one instance a build.
func (t *builds) Running(out []events.Span) []events.Span {
	if t.clean == len(t.facts) {
		return out
	}
	b := t.now()
	p := part{end: timeline.MaxMoment}
	n := uint32(0)
	for _, x := range b.running() {
		p.start, p.since, p.of, p.size, p.opening = x.start, x.start, x.of, x.size, x.opening
		p.more = append(p.more, x.opening)
		n++
	}
	if n == 0 {
		return out
	}
	p.start, p.since = max(p.start, t.rules.epoch), max(p.since, t.rules.epoch)
	span := t.span(&p)
	span.Footprint.Instances = events.Some(n)
	return append(out, span)
}

// Held implements timeline.Timeline.
func (t *builds) Held(out []events.Hold) []events.Hold {
	from := len(out)
	out = t.late.Held(out, t.rules.Rules, t.kind, t.name)
	for _, p := range slices.Concat(t.cleanHolds, t.now().held) {
		out = append(out, t.hold(&p))
	}
	slices.SortStableFunc(out[from:], timeline.CompareHolds)
	return out
}

// Accrued implements timeline.Timeline. It appends the spans of open builds, and of builds beside
// them, as if all ended at the horizon.
func (t *builds) Accrued(out []events.Span) []events.Span {
	if t.clean == len(t.facts) {
		return out
	}
	r := t.rules
	b := t.now()
	countedTo := b.countedTo()
	if countedTo == timeline.MaxMoment {
		return out
	}
	for i := range b.all {
		if b.all[i].end == timeline.MaxMoment {
			b.all[i].end = max(r.Horizon, b.all[i].start)
		}
	}
	for _, p := range b.count(r, timeline.MaxMoment) {
		if p.end > countedTo {
			out = append(out, t.span(&p))
		}
	}
	return out
}

// Anomalies implements timeline.Timeline: Cloud Foundry's anomalies are no state.
func (t *builds) Anomalies() []events.Anomaly { return nil }
