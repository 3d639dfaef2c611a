package cf

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file is the pure core for staging. Usage events of builds carry no build guid, so that
// endings are paired with the oldest open build of the app; the number of builds open at once,
// which is what is billed, does not depend on the pairing.

// build is one staging of an app.
type build struct {
	start, end timeline.Moment // end is MaxMoment while it is open
	of         *labels
	size       *events.Footprint
	id         factID // of the first fact that is known of it
	opening    uint64 // 0 where the beginning is not known
	ending     uint64
	unproven   cause // why it is held, unless somebody has decided; no gap if it is proven
}

// tally is the builds of one app as its facts tell.
type tally struct {
	all     []build           // those that are billed or will be, by start: ended and open ones
	starts  []timeline.Moment // of all, those that were given up too
	held    []part
	counted []string // the holds of the decisions that counted
	// clean reports whether no later fact in order can change anything.
	clean bool
	// foldable is how many facts stand before the last moment of the closed months at which no
	// build was open; -1 if there was none.
	foldable  int
	known     bool
	anomalies []events.Anomaly
}

// buildFold makes builds of facts and gaps.
type buildFold struct {
	tally
	rules *Foundation
	of    *builds
	// gap is the gap that reaches the latest time of those passed, nil for none. Builds that a gap
	// hides the end of, or the beginning, may end before the time `due`.
	gap *gap
	due timeline.Moment
}

// derive is the pure function: from the facts since the last moment at which no build was
// open, the gaps, and the horizon, to the builds. A build that has no end `timeout` after its start
// is dropped: not billed, and an anomaly. One that a gap may hide the end or the beginning of is
// held, whole.
func (t *builds) derive(horizon timeline.Moment) tally {
	r := t.rules
	f := buildFold{
		tally: tally{known: t.baseline().known || t.clean > 0, foldable: -1}, rules: r, of: t,
		due: timeline.MinMoment,
	}
	from := t.through()
	if t.clean > 0 {
		from = max(from, t.facts[t.clean-1].key().root())
	}
	gaps := slices.DeleteFunc(slices.Clone(r.gaps), func(g *gap) bool { return g.sequence <= from || !g.about(t.kind) })
	last := timeline.MinMoment
	lose := func(before *fact) {
		for ; len(gaps) > 0 && (before == nil || gaps[0].precedes(before)); gaps = gaps[1:] {
			f.lose(gaps[0])
		}
	}
	reach := func(n int, now timeline.Moment) { // after n facts
		if last < r.Closed && f.over(min(now, r.Closed)) {
			f.foldable = n
		}
		f.expire(now)
	}
	for i := t.clean; i < len(t.facts); i++ {
		x := &t.facts[i]
		lose(x)
		now := x.at
		for _, g := range gaps { // what was open when one began that stands behind the fact may have ended in it
			now = min(now, g.from)
		}
		reach(i, now)
		last = x.at
		switch x.verb {
		case began:
			f.begin(x)
		case ended:
			f.end(x)
		}
	}
	lose(nil)
	f.clean = f.over(last)
	reach(len(t.facts), horizon)
	f.decide()
	return f.tally
}

func (f *buildFold) begin(x *fact) {
	b := build{start: x.at, end: timeline.MaxMoment, of: x.of, size: x.size, id: x.id, opening: x.sequence}
	if f.gap != nil && x.at < f.gap.to { // of that time not all facts are known
		b.unproven = cause{gap: f.gap, fact: x.id, note: noteIncomplete}
	}
	f.known = true
	f.starts = append(f.starts, x.at)
	f.all = append(f.all, b)
}

// end gives an ending to the oldest build that is open, and to one that is not proven to be open
// only when there is no other: as many as began after a gap and have not ended run for sure,
// whoever ends. One of the builds that ran before them may have ended in its place, so that one of
// those may end as late as it.
func (f *buildFold) end(x *fact) {
	at := f.oldest(func(b *build) bool { return b.unproven.gap == nil && b.start.Add(f.rules.timeout) > x.at })
	hides := f.due > x.at
	switch {
	case at >= 0 && hides:
		f.due = max(f.due, f.all[at].start.Add(f.rules.timeout))
	case hides:
		if at = f.oldest(func(b *build) bool { return b.unproven.gap != nil }); at < 0 {
			f.hidden(x)
			return
		}
	}
	if at >= 0 {
		f.all[at].end, f.all[at].ending = x.at, x.sequence
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

// oldest is the index of the oldest open build that is such; -1 for none.
func (f *buildFold) oldest(such func(*build) bool) int {
	return slices.IndexFunc(f.all, func(b build) bool { return b.end == timeline.MaxMoment && such(&b) })
}

// hidden takes an ending for that of a build whose beginning the gap hides.
func (f *buildFold) hidden(x *fact) {
	f.known = true
	start := f.gap.to
	if f.gap.from != timeline.MinMoment {
		start = max(f.gap.from, min(start, x.at.Add(-f.rules.timeout)))
	}
	f.all = append(f.all, build{
		start: start, end: x.at, of: x.of, size: x.size, id: x.id, ending: x.sequence, unproven: cause{
			gap:  f.gap,
			fact: x.id, note: noteWithin,
		},
	})
}

// lose is the step for a gap: what was open when it began, and what ended since, may have ended
// within it, and what ended may have been another build.
func (f *buildFold) lose(g *gap) {
	f.expire(g.from)
	for i := range f.all {
		if b := &f.all[i]; b.unproven.gap == nil && b.start < g.to && b.end > g.from {
			b.unproven = cause{gap: g, fact: b.id, note: noteUnconfirmed}
		}
	}
	if f.gap == nil || g.to > f.gap.to {
		f.gap = g
	}
	f.due = max(f.due, g.to.Add(f.rules.timeout))
}

// over reports whether at a time no build was open, nor one that a gap may hide.
func (f *buildFold) over(at timeline.Moment) bool {
	return f.due <= at && f.oldest(func(b *build) bool { return b.start.Add(f.rules.timeout) > at }) < 0
}

// expire gives up the builds that have been open for too long. One that was open when a gap began
// has ended within it then.
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

// endUnproven ends the builds that have no ending since a gap: each may have run as long as a build
// may last, or up to the gap's end.
func (f *buildFold) endUnproven() {
	for i := range f.all {
		if b := &f.all[i]; b.end == timeline.MaxMoment && b.unproven.gap != nil {
			b.end = min(f.gap.to, b.start.Add(f.rules.timeout))
		}
	}
}

// decide takes the builds that are not proven out, but for those that an operator has released.
// Those that nobody has decided about are held.
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
			b.size = f.rules.shapes.size(completed(b.size, &decision.Footprint), b.size)
			billed = append(billed, b)
			f.starts = append(f.starts, b.start)
		case !given && p.start < p.end && !b.of.excluded:
			f.held = append(f.held, p)
		}
	}
	f.all = billed
	slices.SortStableFunc(f.all, func(a, b build) int { return cmp.Compare(a.start, b.start) })
}

// running are the builds that are open and metered.
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

// count turns builds that have ended into parts whose instances are the number of builds at once,
// up to `until`. They are divided at each start of a build, so that what is put out up to the
// oldest open build stays what it is; a run goes on where a build does.
func (b *tally) count(r *Foundation, until timeline.Moment) []part {
	bounds := b.bounds(until)
	var out []part
	for i := 0; i+1 < len(bounds); i++ {
		p, n, goesOn := b.during(bounds[i], bounds[i+1])
		if n == 0 || p.of.excluded {
			continue
		}
		size := *p.size
		size.Instances = events.Some(n)
		p.size = r.shapes.size(&size, p.size)
		p.opening, p.more = p.more[0], p.more[1:]
		if last := len(out) - 1; goesOn && last >= 0 && out[last].end == p.start && *out[last].size == size {
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

// during is the part between two bounds, the number of builds in it, and whether one of them began
// before it.
func (b *tally) during(start, end timeline.Moment) (p part, n uint32, goesOn bool) {
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
		goesOn = goesOn || x.start < p.start
		n++
	}
	return p, n, goesOn
}

// fromEpoch leaves out what is before the epoch.
func (r *Foundation) fromEpoch(parts []part) []part {
	for i := range parts {
		parts[i].start, parts[i].since = max(parts[i].start, r.epoch), max(parts[i].since, r.epoch)
	}
	return slices.DeleteFunc(parts, func(p part) bool { return p.start >= p.end })
}
