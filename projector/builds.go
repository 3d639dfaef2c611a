package projector

import (
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
	opening    uint64
	ending     uint64
}

// builds are the builds of one app as its facts tell.
type builds struct {
	all    []build  // those that have ended and those that are open, by start
	starts []moment // of all, those that were given up too
	// clean reports whether no later fact in order can change anything.
	clean     bool
	known     bool
	anomalies []events.Anomaly
}

// addBuild is add for the builds of an app.
func (t *track) addBuild(r *rules, x fact, ch *change) {
	late := len(t.facts) > 0 && x.key().compare(t.facts[len(t.facts)-1].key()) < 0
	if late || x.place() != nil {
		t.clean = 0
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

// loseBuilds puts out what a gap changed, which is in the rules since.
func (t *track) loseBuilds(r *rules, ch *change) {
	gaps := r.gaps
	r.gaps = gaps[:len(gaps)-1]
	was := t.deriveBuilds(r, r.horizon)
	r.gaps = gaps
	t.replaceBuilds(r, ch, was)
}

func (t *track) replaceBuilds(r *rules, ch *change, was builds) {
	is := t.deriveBuilds(r, r.horizon)
	t.difference(r, ch, was.count(r, was.settled()), is.count(r, is.settled()))
	for _, a := range is.anomalies {
		if !slices.Contains(was.anomalies, a) {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
	ch.Running = ch.Running || !slices.Equal(was.running(), is.running())
	t.due = is.due(r)
	if is.clean {
		t.clean = len(t.facts)
	}
}

// deriveBuilds is the pure function: from the facts since the last moment at which no build was open, the gaps, and the horizon, to the
// builds. A build that has no end `timeout` after its start is dropped: not billed, and an anomaly; so is one that was open when a gap
// began, for an ending after the gap may be that of another one.
func (t *track) deriveBuilds(r *rules, horizon moment) builds {
	out := builds{known: t.baseline(r).known || t.clean > 0}
	from := t.through(r)
	if t.clean > 0 {
		from = max(from, t.facts[t.clean-1].key().root())
	}
	gaps := r.gaps
	for len(gaps) > 0 && gaps[0].sequence <= from {
		gaps = gaps[1:]
	}
	give := func(up func(*build) bool, why string) {
		out.all = slices.DeleteFunc(out.all, func(b build) bool {
			if b.end != never || !up(&b) {
				return false
			}
			if b.of.muted {
				return true
			}
			out.anomalies = append(out.anomalies, events.Anomaly{
				Code: events.AnomalyBuildWithoutEnd, Resource: t.resource, Time: b.start.time(),
				Message: "the build that began at " + b.start.String() + " has no end" + why + "; it is not billed",
			})
			return true
		})
	}
	expire := func(now moment) {
		give(func(b *build) bool { return b.start.add(r.timeout) <= now }, " after "+r.timeout.String())
	}
	lose := func(before *fact) {
		for len(gaps) > 0 && (before == nil || gaps[0].precedes(before)) {
			if g := gaps[0]; g.about(t.kind) {
				give(func(*build) bool { return true }, " that is known to be its own: facts until "+g.to.String()+" may be missing")
			}
			gaps = gaps[1:]
		}
	}
	last := always
	for i := t.clean; i < len(t.facts); i++ {
		x := &t.facts[i]
		lose(x)
		expire(x.at)
		last = x.at
		switch x.verb {
		case began:
			out.known = true
			out.starts = append(out.starts, x.at)
			out.all = append(out.all, build{start: x.at, end: never, of: x.of, size: x.size, opening: x.sequence})
		case ended:
			open := slices.IndexFunc(out.all, func(b build) bool { return b.end == never })
			switch {
			case open >= 0:
				out.all[open].end, out.all[open].ending = x.at, x.sequence
			case !out.known:
				out.known = true
				out.anomalies = append(out.anomalies, events.Anomaly{
					Code: events.AnomalyOrphanEnding, Resource: t.resource, Time: x.time.time(), Message: "STAGING_STOPPED without a build that was open",
				})
			}
		}
	}
	lose(nil)
	out.clean = !slices.ContainsFunc(out.all, func(b build) bool { return b.end == never && b.start.add(r.timeout) > last })
	expire(horizon)
	return out
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
			p.more = append(p.more, x.opening)
			if x.ending != 0 {
				p.more = append(p.more, x.ending)
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
