package projector

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// rules are what the timelines of a foundation depend on beside their own facts, and memory to work
// in.
type rules struct {
	source, name string
	cut          Cut
	epoch        moment
	timeout      time.Duration // of builds
	horizon      moment
	// Before closed the months are closed: what comes for them is a correction.
	closed moment
	gaps   []*gap // in order
	// settled is the sequence up to which gaps are part of the timelines' baselines; base is what
	// they make of a timeline without facts, by list. Those up to the sequence dropped are not kept
	// any more: builds may rest on a gap for longer.
	settled, dropped uint64
	base             [2]state
	shapes           *shapes
	// databases are the rules of Trove.
	databases *troveRules

	sequences     []uint64 // where evidence is kept
	before, after fold     // where parts are kept
	was           state
}

// track is the timeline of one resource.
type track struct {
	kind, resource string
	sub            *subject
	facts          []fact // in order, those that the baseline does not hold
	// base is the state before the facts, and baseKey its place in order; nil where nothing was
	// folded.
	base    *state
	baseKey key
	// passed are the gaps that the baseline holds. They may stand behind baseKey, and baseKey
	// behind a gap by its root before it.
	passed passed
	// tail is the state after the facts, of all kinds but builds and databases; nil while it is not
	// at hand.
	tail *state
	// published is the boundary up to which what goes on has been put out.
	published moment
	// Builds: how many facts stand before the last moment at which no build was open, and when the
	// next open one is given up.
	clean     int
	due       moment
	doubted   []part     // and the holds of those before
	decisions []decision // by hold
	late      []lateFact // for closed months: they can no longer be placed
	trove     *instance
	live      bool // listed by its subject
}

// passed is how far a baseline has come through the gaps.
type passed struct {
	sequence uint64 // of the last gap that is part of it
	// to is the latest end of those of its list that stand behind its last fact; `always` for none.
	to moment
}

// maxLateFacts is how many facts that can not be placed are held, one by one, for one timeline.
const maxLateFacts = 64

func (r *rules) trove() *troveRules { return r.databases }

func newTrack(kind, resource string, sub *subject) *track {
	return &track{kind: kind, resource: resource, sub: sub, published: always, due: never, passed: passed{to: always}}
}

// state is the state after the facts.
func (t *track) state(r *rules) *state {
	if t.tail == nil {
		s := *t.derive(r, &r.after).state
		t.tail = &s
	}
	return t.tail
}

// rest lets go of the state of a task or a service instance that has ended: little more will be
// said of it.
func (t *track) rest() {
	if !t.live && (t.kind == events.KindTask || t.kind == events.KindService) {
		t.tail = nil
	}
}

// baseline is the state before the facts.
func (t *track) baseline(r *rules) *state {
	if t.base != nil {
		return t.base
	}
	return &r.base[listIndex(t.kind)]
}

func listIndex(kind string) int {
	if events.ListOf(kind) == events.ListService {
		return 1
	}
	return 0
}

// baselineKey is where the baseline stands in order.
func (t *track) baselineKey(r *rules) key {
	if t.base != nil {
		return t.baseKey
	}
	if t.kind == events.KindStaging {
		return key{sequence: r.dropped}
	}
	return key{sequence: r.settled}
}

// through is the sequence up to which the gaps are part of the baseline.
func (t *track) through(r *rules) uint64 { return max(t.baselineKey(r).root(), t.passed.sequence) }

// lose puts out what a gap changed, which is the newest of the rules.
func (t *track) lose(r *rules, g *gap, ch *change) {
	if t.kind == events.KindStaging {
		t.loseBuilds(r, ch)
		return
	}
	if t.touches(g) {
		all := r.gaps
		r.gaps = all[:len(all)-1]
		was := t.derive(r, &r.before)
		r.gaps = all
		t.replace(r, ch, was)
		return
	}
	r.was = *t.state(r)
	was := t.show(r, &r.before, &r.was)
	f := t.folder(r, &r.after, t.tail)
	f.gap(g)
	f.show()
	t.publish(r, ch, was, f)
}

// touches reports whether the timeline has said something of the time from a gap's beginning on,
// though the gap stands behind it: facts may have been overlooked before what was the newest.
func (t *track) touches(g *gap) bool {
	n := len(t.facts)
	return n > 0 && t.kind != events.KindTask && t.facts[n-1].at > g.from
}

// stepOver applies a gap to a state without a fact.
func (t *track) stepOver(r *rules, s *state, g *gap) {
	if g.sequence > r.settled && g.about(t.kind) {
		f := fold{state: s, rules: r, track: t}
		f.gap(g)
	}
}

// add adds a fact and puts out what it changed. A duplicate changes nothing.
func (t *track) add(r *rules, x fact, ch *change) {
	if t.has(&x) {
		return
	}
	k := x.key()
	if x.place() != nil && t.tooLate(r, &x) {
		t.addLate(&x, ch)
		return
	}
	if t.kind == events.KindStaging {
		t.addBuild(r, x, ch)
		return
	}
	if t.newest(r, k) {
		t.extend(r, x, ch)
		return
	}
	was := t.derive(r, &r.before)
	t.insert(r, x)
	t.replace(r, ch, was)
}

// insert puts a fact in its place.
func (t *track) insert(r *rules, x fact) {
	k := x.key()
	at := sort.Search(len(t.facts), func(i int) bool { return k.compare(t.facts[i].key()) < 0 })
	t.facts = slices.Insert(t.facts, at, x)
	t.clamp(r, at)
}

// tooLate reports whether a fact that was found late belongs into what is folded: before the
// baseline or a gap that is part of it, or into a closed month of a timeline that may have been
// forgotten.
func (t *track) tooLate(r *rules, x *fact) bool {
	k := x.key()
	if k.root() == unknownPlace || k.compare(t.baselineKey(r)) < 0 {
		return true
	}
	last := gap{sequence: t.passed.sequence, to: t.passed.to}
	if last.to != always && !last.precedes(x) {
		return true
	}
	if x.time >= r.closed || len(t.facts) > 0 && k.compare(t.facts[0].key()) > 0 {
		return false
	}
	// of a build that was given up and folded
	return !t.baseline(r).known || t.kind == events.KindStaging && x.verb == ended
}

// newest reports whether a fact stands after everything that the timeline has.
func (t *track) newest(r *rules, k key) bool {
	if n := len(t.facts); n > 0 && k.compare(t.facts[n-1].key()) < 0 {
		return false
	}
	for i := len(r.gaps) - 1; i >= 0 && r.gaps[i].sequence > k.root(); i-- {
		if r.gaps[i].about(t.kind) {
			return false
		}
	}
	return true
}

// extend is add for the newest fact: the step for it alone.
func (t *track) extend(r *rules, x fact, ch *change) {
	r.was = *t.state(r)
	was := t.show(r, &r.before, &r.was)
	f := t.folder(r, &r.after, t.tail)
	f.apply(&x)
	f.show()
	t.facts = append(t.facts, x)
	t.clamp(r, len(t.facts)-1)
	t.publish(r, ch, was, f)
}

// has reports whether the fact is there already: the same message, or one with the same id, which
// says the same time.
func (t *track) has(x *fact) bool {
	from := sort.Search(len(t.facts), func(i int) bool { return t.facts[i].at >= x.time })
	for i := from; i < len(t.facts); i++ {
		if t.facts[i].id == x.id || t.facts[i].sequence == x.sequence {
			return true
		}
	}
	return false
}

// clamp computes from when the facts count, from the one at index `from` on.
func (t *track) clamp(r *rules, from int) {
	latest := t.baseline(r).at
	if from > 0 {
		latest = t.facts[from-1].at
	}
	for i := from; i < len(t.facts); i++ {
		latest = max(latest, t.facts[i].time)
		t.facts[i].at = latest
	}
}

// folder returns an empty fold in the memory of `in` that goes on from a state.
func (t *track) folder(r *rules, in *fold, s *state) *fold {
	*in = fold{
		state: s, rules: r, track: t, parts: in.parts[:0], pending: in.pending[:0], anomalies: in.anomalies[:0],
		words: in.words[:0],
	}
	return in
}

// show is what a state of the timeline says, in the memory of `in`.
func (t *track) show(r *rules, in *fold, s *state) *fold {
	f := t.folder(r, in, s)
	f.show()
	return f
}

// derive is the pure function: from the baseline, the facts and the gaps, in order, to what ran and
// what is held. It works in the memory of `in`.
func (t *track) derive(r *rules, in *fold) *fold {
	s := *t.baseline(r)
	f := t.folder(r, in, &s)
	s.held = nil
	for _, p := range t.baseline(r).held { // what was decided since is not held any more
		f.emit(p, p.start, p.end, p.cause)
	}
	t.steps(r, f, len(t.facts), never)
	f.show()
	return f
}

// steps applies the first n facts, and the gaps between them and after them up to the time `until`.
// It returns where the last of these facts stands, and the gaps that were passed.
func (t *track) steps(r *rules, f *fold, n int, until moment) (key, passed) {
	last, through := t.baselineKey(r), t.passed
	gaps := r.gaps
	for len(gaps) > 0 && gaps[0].sequence <= t.through(r) {
		gaps = gaps[1:]
	}
	f.ahead = gaps
	for i := range n {
		x := &t.facts[i]
		for len(gaps) > 0 && gaps[0].precedes(x) {
			if gaps[0].about(t.kind) {
				f.gap(gaps[0])
			}
			through.sequence = gaps[0].sequence
			gaps = gaps[1:]
			f.ahead = gaps
		}
		f.apply(x)
		last, through.to = x.key(), always
	}
	for len(gaps) > 0 && (until == never || gaps[0].to < until) && (n == len(t.facts) ||
		gaps[0].precedes(&t.facts[n])) {
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

// replace derives the timeline anew after its facts, its gaps or its decisions changed, and puts
// out the difference to before.
func (t *track) replace(r *rules, ch *change, was *fold) {
	f := t.derive(r, &r.after)
	s := *f.state
	t.tail = &s
	t.publish(r, ch, was, f)
}

// publish puts out the difference between two folds.
func (t *track) publish(r *rules, ch *change, was, is *fold) {
	t.difference(r, ch, was.parts, is.parts)
	for _, a := range is.anomalies {
		if !slices.Contains(was.anomalies, a) {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
	ch.Held = ch.Held || !sameHeld(was.pending, is.pending) || !sameHeld(was.held, is.held)
}

// advance puts out what goes on up to boundary `to`.
func (t *track) advance(r *rules, ch *change, to moment) {
	if to <= t.published {
		return
	}
	f := t.show(r, &r.after, t.state(r))
	if n := len(f.parts) - 1; n >= 0 && f.parts[n].end == never && f.parts[n].start < to {
		p := &f.parts[n]
		ch.Closed = r.pieces(ch.Closed, t, p, t.published.up(p), to)
		ch.Running = true
	}
	if t.tail.running {
		t.published = to
	}
}

// settle moves the facts of closed months into the baseline. What ran and what is held stays the
// same. It returns the sequence up to which the gaps are part of the baseline, too.
func (t *track) settle(r *rules) uint64 {
	n := sort.Search(len(t.facts), func(i int) bool { return t.facts[i].at >= r.closed })
	if t.kind == events.KindStaging {
		if n = t.settleable(r); n < 0 {
			return t.through(r)
		}
	}
	was := t.baseline(r)
	s := *was
	f := t.folder(r, &r.after, &s)
	s.held = nil
	for _, p := range was.held {
		f.emit(p, p.start, p.end, p.cause)
	}
	last, through := t.steps(r, f, n, r.closed)
	if n == 0 && through == t.passed {
		return t.through(r)
	}
	t.base, t.baseKey, t.passed = &s, last, through
	t.facts = slices.Clone(t.facts[n:])
	t.clean = max(t.clean-n, 0)
	return t.through(r)
}

// addLate holds a fact that belongs into what is folded already: nothing can be derived from it any
// more.
func (t *track) addLate(x *fact, ch *change) {
	if slices.ContainsFunc(t.late, func(l lateFact) bool { return l.id == x.id.String() }) {
		return
	}
	name := eventName(t.kind, x.verb)
	ch.anomaly(events.AnomalyClosedPeriod, t.resource, x.time.time(),
		name+" of "+x.time.String()+" (message "+strconv.FormatUint(x.sequence, 10)+
			") came when its month had been closed and settled: what was billed stands. It is held: settle the "+
			"difference by hand")
	if len(t.late) < maxLateFacts {
		t.late = append(t.late, lateFact{id: x.id.String(), event: name, at: x.time.time(), footprint: *x.size})
		ch.Held = true
	}
}

// lateHold is the hold of a fact that can not be placed.
func (r *rules) lateHold(t *track, l *lateFact) events.Hold {
	return events.Hold{
		ID:   events.ID("hold", r.source, r.name, t.kind, t.resource, events.AnomalyClosedPeriod, l.id),
		Kind: t.kind, Resource: t.resource, Code: events.AnomalyClosedPeriod, Start: l.at, End: l.at,
		Footprint: l.footprint,
		Reason: l.event + " of " + events.FormatTime(l.at) + " came when its month had been closed and settled: what " +
			"was billed stands. " +
			"Settle the difference by hand, then discard this",
	}
}

// decided returns the operator's word on the hold of a cause.
func (t *track) decided(r *rules, c *cause) (decision, bool) {
	if len(t.decisions) == 0 {
		return decision{}, false
	}
	return t.wordOn(r.holdID(t, c))
}

func (t *track) wordOn(hold string) (decision, bool) {
	at, found := t.findDecision(hold)
	if !found {
		return decision{}, false
	}
	return t.decisions[at], true
}

func (t *track) findDecision(hold string) (int, bool) {
	return slices.BinarySearchFunc(t.decisions, hold, func(d decision, id string) int {
		return strings.Compare(d.hold,
			id)
	})
}

// decide applies an operator's word on a hold and puts out what it changed. It reports whether the
// timeline has the hold, or had it and it was decided.
func (t *track) decide(r *rules, d *events.Decision, ch *change) bool {
	for i := range t.late {
		l := &t.late[i]
		if r.lateHold(t, l).ID != d.Hold {
			continue
		}
		if d.Action == events.ActionRelease {
			ch.anomaly(events.AnomalyClosedPeriod, t.resource, l.at, l.event+
				" can not be released: what it would change is closed; settle the difference by hand, then discard it")
			return true
		}
		t.late = slices.Delete(t.late, i, i+1)
		ch.Held = true
		return true
	}
	at, found := t.findDecision(d.Hold)
	if !found && !slices.ContainsFunc(t.held(r, nil), func(h events.Hold) bool { return h.ID == d.Hold }) {
		return false
	}
	var was *fold
	var builds builds
	if t.kind == events.KindStaging {
		t.reopen()
		builds = t.deriveBuilds(r, r.horizon)
	} else {
		was = t.derive(r, &r.before)
	}
	word := decision{hold: d.Hold, id: d.ID, at: d.Time, release: d.Action == events.ActionRelease,
		footprint: d.Footprint}
	changed := found && (t.decisions[at].release != word.release || t.decisions[at].footprint != word.footprint)
	if found {
		t.decisions[at] = word
	} else {
		t.decisions = slices.Insert(t.decisions, at, word)
	}
	var counted bool
	if t.kind == events.KindStaging {
		is := t.replaceBuilds(r, ch, builds)
		counted = slices.Contains(builds.words, d.Hold) || slices.Contains(is.words, d.Hold)
	} else {
		t.replace(r, ch, was)
		counted = slices.Contains(was.words, d.Hold) || slices.Contains(r.after.words, d.Hold)
	}
	if changed && t.base != nil && !counted {
		ch.anomaly(events.AnomalyClosedPeriod, t.resource, d.Time, "hold "+d.Hold+
			" was decided before: what another word would change is closed; settle the difference by hand")
	}
	return true
}

// running appends what runs, from the last cut on.
func (t *track) running(r *rules, out []events.Span) []events.Span {
	switch {
	case t.trove != nil:
		return t.trove.running(r.trove(), out)
	case t.kind == events.KindStaging:
		return t.runningBuilds(r, out)
	case !t.state(r).running:
		return out
	}
	f := t.show(r, &r.after, t.tail)
	if n := len(f.parts) - 1; n >= 0 && f.parts[n].end == never {
		p := &f.parts[n]
		p.start = t.published.up(p)
		out = append(out, r.span(t, p))
	}
	return out
}

// held appends what is held.
func (t *track) held(r *rules, out []events.Hold) []events.Hold {
	if t.trove != nil {
		return t.trove.held(r.trove(), out)
	}
	from := len(out)
	for i := range t.late {
		out = append(out, r.lateHold(t, &t.late[i]))
	}
	if t.kind == events.KindStaging {
		out = t.heldBuilds(r, out)
		slices.SortStableFunc(out[from:], func(a, b events.Hold) int { return compareHolds(&a, &b) })
		return out
	}
	t.state(r)
	for i := range t.tail.held {
		out = append(out, r.hold(t, &t.tail.held[i]))
	}
	if t.tail.running && (t.tail.doubt.gap != nil || t.tail.segment.heldTo != always) {
		f := t.show(r, &r.after, t.tail)
		for i := range f.pending {
			out = append(out, r.hold(t, &f.pending[i]))
		}
	}
	slices.SortStableFunc(out[from:], func(a, b events.Hold) int { return compareHolds(&a, &b) })
	return out
}

// listed reports whether a message about the subject says something of the timeline.
func (t *track) listed() bool {
	switch {
	case t.trove != nil, len(t.late) > 0:
		return true
	case t.kind == events.KindStaging:
		return t.clean < len(t.facts) || len(t.doubted) > 0
	}
	return t.tail != nil && (t.tail.running || len(t.tail.held) > 0)
}
