package projector

import (
	"cmp"
	"slices"

	"github.com/daybook-billing/daybook/events"
)

// This file is the pure core for staging. Usage events of builds carry no build guid, so that
// endings are paired with the oldest open build of the app; the number of builds open at once,
// which is what is billed, does not depend on the pairing.

// build is one staging of an app.
type build struct {
	start, end moment // end is `never` while it is open
	of         *labels
	size       *events.Footprint
	id         factID // of the first fact that is known of it
	opening    uint64 // 0 where the beginning is not known
	ending     uint64
	doubt      cause // why it is held, unless somebody has decided; no gap if it is proven
}

// builds are the builds of one app as its facts tell.
type builds struct {
	all    []build  // those that are billed or will be, by start: ended and open ones
	starts []moment // of all, those that were given up too
	held   []part
	words  []string // the holds of the decisions that counted
	// clean reports whether no later fact in order can change anything.
	clean bool
	// foldable is how many facts stand before the last moment of the closed months at which no
	// build was open; -1 if there was none.
	foldable  int
	known     bool
	anomalies []events.Anomaly
}

// addBuild is add for the builds of an app.
func (t *track) addBuild(r *rules, x fact, ch *change) {
	late := len(t.facts) > 0 && x.key().compare(t.facts[len(t.facts)-1].key()) < 0
	if late || x.place() != nil {
		t.reopen()
	}
	was := t.deriveBuilds(r, r.horizon)
	t.insert(r, x)
	t.replaceBuilds(r, ch, was)
}

// expireBuilds gives up builds for which the horizon has moved too far.
func (t *track) expireBuilds(r *rules, ch *change, before moment) {
	if r.horizon >= t.due {
		t.replaceBuilds(r, ch, t.deriveBuilds(r, before))
	}
}

// reopen forgets which builds later facts in order do not change.
func (t *track) reopen() { t.clean, t.doubted = 0, nil }

// loseBuilds puts out what a gap changed, which is in the rules since.
func (t *track) loseBuilds(r *rules, ch *change) {
	gaps := r.gaps
	if t.touches(gaps[len(gaps)-1]) {
		t.reopen()
	}
	r.gaps = gaps[:len(gaps)-1]
	was := t.deriveBuilds(r, r.horizon)
	r.gaps = gaps
	t.replaceBuilds(r, ch, was)
}

func (t *track) replaceBuilds(r *rules, ch *change, was builds) builds {
	is := t.deriveBuilds(r, r.horizon)
	t.difference(r, ch, was.count(r, was.settled()), is.count(r, is.settled()))
	for _, a := range is.anomalies {
		if !slices.Contains(was.anomalies, a) {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
	ch.Running = ch.Running || !slices.Equal(was.running(), is.running())
	ch.Held = ch.Held || !sameHeld(was.held, is.held)
	t.due = is.due(r)
	if is.clean {
		t.clean, t.doubted = len(t.facts), append(slices.Clip(t.doubted), is.held...)
	}
	return is
}

// buildFold makes builds of facts and gaps.
type buildFold struct {
	builds
	rules *rules
	track *track
	// gap is the gap that reaches the latest time of those passed, nil for none. Builds that a gap
	// hides the end of, or the beginning, may end before the time `due`.
	gap *gap
	due moment
}

// deriveBuilds is the pure function: from the facts since the last moment at which no build was
// open, the gaps, and the horizon, to the builds. A build that has no end `timeout` after its start
// is dropped: not billed, and an anomaly. One that a gap may hide the end or the beginning of is
// held, whole.
func (t *track) deriveBuilds(r *rules, horizon moment) builds {
	f := buildFold{builds: builds{known: t.baseline(r).known || t.clean > 0, foldable: -1}, rules: r, track: t,
		due: always}
	from := t.through(r)
	if t.clean > 0 {
		from = max(from, t.facts[t.clean-1].key().root())
	}
	gaps := slices.DeleteFunc(slices.Clone(r.gaps), func(g *gap) bool { return g.sequence <= from || !g.about(t.kind) })
	last := always
	lose := func(before *fact) {
		for ; len(gaps) > 0 && (before == nil || gaps[0].precedes(before)); gaps = gaps[1:] {
			f.lose(gaps[0])
		}
	}
	reach := func(n int, now moment) { // after n facts
		if last < r.closed && f.over(min(now, r.closed)) {
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
	return f.builds
}

func (f *buildFold) begin(x *fact) {
	b := build{start: x.at, end: never, of: x.of, size: x.size, id: x.id, opening: x.sequence}
	if f.gap != nil && x.at < f.gap.to { // of that time not all facts are known
		b.doubt = cause{gap: f.gap, fact: x.id, note: noteIncomplete}
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
	at := f.oldest(func(b *build) bool { return b.doubt.gap == nil && b.start.add(f.rules.timeout) > x.at })
	hides := f.due > x.at
	switch {
	case at >= 0 && hides:
		f.due = max(f.due, f.all[at].start.add(f.rules.timeout))
	case hides:
		if at = f.oldest(func(b *build) bool { return b.doubt.gap != nil }); at < 0 {
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
			Code: events.AnomalyOrphanEnding, Resource: f.track.resource, Time: x.time.time(),
			Message: "STAGING_STOPPED without a build that was open",
		})
	}
}

// oldest is the index of the oldest open build that is such; -1 for none.
func (f *buildFold) oldest(such func(*build) bool) int {
	return slices.IndexFunc(f.all, func(b build) bool { return b.end == never && such(&b) })
}

// hidden takes an ending for that of a build whose beginning the gap hides.
func (f *buildFold) hidden(x *fact) {
	f.known = true
	start := f.gap.to
	if f.gap.from != always {
		start = max(f.gap.from, min(start, x.at.add(-f.rules.timeout)))
	}
	f.all = append(f.all, build{
		start: start, end: x.at, of: x.of, size: x.size, id: x.id, ending: x.sequence, doubt: cause{gap: f.gap,
			fact: x.id, note: noteWithin},
	})
}

// lose is the step for a gap: what was open when it began, and what ended since, may have ended
// within it, and what ended may have been another build.
func (f *buildFold) lose(g *gap) {
	f.expire(g.from)
	for i := range f.all {
		if b := &f.all[i]; b.doubt.gap == nil && b.start < g.to && b.end > g.from {
			b.doubt = cause{gap: g, fact: b.id, note: noteUnconfirmed}
		}
	}
	if f.gap == nil || g.to > f.gap.to {
		f.gap = g
	}
	f.due = max(f.due, g.to.add(f.rules.timeout))
}

// over reports whether at a time no build was open, nor one that a gap may hide.
func (f *buildFold) over(at moment) bool {
	return f.due <= at && f.oldest(func(b *build) bool { return b.start.add(f.rules.timeout) > at }) < 0
}

// expire gives up the builds that have been open for too long. One that was open when a gap began
// has ended within it then.
func (f *buildFold) expire(now moment) {
	f.all = slices.DeleteFunc(f.all, func(b build) bool {
		if b.end != never || b.doubt.gap != nil || b.start.add(f.rules.timeout) > now {
			return false
		}
		if !b.of.muted {
			f.anomalies = append(f.anomalies, events.Anomaly{
				Code: events.AnomalyBuildWithoutEnd, Resource: f.track.resource, Time: b.start.time(),
				Message: "the build that began at " + b.start.String() + " has no end after " +
					f.rules.timeout.String() + "; it is not billed",
			})
		}
		return true
	})
	if f.due <= now {
		f.endDoubtful()
	}
}

// endDoubtful ends the builds that have no ending since a gap: each may have run as long as a build
// may last, or up to the gap's end.
func (f *buildFold) endDoubtful() {
	for i := range f.all {
		if b := &f.all[i]; b.end == never && b.doubt.gap != nil {
			b.end = min(f.gap.to, b.start.add(f.rules.timeout))
		}
	}
}

// decide takes the builds that are not proven out, but for those that an operator has released.
// Those that nobody has decided about are held.
func (f *buildFold) decide() {
	f.endDoubtful()
	billed := f.all[:0]
	for _, b := range f.all {
		if b.doubt.gap == nil {
			billed = append(billed, b)
			continue
		}
		word, given := f.track.decided(f.rules, &b.doubt)
		if given {
			f.words = append(f.words, word.hold)
		}
		p := part{start: max(b.start, f.rules.epoch), end: b.end, since: b.start, of: b.of, size: b.size,
			cause: b.doubt}
		switch {
		case word.release:
			b.size = f.rules.shapes.size(completed(b.size, &word.footprint), b.size)
			billed = append(billed, b)
			f.starts = append(f.starts, b.start)
		case !given && p.start < p.end && !b.of.muted:
			f.held = append(f.held, p)
		}
	}
	f.all = billed
	slices.SortStableFunc(f.all, func(a, b build) int { return cmp.Compare(a.start, b.start) })
}

// running are the builds that are open and metered.
func (b *builds) running() []build {
	var out []build
	for i := range b.all {
		if x := &b.all[i]; x.end == never && !x.of.muted {
			out = append(out, *x)
		}
	}
	return out
}

// due is when the oldest open build is given up.
func (b *builds) due(r *rules) moment {
	if oldest := b.settled(); oldest != never {
		return oldest.add(r.timeout)
	}
	return never
}

// settled is up to when the number of builds is known: the start of the oldest open one.
func (b *builds) settled() moment {
	for i := range b.all {
		if b.all[i].end == never {
			return b.all[i].start
		}
	}
	return never
}

// count turns builds that have ended into parts whose instances are the number of builds at once,
// up to `until`. They are divided at each start of a build, so that what is put out up to the
// oldest open build stays what it is; a run goes on where a build does.
func (b *builds) count(r *rules, until moment) []part {
	bounds := slices.Clone(b.starts)
	for i := range b.all {
		bounds = append(bounds, min(b.all[i].end, until))
	}
	slices.Sort(bounds)
	bounds = slices.Compact(slices.DeleteFunc(bounds, func(m moment) bool { return m > until || m == never }))
	var out []part
	for i := 0; i+1 < len(bounds); i++ {
		p := part{start: bounds[i], end: bounds[i+1], since: bounds[i]}
		n, goesOn := uint32(0), false
		for j := range b.all {
			x := &b.all[j]
			if x.start > p.start || x.end <= p.start {
				continue
			}
			p.of, p.size = x.of, x.size // the newest build gives the labels and the buildpack
			if x.opening == 0 && x.start == p.start {
				p.flags |= events.InferredStart
			}
			if x.doubt.gap != nil && x.ending == 0 && x.end == p.end {
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
		if n == 0 || p.of.muted {
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

// fromEpoch leaves out what is before the epoch.
func (r *rules) fromEpoch(parts []part) []part {
	for i := range parts {
		parts[i].start, parts[i].since = max(parts[i].start, r.epoch), max(parts[i].since, r.epoch)
	}
	return slices.DeleteFunc(parts, func(p part) bool { return p.start >= p.end })
}

// runningBuilds appends the running span of an app's open builds: from the newest start on, one
// instance a build.
func (t *track) runningBuilds(r *rules, out []events.Span) []events.Span {
	if t.clean == len(t.facts) {
		return out
	}
	b := t.deriveBuilds(r, r.horizon)
	p := part{end: never}
	n := uint32(0)
	for _, x := range b.running() {
		p.start, p.since, p.of, p.size, p.opening = x.start, x.start, x.of, x.size, x.opening
		p.more = append(p.more, x.opening)
		n++
	}
	if n == 0 {
		return out
	}
	p.start, p.since = max(p.start, r.epoch), max(p.since, r.epoch)
	span := r.span(t, &p)
	span.Footprint.Instances = events.Some(n)
	return append(out, span)
}

// heldBuilds appends the builds that are held.
func (t *track) heldBuilds(r *rules, out []events.Hold) []events.Hold {
	for _, p := range slices.Concat(t.doubted, t.deriveBuilds(r, r.horizon).held) {
		out = append(out, r.hold(t, &p))
	}
	return out
}

// accruedBuilds are the spans of open builds, and of those beside them, as if all ended at the
// horizon.
func (t *track) accruedBuilds(r *rules, out []events.Span) []events.Span {
	if t.clean == len(t.facts) {
		return out
	}
	b := t.deriveBuilds(r, r.horizon)
	settled := b.settled()
	if settled == never {
		return out
	}
	for i := range b.all {
		if b.all[i].end == never {
			b.all[i].end = max(r.horizon, b.all[i].start)
		}
	}
	for _, p := range b.count(r, never) {
		if p.end > settled {
			out = append(out, r.span(t, &p))
		}
	}
	return out
}

// settleable is how many facts of closed months can be folded; -1 for none, and no gap: up to a
// moment at which no build was open, unless one before it is held.
func (t *track) settleable(r *rules) int {
	whole := *t
	whole.reopen()
	b := whole.deriveBuilds(r, r.horizon)
	n := b.foldable
	if n > 0 && slices.ContainsFunc(b.held, func(p part) bool { return p.since <= t.facts[n-1].at }) {
		return -1
	}
	return n
}
