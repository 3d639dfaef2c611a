package projector

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// build is one staging of an app. Usage events of builds carry no build guid, so that endings are paired with the oldest
// open build of the app; the number of builds open at once, which is what is billed, does not depend on the pairing.
type build struct {
	Span events.Span // labels, footprint, evidence; Start, and End when it has ended
}

// applyBuild is the fold for the builds of one app. A build that has no end `timeout` after its start is dropped: not
// billed, and an anomaly.
func (t *track) applyBuild(cut Cut, epoch time.Time, timeout time.Duration, u *events.Usage, sequence uint64) change {
	var ch change
	at := later(u.Time, t.Latest, epoch)
	t.expireBuilds(&ch, timeout, at)
	switch u.Event {
	case events.EventStagingStarted:
		t.begin(u, sequence, at, 0)
		t.Builds = append(t.Builds, build{t.Open.Span})
		t.Open = nil
		ch.Running = true
	case events.EventStagingStopped:
		open := slices.IndexFunc(t.Builds, func(b build) bool { return b.Span.Running() })
		switch {
		case open >= 0:
			t.Builds[open].Span.End = at
			t.Builds[open].Span.Evidence = append(t.Builds[open].Span.Evidence, sequence)
			ch.Running = true
		case !t.Known:
			t.Known = true
			ch.anomaly(events.AnomalyOrphanEnding, t.Resource, u.Time, "STAGING_STOPPED without a build that was open")
		}
	}
	t.Latest = later(t.Latest, u.Time)
	t.settleBuilds(cut, &ch)
	return ch
}

// expireBuilds drops the open builds that began `timeout` or longer before now.
func (t *track) expireBuilds(ch *change, timeout time.Duration, now time.Time) {
	t.Builds = slices.DeleteFunc(t.Builds, func(b build) bool {
		if !b.Span.Running() || now.Sub(b.Span.Start) < timeout {
			return false
		}
		ch.Running = true
		ch.anomaly(events.AnomalyBuildWithoutEnd, t.Resource, b.Span.Start,
			"the build that began at "+events.FormatTime(b.Span.Start)+" has no end after "+timeout.String()+"; it is not billed")
		return true
	})
}

// settleBuilds puts out what no later fact can change: the time before the start of the oldest open build.
func (t *track) settleBuilds(cut Cut, ch *change) {
	settled := time.Time{}
	for _, b := range t.Builds {
		if b.Span.Running() {
			settled = b.Span.Start
			break
		}
	}
	for _, span := range t.countBuilds(t.Builds, settled) {
		ch.Closed = cut.divide(ch.Closed, &span, span.Start, span.End)
		t.Settled = span
	}
	rest, goesOn := t.Builds[:0], false
	for _, b := range t.Builds {
		if b.Span.Running() {
			rest = append(rest, b)
		} else if !settled.IsZero() && b.Span.End.After(settled) {
			b.Span.Start = later(b.Span.Start, settled)
			rest = append(rest, b)
			goesOn = goesOn || b.Span.Start.Equal(settled)
		}
	}
	clear(t.Builds[len(rest):])
	t.Builds = rest
	if !goesOn {
		t.Settled = events.Span{}
	}
}

// countBuilds is countBuilds for builds of the track, whose part before Settled.End has been published. Where the open build
// that held up the rest turns out to be none, the published span goes on, and so does the count of its started hours.
func (t *track) countBuilds(builds []build, until time.Time) []events.Span {
	spans := countBuilds(builds, until)
	if len(spans) > 0 && spans[0].Start.Equal(t.Settled.End) && spans[0].Footprint == t.Settled.Footprint {
		spans[0].Since = t.Settled.Since
	}
	return spans
}

// countBuilds turns ended builds into spans whose instances are the number of builds at once, up to `until` (zero: all).
func countBuilds(builds []build, until time.Time) []events.Span {
	var bounds []time.Time
	for _, b := range builds {
		bounds = append(bounds, b.Span.Start)
		if !b.Span.Running() {
			bounds = append(bounds, b.Span.End)
		}
	}
	if !until.IsZero() {
		bounds = append(bounds, until)
		bounds = slices.DeleteFunc(bounds, func(t time.Time) bool { return t.After(until) })
	}
	slices.SortFunc(bounds, time.Time.Compare)
	bounds = slices.CompactFunc(bounds, time.Time.Equal)
	var spans []events.Span
	for i := 0; i+1 < len(bounds); i++ {
		from, to := bounds[i], bounds[i+1]
		var span events.Span
		n := uint32(0)
		for _, b := range builds {
			if b.Span.Start.After(from) || !b.Span.Running() && !b.Span.End.After(from) {
				continue
			}
			evidence := append(span.Evidence, b.Span.Evidence...)
			span = b.Span // the newest build gives the labels and the buildpack
			span.Evidence = evidence
			n++
		}
		if n == 0 {
			continue
		}
		span.Start, span.End, span.Since = from, to, from
		span.Footprint.Instances = events.Some(n)
		slices.Sort(span.Evidence)
		if last := len(spans) - 1; last >= 0 && spans[last].End.Equal(from) && spans[last].Footprint == span.Footprint {
			spans[last].End = to
			spans[last].Evidence = slices.Compact(merged(spans[last].Evidence, span.Evidence))
			continue
		}
		spans = append(spans, span)
	}
	return spans
}

func merged(a, b []uint64) []uint64 {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return out
}

// runningBuilds is the running span of an app's open builds: from the newest start on, one instance a build.
func (t *track) runningBuilds() events.Span {
	var span events.Span
	n := uint32(0)
	for _, b := range t.Builds {
		if b.Span.Running() {
			evidence := append(span.Evidence, b.Span.Evidence...)
			span = b.Span
			span.Evidence = evidence
			n++
		}
	}
	slices.Sort(span.Evidence)
	span.Since = span.Start
	span.Footprint.Instances = events.Some(n)
	return span
}
