package cf

import (
	"slices"
	"sort"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/order"
	"github.com/daybook-billing/daybook/projector/cf/words"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// resource is the common part of the timelines of processes and of builds: facts in order, behind a
// baseline of folded facts.
type resource struct {
	rules      *Foundation
	kind, name string
	facts      []fact // in order, those after the baseline
	// base is the state before the facts, and baseKey its place in order; nil where nothing was
	// folded.
	base    *state
	baseKey key
	// origin is the sequence up to which gaps are part of the baseline if nothing was folded.
	origin *uint64
	// passed are the gaps in the baseline. They may stand behind baseKey, and baseKey behind a gap
	// by its root before it.
	passed passed
	// published is the boundary up to which the run has been put out.
	published timeline.Moment
	decisions timeline.Decisions
	late      timeline.LateFacts // for closed months: they can no longer be placed
	keeps     bool               // observations keep facts of folded months, and with them their gaps
}

// passed is how far a baseline has come through the gaps.
type passed struct {
	sequence uint64 // of the last gap in it
	// to is the latest end of a gap of its list behind its last fact; MinMoment for none.
	to timeline.Moment
}

// baseline is the state before the facts.
func (t *resource) baseline() *state {
	if t.base != nil {
		return t.base
	}
	if events.ListOf(t.kind) == events.ListService {
		return &t.rules.base[1]
	}
	return &t.rules.base[0]
}

// baselineKey is where the baseline stands in order.
func (t *resource) baselineKey() key {
	if t.base != nil {
		return t.baseKey
	}
	return key{Sequence: *t.origin}
}

// through is the sequence of the last gap in the baseline.
func (t *resource) through() uint64 { return max(t.baselineKey().Root(), t.passed.sequence) }

// ahead are the gaps after the baseline.
func (t *resource) ahead() []*gap {
	gaps := t.rules.gaps
	if t.keeps {
		gaps = t.rules.all
	}
	for len(gaps) > 0 && gaps[0].sequence <= t.through() {
		gaps = gaps[1:]
	}
	return gaps
}

// newFact makes a small fact of a message. near is a likely footprint.
func (t *resource) newFact(u *events.Usage, sequence uint64, near *events.Footprint) fact {
	r := t.rules
	of := labels{app: u.App, tenant: u.Tenant, space: u.Space, spaceName: u.SpaceName, name: u.Name}
	of.excluded = r.excluded != nil && r.excluded.MatchString(u.SpaceName)
	var nearOf *labels
	var last *events.Footprint
	if n := len(t.facts); n > 0 {
		nearOf, last = t.facts[n-1].of, t.facts[n-1].size
	} else if t.base != nil && t.base.running {
		nearOf = t.base.segment.of
	}
	x := fact{
		sequence: sequence, id: words.IDOf(u.ID), time: timeline.MomentOf(u.Time), of: r.labels.Of(&of, nearOf),
		size: r.sizes.Of(&u.Footprint, last, near), verb: words.VerbOf(u.Event),
		before: words.EarlierOf(u.Kind, u.Previous), reseeded: u.Reseeded,
	}
	if u.NoPreviousInstances {
		x.null |= nullInstances
	}
	if u.NoPreviousMemory {
		x.null |= nullMemory
	}
	late := r.insertions[sequence]
	if late != nil && late.After == nil {
		late = nil
	}
	if late != nil || !u.Listed.IsZero() || u.PreviousInstances.Known() || u.PreviousMemoryMB.Known() {
		x.extra = &extra{
			late: late, listed: timeline.MinMoment, instances: u.PreviousInstances, memory: u.PreviousMemoryMB,
		}
		if !u.Listed.IsZero() {
			x.extra.listed = timeline.MomentOf(u.Listed)
		}
	}
	return x
}

// add is Add but for the kind's own part, `put`: duplicates and facts that are too late end here.
func (t *resource) add(x *fact, ch *timeline.Change, put func()) {
	if x.insertion() == nil {
		ch.Tenant = x.of.tenant
	}
	switch {
	case t.has(x):
	case x.insertion() != nil && t.tooLate(x):
		t.addLate(x, ch)
	default:
		put()
	}
	if x.of.excluded {
		ch.Anomalies = ch.Anomalies[:0]
	}
}

// has reports whether the fact is a duplicate: the same message, or one with the same id and time.
// Of a task that forgot the id, the event and its time tell; behind a baseline they do not, for an
// ending with the time of the first one repairs it.
func (t *resource) has(x *fact) bool {
	from := sort.Search(len(t.facts), func(i int) bool { return t.facts[i].at >= x.time })
	for i := from; i < len(t.facts); i++ {
		y := &t.facts[i]
		if y.id == x.id || y.sequence == x.sequence || y.forgotID() && y.verb == x.verb && y.time == x.time &&
			x.listed() == timeline.MinMoment && !t.baselineBehind(i) {
			return true
		}
	}
	return false
}

// baselineBehind reports whether a run that nobody saw beginning stands behind a fact.
func (t *resource) baselineBehind(i int) bool {
	return slices.ContainsFunc(t.facts[i+1:], func(y fact) bool { return y.verb == wasRunning })
}

// TooLate implements timeline.Timeline.
func (t *resource) TooLate(u *events.Usage, sequence uint64) bool {
	if u.AfterSequence == 0 {
		return false
	}
	x := t.newFact(u, sequence, nil)
	return !t.has(&x) && t.tooLate(&x)
}

// Presumes implements timeline.Timeline.
func (t *resource) Presumes(u *events.Usage, sequence uint64) bool {
	if t.base != nil || !Presumes(u) {
		return false
	}
	x := t.newFact(u, sequence, nil)
	return len(t.facts) == 0 || x.key().Compare(t.facts[0].key()) < 0
}

// tooLate reports whether a late fact belongs into folded time: before the baseline or a gap in it,
// or into a closed month of a timeline that may have been forgotten.
func (t *resource) tooLate(x *fact) bool {
	k := x.key()
	if k.Root() == order.UnknownRoot || k.Compare(t.baselineKey()) < 0 {
		return true
	}
	last := gap{sequence: t.passed.sequence, to: t.passed.to}
	if last.to != timeline.MinMoment && !last.precedes(x) {
		return true
	}
	if x.time >= t.rules.Folded || len(t.facts) > 0 && k.Compare(t.facts[0].key()) > 0 {
		return false
	}
	return t.kind == events.KindStaging && x.verb == ended || !t.baseline().known
}

// after reports whether a fact counts after a time.
func (t *resource) after(at timeline.Moment) bool {
	n := len(t.facts)
	return n > 0 && t.facts[n-1].at > at
}

// insert puts a fact in its place.
func (t *resource) insert(x *fact) {
	k := x.key()
	at := sort.Search(len(t.facts), func(i int) bool { return k.Compare(t.facts[i].key()) < 0 })
	t.facts = slices.Insert(t.facts, at, *x)
	t.clamp(t.facts, at)
}

// clamp computes from when facts count, from the one at index `from` on.
func (t *resource) clamp(facts []fact, from int) {
	latest := t.baseline().at
	if from > 0 {
		latest = facts[from-1].at
	}
	for i := from; i < len(facts); i++ {
		latest = max(latest, facts[i].time)
		facts[i].at = latest
	}
}

// addLate holds a fact of folded time: nothing can be derived from it.
func (t *resource) addLate(x *fact, ch *timeline.Change) {
	t.late.Add(timeline.LateFact{
		ID: x.id.String(), Event: words.EventName(t.kind, x.verb), At: x.time.Time(), Footprint: *x.size,
		Lacks: ch.Lacks,
	}, t.name, x.sequence, ch)
}

// decided returns the operator's decision on the hold of a cause.
func (t *resource) decided(c *cause) (timeline.Decision, bool) {
	if len(t.decisions) == 0 {
		return timeline.Decision{}, false
	}
	return t.decisions.On(t.holdID(c))
}

// Decided implements timeline.Timeline.
func (t *resource) Decided() bool { return len(t.decisions) > 0 }

// hasHold reports whether the timeline has a hold, or had it and it was decided.
func (t *resource) hasHold(hold string, held func([]events.Hold) []events.Hold) bool {
	if _, found := t.decisions.On(hold); found {
		return true
	}
	return slices.ContainsFunc(held(nil), func(h events.Hold) bool { return h.ID == hold })
}

// contradicted notes that a decision contradicts a folded one.
func (t *resource) contradicted(d *events.Act, ch *timeline.Change) {
	if t.base != nil {
		ch.Anomaly(events.AnomalyClosedPeriod, t.name, d.Time, "hold "+d.Decision.Hold+
			" was decided before: what another word would change is closed; settle the difference by hand")
	}
}

// steps applies the first n of the facts with `apply`, and the gaps between them and after them up
// to the time `until`. It returns the position of the last of these facts, and the gaps before it.
func (t *resource) steps(f *fold, facts []fact, n int, until timeline.Moment, apply func(*fact)) (key, passed) {
	last, through := t.baselineKey(), t.passed
	gaps := t.ahead()
	f.ahead = gaps
	for i := range n {
		x := &facts[i]
		for len(gaps) > 0 && gaps[0].precedes(x) {
			if gaps[0].about(t.kind) {
				f.gap(gaps[0])
			}
			through.sequence = gaps[0].sequence
			gaps = gaps[1:]
			f.ahead = gaps
		}
		apply(x)
		through.to = timeline.MinMoment
		if x.verb <= retired {
			last = x.key()
		}
	}
	for len(gaps) > 0 && (until == timeline.MaxMoment || gaps[0].to < until) && (n == len(facts) ||
		gaps[0].precedes(&facts[n])) {
		if gaps[0].about(t.kind) {
			f.gap(gaps[0])
			through.to = max(through.to, gaps[0].to)
		}
		through.sequence = gaps[0].sequence
		gaps = gaps[1:]
		f.ahead = gaps
	}
	return last, through
}

// fold moves the first n of the facts into the baseline, and with them the gaps of closed months.
func (t *resource) fold(f *fold, facts []fact, n int, apply func(*fact)) {
	last, through := t.steps(f, facts, n, t.rules.Folded, apply)
	if n == 0 && through == t.passed {
		return
	}
	t.base, t.baseKey, t.passed = f.state, last, through
	t.facts = slices.DeleteFunc(slices.Clone(facts[n:]), func(x fact) bool { return x.verb > retired })
}
