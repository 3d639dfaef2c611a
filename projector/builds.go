package projector

import (
	"cmp"
	"slices"

	"github.com/daybook-billing/daybook/events"
)

// This file is the pure core for staging. Usage events of builds carry no build guid, so that endings are paired with the oldest open build
// of the app; the number of builds open at once, which is what is billed, does not depend on the pairing.

// build is one staging of an app.
type build struct {
	start, end moment // end is `never` while it is open
	of         *labels
	size       *events.Footprint
	opening    uint64 // 0 where the beginning is not known
	ending     uint64
	// doubt is why the build is held, unless somebody has decided; no gap if it is proven. An open one may have ended up to the time
	// `until`, or takes an ending before the time `due`.
	doubt      cause
	until, due moment
	firstFact  int // index of its first and its last fact
	lastFact   int
}

// builds are the builds of one app as its facts tell.
type builds struct {
	all    []build  // those that are billed or will be, by start: ended and open ones
	starts []moment // of all, those that were given up too
	held   []part
	words  []string // the holds of the decisions that counted
	// doubtful are the builds that are not proven, whatever was decided about them.
	doubtful []build
	// clean reports whether no later fact in order can change anything.
	clean     bool
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
	ch.Running = ch.Running || !slices.EqualFunc(was.running(), is.running(), func(a, b build) bool { return a.opening == b.opening })
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
	// gap is the gap that reaches the latest time of those passed, nil for none. A build that it hides may end before the time `due`.
	gap *gap
	due moment
}

// deriveBuilds is the pure function: from the facts since the last moment at which no build was open, the gaps, and the horizon, to the
// builds. A build that has no end `timeout` after its start is dropped: not billed, and an anomaly. One that a gap may hide the end or the
// beginning of is held, whole.
func (t *track) deriveBuilds(r *rules, horizon moment) builds {
	f := buildFold{builds: builds{known: t.baseline(r).known || t.clean > 0}, rules: r, track: t, due: always}
	from := t.through(r)
	if t.clean > 0 {
		from = max(from, t.facts[t.clean-1].key().root())
	}
	gaps := r.gaps
	for len(gaps) > 0 && gaps[0].sequence <= from {
		gaps = gaps[1:]
	}
	lose := func(before *fact) {
		for ; len(gaps) > 0 && (before == nil || gaps[0].precedes(before)); gaps = gaps[1:] {
			if gaps[0].about(t.kind) {
				f.lose(gaps[0])
			}
		}
	}
	last := always
	for i := t.clean; i < len(t.facts); i++ {
		x := &t.facts[i]
		lose(x)
		f.expire(x.at)
		last = x.at
		switch x.verb {
		case began:
			f.begin(x, i)
		case ended:
			f.end(x, i)
		}
	}
	lose(nil)
	f.clean = f.due <= last && !slices.ContainsFunc(f.all, func(b build) bool { return b.end == never && f.expires(&b) > last })
	f.expire(horizon)
	f.decide()
	return f.builds
}

func (f *buildFold) begin(x *fact, index int) {
	b := build{start: x.at, end: never, of: x.of, size: x.size, opening: x.sequence, firstFact: index, lastFact: index}
	if f.gap != nil && x.at < f.gap.to { // of that time not all facts are known
		f.question(&b, f.gap, x.id, noteIncomplete)
	}
	f.known = true
	f.starts = append(f.starts, x.at)
	f.all = append(f.all, b)
}

// end gives an ending to the oldest build that is open, and to one that is not proven to be open only when there is no other: as many as
// began after a gap and have not ended run for sure, whoever ends. One of the builds that ran before them ends in its place then, so that it
// may end as late.
func (f *buildFold) end(x *fact, index int) {
	open := slices.IndexFunc(f.all, func(b build) bool { return b.end == never && b.doubt.gap == nil })
	if open >= 0 {
		latest := f.all[open].start.add(f.rules.timeout)
		for i := range f.all {
			if b := &f.all[i]; b.end == never && b.doubt.gap != nil {
				b.due = max(b.due, latest)
			}
		}
		if f.due > x.at {
			f.due = max(f.due, latest)
		}
	} else {
		open = slices.IndexFunc(f.all, func(b build) bool { return b.end == never })
	}
	switch {
	case open >= 0:
		b := &f.all[open]
		b.end, b.ending, b.lastFact = x.at, x.sequence, index
	case f.due > x.at && f.hidden(x, index):
		f.known = true
	case !f.known:
		f.known = true
		f.anomalies = append(f.anomalies, events.Anomaly{
			Code: events.AnomalyOrphanEnding, Resource: f.track.resource, Time: x.time.time(), Message: "STAGING_STOPPED without a build that was open",
		})
	}
}

// hidden takes an ending for that of a build whose beginning the gap hides. It reports whether there is any time to hold.
func (f *buildFold) hidden(x *fact, index int) bool {
	g := f.gap
	start := g.to
	if g.from != always {
		start = max(g.from, min(g.to, x.at.add(-f.rules.timeout)))
	}
	if start >= x.at {
		return false
	}
	b := build{start: start, end: x.at, of: x.of, size: x.size, ending: x.sequence, firstFact: index, lastFact: index}
	f.question(&b, g, x.id, noteWithin)
	f.all = append(f.all, b)
	return true
}

// question notes that a build is not proven.
func (f *buildFold) question(b *build, g *gap, id factID, why note) {
	b.doubt, b.until, b.due = cause{gap: g, fact: id, note: why}, g.to, b.start.add(f.rules.timeout)
}

// lose is the step for a gap: what was open when it began, and what ended since, may have ended within it, and what ended may have been
// another build.
func (f *buildFold) lose(g *gap) {
	if g.from != always {
		f.expire(g.from)
	}
	for i := range f.all {
		b := &f.all[i]
		switch {
		case b.start >= g.to || b.end <= g.from:
		case b.doubt.gap != nil:
			b.until = max(b.until, g.to)
		default:
			f.question(b, g, f.track.facts[b.firstFact].id, noteUnconfirmed)
		}
	}
	if f.gap == nil || g.to > f.gap.to {
		f.gap = g
	}
	if g.to == never {
		f.due = never
		return
	}
	f.due = max(f.due, g.to.add(f.rules.timeout))
}

// expires is when an open build is given up.
func (f *buildFold) expires(b *build) moment {
	if b.doubt.gap != nil {
		return b.due
	}
	return b.start.add(f.rules.timeout)
}

// expire gives up the builds that have been open for too long. One that was open when a gap began has ended within it then.
func (f *buildFold) expire(now moment) {
	f.all = slices.DeleteFunc(f.all, func(b build) bool {
		if b.end != never || b.doubt.gap != nil || f.expires(&b) > now {
			return false
		}
		if !b.of.muted {
			f.anomalies = append(f.anomalies, events.Anomaly{
				Code: events.AnomalyBuildWithoutEnd, Resource: f.track.resource, Time: b.start.time(),
				Message: "the build that began at " + b.start.String() + " has no end after " + f.rules.timeout.String() + "; it is not billed",
			})
		}
		return true
	})
	for i := range f.all {
		if b := &f.all[i]; b.end == never && b.doubt.gap != nil && b.due <= now {
			b.end = f.latest(b)
		}
	}
}

// latest is up to when a build ran at the latest that has no ending since the gap.
func (f *buildFold) latest(b *build) moment { return min(b.until, b.start.add(f.rules.timeout)) }

// decide takes the builds that are not proven out, but for those that an operator has released.
func (f *buildFold) decide() {
	f.all = slices.DeleteFunc(f.all, func(b build) bool {
		if b.doubt.gap == nil {
			return false
		}
		f.doubtful = append(f.doubtful, b)
		return !f.released(&b)
	})
	for i := range f.all {
		b := &f.all[i]
		if b.doubt.gap == nil {
			continue
		}
		word, _ := f.track.decided(f.rules, &b.doubt)
		b.size = f.rules.shapes.size(completed(b.size, &word.footprint), b.size)
		if b.end == never {
			b.end = f.latest(b)
		}
		if b.opening == 0 {
			f.starts = append(f.starts, b.start)
		}
	}
	slices.SortStableFunc(f.all, func(a, b build) int { return cmp.Compare(a.start, b.start) })
}

// released reports whether an operator has released a build. One that nobody has decided about is held.
func (f *buildFold) released(b *build) bool {
	if word, given := f.track.decided(f.rules, &b.doubt); given {
		f.words = append(f.words, word.hold)
		return word.release
	}
	p := part{start: max(b.start, f.rules.epoch), end: b.end, of: b.of, size: b.size, cause: b.doubt}
	if p.end == never {
		p.end = f.latest(b)
	}
	if p.start < p.end && !b.of.muted {
		f.held = append(f.held, p)
	}
	return false
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

// count turns builds that have ended into parts whose instances are the number of builds at once, up to `until`. They are divided at each
// start of a build, so that what is put out up to the oldest open build stays what it is; a run goes on where a build does.
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
			p.flags |= x.inferred(&p)
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

// inferred are the flags of a part that begins or ends with a build of which that is not known.
func (b *build) inferred(p *part) (flags events.Flags) {
	if b.doubt.gap != nil && b.opening == 0 && b.start == p.start {
		flags |= events.InferredStart
	}
	if b.doubt.gap != nil && b.ending == 0 && b.end == p.end {
		flags |= events.InferredEnd
	}
	return flags
}

// fromEpoch leaves out what is before the epoch.
func (r *rules) fromEpoch(parts []part) []part {
	for i := range parts {
		parts[i].start, parts[i].since = max(parts[i].start, r.epoch), max(parts[i].since, r.epoch)
	}
	return slices.DeleteFunc(parts, func(p part) bool { return p.start >= p.end })
}

// runningBuilds appends the running span of an app's open builds: from the newest start on, one instance a build.
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
	for i := range t.doubted {
		out = append(out, r.hold(t, &t.doubted[i]))
	}
	if t.clean == len(t.facts) {
		return out
	}
	b := t.deriveBuilds(r, r.horizon)
	for i := range b.held {
		out = append(out, r.hold(t, &b.held[i]))
	}
	return out
}

// accruedBuilds are the spans of open builds, and of those beside them, as if all ended at the horizon.
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

// foldable reports whether the builds of the first n facts are decided, so that the facts of closed months can be folded: no gap makes what
// runs into the open months doubtful, and all that is doubtful and over has been decided about.
func (t *track) foldable(r *rules, n int) bool {
	doubt := false
	for _, g := range r.gaps {
		if g.sequence <= t.through(r) || !g.about(t.kind) {
			continue
		}
		doubt = true
		if g.from < r.closed && (g.to == never || g.to.add(r.timeout) > r.closed) {
			return false
		}
	}
	if !doubt {
		return true
	}
	whole := *t
	whole.reopen()
	b := whole.deriveBuilds(r, r.horizon)
	return !slices.ContainsFunc(b.doubtful, func(x build) bool {
		_, given := t.decided(r, &x.doubt)
		return x.firstFact < n && (!given || x.lastFact >= n)
	})
}

// settleable is how many of the first n facts of closed months can be folded: up to a moment at which no build is open.
func (t *track) settleable(r *rules, n int) int {
	clean, open := 0, []moment(nil)
	for i := range n {
		x := &t.facts[i]
		open = slices.DeleteFunc(open, func(start moment) bool { return start.add(r.timeout) <= x.at })
		switch {
		case x.verb == began:
			open = append(open, x.at)
		case x.verb == ended && len(open) > 0:
			open = open[1:]
		}
		if len(open) == 0 || i == n-1 && open[len(open)-1].add(r.timeout) <= r.closed {
			clean = i + 1
		}
	}
	return clean
}
