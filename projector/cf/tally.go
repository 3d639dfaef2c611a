package cf

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/reasons"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file is the pure core for staging. Usage events of builds carry no build guid, so an ending
// belongs to the oldest open build of the app. The bill depends on the number of builds at once,
// and not on the pairing.

// build is one staging of an app.
type build struct {
	start, end timeline.Moment // end is MaxMoment while it is open
	of         *labels
	size       *events.Footprint
	id         factID // of its first known fact
	opening    uint64 // 0 where the beginning is not known
	ending     uint64
	// opened and closed are the places of the two facts in the timeline; of an unknown end, -1.
	opened, closed int
	unproven       cause // why it is held, unless somebody has decided; no gap if it is proven
}

// tally is the builds of one app as its facts tell.
type tally struct {
	all     []build           // billed now or at their end: ended and open ones, by start
	starts  []timeline.Moment // of all, given up or not
	idle    []timeline.Moment // when no build was open for a while, or between two facts of one time
	held    []part
	counted []string // holds whose decisions counted
	// clean reports whether no later fact in order can change anything.
	clean bool
	// foldable is the number of facts before the last moment of the closed months without an open
	// build; -1 if there was none.
	foldable  int
	known     bool
	anomalies []events.Anomaly
}

// buildFold makes builds of facts and gaps.
type buildFold struct {
	tally
	rules *Foundation
	of    *builds
	// gap is the gap with the latest end so far, nil for none. Until the time `due` a build with a
	// hidden beginning or end may end.
	gap *gap
	due timeline.Moment
}

// derive is the pure function: from the facts since the last moment without an open build, the gaps
// and the horizon to the builds. A build without an end `timeout` after its start is dropped: not
// billed, and an anomaly. A build is held, whole, if a gap may hide its end or its beginning.
func (t *builds) derive(horizon timeline.Moment) tally {
	r := t.rules
	f := buildFold{
		tally: tally{known: t.baseline().known || t.clean > 0, foldable: -1}, rules: r, of: t,
		due: timeline.MinMoment,
	}
	from := t.through()
	if t.clean > 0 {
		from = max(from, t.facts[t.clean-1].key().Root())
	}
	gaps := slices.DeleteFunc(slices.Clone(r.gaps), func(g *gap) bool { return g.sequence <= from || !g.about(t.kind) })
	last := timeline.MinMoment
	lose := func(before *fact) {
		for ; len(gaps) > 0 && (before == nil || gaps[0].precedes(before)); gaps = gaps[1:] {
			f.lose(gaps[0])
		}
	}
	reach := func(n int, now timeline.Moment) { // after n facts
		if last < r.Folded && f.over(min(now, r.Folded)) {
			f.foldable = n
		}
		f.expire(now)
	}
	for i := t.clean; i < len(t.facts); i++ {
		x := &t.facts[i]
		lose(x)
		now := x.at
		for _, g := range gaps { // an open build may have ended in a gap behind the fact
			now = min(now, g.from)
		}
		reach(i, now)
		last = x.at
		switch x.verb {
		case began:
			f.begin(x, i)
		case ended:
			f.end(x, i)
		case retired:
			f.retire(x, i)
		}
	}
	lose(nil)
	f.clean = f.over(last)
	reach(len(t.facts), horizon)
	f.decide()
	f.rests()
	return f.tally
}

func (f *buildFold) begin(x *fact, place int) {
	b := build{
		start: x.at, end: timeline.MaxMoment, of: x.of, size: x.size, id: x.id, opening: x.sequence, opened: place,
		closed: -1,
	}
	if f.gap != nil && x.at < f.gap.to { // facts of that time are missing
		b.unproven = cause{gap: f.gap, fact: x.id, note: reasons.Incomplete}
	}
	f.known = true
	f.starts = append(f.starts, x.at)
	f.all = append(f.all, b)
}

// end gives an ending to the oldest open build that is proven, else to the oldest one: of the
// builds since a gap, as many run for sure as began and have not ended. A build from before the gap
// may have ended in place of the proven one, and so may end as late.
func (f *buildFold) end(x *fact, place int) {
	at := f.oldest(func(b *build) bool { return b.unproven.gap == nil && b.start.Add(f.rules.timeout) > x.at })
	hides := f.due > x.at
	switch {
	case at >= 0 && hides:
		f.due = max(f.due, f.all[at].start.Add(f.rules.timeout))
	case hides:
		if at = f.oldest(func(b *build) bool { return b.unproven.gap != nil }); at < 0 {
			f.hidden(x, place)
			return
		}
	}
	if at >= 0 {
		f.all[at].end, f.all[at].ending, f.all[at].closed = x.at, x.sequence, place
		return
	}
	if !f.known {
		f.known = true
		f.anomalies = append(f.anomalies, events.Anomaly{
			Code: events.AnomalyOrphanEnding, Resource: f.of.name, Time: x.time.Time(),
			Message: "STAGING_STOPPED without a build that was open",
		})
	}
}

// retire ends all open builds: the foundation has ended.
func (f *buildFold) retire(x *fact, place int) {
	open := func(*build) bool { return true }
	for at := f.oldest(open); at >= 0; at = f.oldest(open) {
		f.all[at].end, f.all[at].ending, f.all[at].closed = x.at, x.sequence, place
	}
}

// oldest is the index of the oldest open build with a property; -1 for none.
func (f *buildFold) oldest(such func(*build) bool) int {
	return slices.IndexFunc(f.all, func(b build) bool { return b.end == timeline.MaxMoment && such(&b) })
}

// hidden adds the build of an ending without a beginning: the gap hides it.
func (f *buildFold) hidden(x *fact, place int) {
	f.known = true
	start := f.gap.to
	if f.gap.from != timeline.MinMoment {
		start = max(f.gap.from, min(start, x.at.Add(-f.rules.timeout)))
	}
	f.all = append(f.all, build{
		start: start, end: x.at, of: x.of, size: x.size, id: x.id, ending: x.sequence, unproven: cause{
			gap:  f.gap,
			fact: x.id, note: reasons.Within,
		}, opened: place, closed: place,
	})
}

// lose is the step for a gap: builds open at its beginning, or ended since, may have ended within
// it, and an ending may be another build's.
func (f *buildFold) lose(g *gap) {
	f.expire(g.from)
	for i := range f.all {
		if b := &f.all[i]; b.unproven.gap == nil && b.start < g.to && b.end > g.from {
			b.unproven = cause{gap: g, fact: b.id, note: reasons.Unconfirmed}
		}
	}
	if f.gap == nil || g.to > f.gap.to {
		f.gap = g
	}
	f.due = max(f.due, g.to.Add(f.rules.timeout))
}

// over reports whether no build was open at a time, hidden ones included.
func (f *buildFold) over(at timeline.Moment) bool {
	return f.due <= at && f.oldest(func(b *build) bool { return b.start.Add(f.rules.timeout) > at }) < 0
}

// expire gives up builds that are open for too long. A build open at the beginning of a gap has
// ended within the gap.
func (f *buildFold) expire(now timeline.Moment) {
	f.all = slices.DeleteFunc(f.all, func(b build) bool {
		if b.end != timeline.MaxMoment || b.unproven.gap != nil || b.start.Add(f.rules.timeout) > now {
			return false
		}
		if !b.of.excluded {
			f.anomalies = append(f.anomalies, events.Anomaly{
				Code: events.AnomalyBuildWithoutEnd, Resource: f.of.name, Time: b.start.Time(),
				Message: "the build that began at " + b.start.String() + " has no end after " +
					f.rules.timeout.String() + "; it is not billed",
			})
		}
		return true
	})
	if f.due <= now {
		f.endUnproven()
	}
}

// endUnproven ends the builds without an ending since a gap: each may have run for the timeout, or
// up to the gap's end.
func (f *buildFold) endUnproven() {
	for i := range f.all {
		if b := &f.all[i]; b.end == timeline.MaxMoment && b.unproven.gap != nil {
			b.end = min(f.gap.to, b.start.Add(f.rules.timeout))
		}
	}
}

// decide takes out the unproven builds, but for released ones, and holds the undecided ones.
func (f *buildFold) decide() {
	f.endUnproven()
	billed := f.all[:0]
	for _, b := range f.all {
		if b.unproven.gap == nil {
			billed = append(billed, b)
			continue
		}
		decision, given := f.of.decided(&b.unproven)
		if given {
			f.counted = append(f.counted, decision.Hold)
		}
		p := part{
			start: max(b.start, f.rules.epoch), end: b.end, since: b.start, of: b.of, size: b.size,
			cause: b.unproven,
		}
		switch {
		case decision.Release:
			b.size = f.rules.sizes.Of(timeline.Completed(b.size, &decision.Footprint), b.size)
			billed = append(billed, b)
			f.starts = append(f.starts, b.start)
		case !given && p.start < p.end && !b.of.excluded:
			f.held = append(f.held, p)
		}
	}
	f.all = billed
	slices.SortStableFunc(f.all, func(a, b build) int { return cmp.Compare(a.start, b.start) })
}

// rests finds the moments at which no build of those that are billed was open. At one time the
// facts count in their order.
func (f *buildFold) rests() {
	type step struct {
		at    timeline.Moment
		place int
		more  int
	}
	var steps []step
	for i := range f.all {
		b := &f.all[i]
		if b.end < b.start || b.end == b.start && b.closed < b.opened {
			continue
		}
		steps = append(steps, step{b.start, b.opened, 1}, step{b.end, b.closed, -1})
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.place, b.place))
	})
	open := 0
	for _, s := range steps {
		if open += s.more; open == 0 {
			f.idle = append(f.idle, s.at)
		}
	}
}

// running are the open builds of metered spaces.
func (b *tally) running() []build {
	var out []build
	for i := range b.all {
		if x := &b.all[i]; x.end == timeline.MaxMoment && !x.of.excluded {
			out = append(out, *x)
		}
	}
	return out
}

// due is when the oldest open build is given up.
func (b *tally) due(timeout time.Duration) timeline.Moment {
	if oldest := b.countedTo(); oldest != timeline.MaxMoment {
		return oldest.Add(timeout)
	}
	return timeline.MaxMoment
}

// settled is up to when the number of builds is known: the start of the oldest open one.
func (b *tally) countedTo() timeline.Moment {
	for i := range b.all {
		if b.all[i].end == timeline.MaxMoment {
			return b.all[i].start
		}
	}
	return timeline.MaxMoment
}

// count turns ended builds into parts with the number of builds at once as instances, up to
// `until`. Each start of a build divides them, so that the output up to the oldest open build is
// final. A run goes on as long as some build does.
func (b *tally) count(r *Foundation, until timeline.Moment) []part {
	bounds := b.bounds(until)
	var out []part
	for i := 0; i+1 < len(bounds); i++ {
		p, n := b.during(bounds[i], bounds[i+1])
		if n == 0 || p.of.excluded {
			continue
		}
		size := *p.size
		size.Instances = events.Some(n)
		p.size = r.sizes.Of(&size, p.size)
		p.opening, p.more = p.more[0], p.more[1:]
		_, rested := slices.BinarySearch(b.idle, p.start)
		if last := len(out) - 1; !rested && last >= 0 && out[last].end == p.start && *out[last].size == size {
			p.since = out[last].since
		}
		out = append(out, p)
	}
	return r.fromEpoch(out)
}

// bounds are the starts and ends of builds, up to `until`.
func (b *tally) bounds(until timeline.Moment) []timeline.Moment {
	bounds := slices.Clone(b.starts)
	for i := range b.all {
		bounds = append(bounds, min(b.all[i].end, until))
	}
	slices.Sort(bounds)
	outside := func(m timeline.Moment) bool { return m > until || m == timeline.MaxMoment }
	return slices.Compact(slices.DeleteFunc(bounds, outside))
}

// during is the part between two bounds, and the number of builds in it.
func (b *tally) during(start, end timeline.Moment) (p part, n uint32) {
	p = part{start: start, end: end, since: start}
	for j := range b.all {
		x := &b.all[j]
		if x.start > p.start || x.end <= p.start {
			continue
		}
		p.of, p.size = x.of, x.size // the newest build gives the labels and the buildpack
		if x.opening == 0 && x.start == p.start {
			p.flags |= events.InferredStart
		}
		if x.unproven.gap != nil && x.ending == 0 && x.end == p.end {
			p.flags |= events.InferredEnd
		}
		for _, sequence := range [...]uint64{x.opening, x.ending} {
			if sequence != 0 {
				p.more = append(p.more, sequence)
			}
		}
		n++
	}
	return p, n
}

// fromEpoch leaves out the time before the epoch.
func (r *Foundation) fromEpoch(parts []part) []part {
	for i := range parts {
		parts[i].start, parts[i].since = max(parts[i].start, r.epoch), max(parts[i].since, r.epoch)
	}
	return slices.DeleteFunc(parts, func(p part) bool { return p.start >= p.end })
}
