package projector

import (
	"time"

	"github.com/daybook-billing/daybook/events"
)

// This file is the pure core for Cloud Foundry: the facts of one process, task or service instance, in the order of the
// API, make its spans. No clock, no I/O.

// segment is the open end of a timeline: a footprint that is in use. Span.Start is where the footprint was taken up.
type segment struct {
	Span events.Span
	// Published is the boundary up to which pieces of the segment have been put out as closed spans; Span.Start if none.
	Published time.Time
}

// change is what a fact or a horizon did to a timeline.
type change struct {
	Retracted []events.Span
	Closed    []events.Span
	Anomalies []events.Anomaly
	Running   bool // the running spans, or their labels, are not what they were
}

func (c *change) empty() bool {
	return len(c.Retracted) == 0 && len(c.Closed) == 0 && len(c.Anomalies) == 0 && !c.Running
}

func (c *change) anomaly(code, resource string, at time.Time, message string) {
	c.Anomalies = append(c.Anomalies, events.Anomaly{Code: code, Resource: resource, Time: at, Message: message})
}

// track is the timeline of one resource: what it is doing now, and when it last changed.
type track struct {
	Kind     string
	Resource string
	// Latest is the time of the last fact, and of the end of the last span. Facts that say an earlier time are taken to
	// have happened then: the API's order decides, and clocks of several API servers differ.
	Latest time.Time
	// Known says that a beginning was seen, or that its lack has been reported.
	Known  bool
	Open   *segment // app, task, service; nil while stopped
	Builds []build  // staging
	// Settled is the newest published span of builds, when one of its builds goes on after it.
	Settled events.Span
	Trove   *instance
}

// begin opens a segment at `at`. The fact's labels and footprint are taken over.
func (t *track) begin(u *events.Usage, sequence uint64, at time.Time, flags events.Flags) {
	t.Known = true
	t.Open = &segment{Published: at, Span: events.Span{
		Kind: t.Kind, Resource: t.Resource, App: u.App, Tenant: u.Tenant, Space: u.Space, SpaceName: u.SpaceName, Name: u.Name,
		Start: at, Since: at, Footprint: u.Footprint, Flags: flags, Evidence: []uint64{sequence},
	}}
}

// end closes the open segment at `at`. Pieces that were cut beyond `at` are taken back.
func (t *track) end(cut Cut, ch *change, sequence uint64, at time.Time) {
	seg := t.Open
	t.Open = nil
	ch.Running = true
	from := seg.Published
	if at.Before(from) {
		from = t.takeBack(cut, ch, seg, at)
	}
	seg.Span.Evidence = append(seg.Span.Evidence[:len(seg.Span.Evidence):len(seg.Span.Evidence)], sequence)
	ch.Closed = cut.divide(ch.Closed, &seg.Span, from, at)
}

// takeBack retracts the published pieces of seg that end after `at` and returns where the remaining ones end.
func (t *track) takeBack(cut Cut, ch *change, seg *segment, at time.Time) time.Time {
	from := seg.Span.Start
	for _, piece := range cut.divide(nil, &seg.Span, seg.Span.Start, seg.Published) {
		if piece.End.After(at) {
			ch.Retracted = append(ch.Retracted, piece)
		} else {
			from = piece.End
		}
	}
	return from
}

// advance puts out the pieces of the open segment up to boundary `to`.
func (t *track) advance(cut Cut, ch *change, to time.Time) {
	seg := t.Open
	if seg == nil || !seg.Published.Before(to) {
		return
	}
	ch.Closed = cut.divide(ch.Closed, &seg.Span, seg.Published, to)
	seg.Published = to
	ch.Running = true
}

// relabel takes over names from a later fact. Names alone never end a span.
func (t *track) relabel(u *events.Usage, ch *change) {
	span := &t.Open.Span
	if span.Name != u.Name || span.SpaceName != u.SpaceName || span.Space != u.Space {
		span.Name, span.SpaceName, span.Space = u.Name, u.SpaceName, u.Space
		ch.Running = true
	}
}

// sameSize reports whether two footprints cost the same: equal, with guids deciding where both have one. A plan, offering
// or broker that was only renamed does not end a span. A buildpack's guid decides nothing: Cloud Controller reports the
// first custom URL as the name beside the guid of the final buildpack, so that one guid stands with several buildpacks.
func sameSize(a, b events.Footprint) bool {
	same := func(nameA, idA, nameB, idB *string) {
		if *idA != "" && *idA == *idB {
			*nameB = *nameA
		}
	}
	same(&a.Plan, &a.PlanGUID, &b.Plan, &b.PlanGUID)
	same(&a.Offering, &a.OfferingGUID, &b.Offering, &b.OfferingGUID)
	same(&a.Broker, &a.BrokerGUID, &b.Broker, &b.BrokerGUID)
	same(&a.Flavor, &a.FlavorID, &b.Flavor, &b.FlavorID)
	return a == b
}

// apply is the fold: what a Cloud Foundry fact does to the timeline of its process, task or service instance. epoch is the
// time before which nothing is billed.
func (t *track) apply(cut Cut, epoch time.Time, u *events.Usage, sequence uint64) change {
	var ch change
	at := later(u.Time, t.Latest, epoch)
	switch u.Event {
	case events.EventStarted, events.EventTaskStarted, events.EventCreated, events.EventUpdated:
		var flags events.Flags
		if u.Event == events.EventUpdated || u.Previous == events.EventStarted {
			flags = events.InferredStart // it was there before; only matters when nothing is open
		}
		t.change(cut, &ch, u, sequence, at, flags)
	case events.EventWasRunning, events.EventTaskWasRunning:
		if t.Open == nil {
			t.change(cut, &ch, u, sequence, at, events.InferredStart)
		}
	case events.EventStopped, events.EventTaskStopped, events.EventDeleted:
		switch {
		case t.Open != nil:
			t.end(cut, &ch, sequence, at)
		case !t.Known:
			t.Known = true
			ch.anomaly(events.AnomalyOrphanEnding, t.Resource, u.Time,
				u.Event+" without a beginning: the resource never ran, or its beginning was not collected")
		}
	case events.EventBuildpackSet:
		if t.Open != nil {
			t.buildpack(cut, &ch, u, sequence, at)
		}
	}
	t.Latest = later(t.Latest, u.Time)
	return ch
}

// change makes the fact's footprint the one in use from `at`. A fact without a process type is one that Cloud Controller
// wrote when it purged and reseeded its events: the type is still what it was.
func (t *track) change(cut Cut, ch *change, u *events.Usage, sequence uint64, at time.Time, flags events.Flags) {
	if t.Open != nil && u.Footprint.ProcessType == "" && t.Open.Span.Footprint.ProcessType != "" {
		fact := *u
		fact.Footprint.ProcessType = t.Open.Span.Footprint.ProcessType
		u = &fact
	}
	switch {
	case t.Open == nil:
	case sameSize(t.Open.Span.Footprint, u.Footprint) && t.Open.Span.Tenant == u.Tenant:
		t.relabel(u, ch)
		return
	default:
		t.end(cut, ch, sequence, at)
		flags = 0
	}
	t.begin(u, sequence, at, flags)
	ch.Running = true
}

// buildpack is a BUILDPACK_SET of a process (staged through the v2 API, where the buildpack is not known when the process
// starts): it fills an unknown buildpack back to the start of the segment, and divides at a different one.
func (t *track) buildpack(cut Cut, ch *change, u *events.Usage, sequence uint64, at time.Time) {
	seg := t.Open
	footprint := seg.Span.Footprint
	footprint.Buildpack, footprint.BuildpackGUID = u.Footprint.Buildpack, u.Footprint.BuildpackGUID
	known := seg.Span.Footprint.Buildpack != "" || seg.Span.Footprint.BuildpackGUID != ""
	switch {
	case footprint.Buildpack == "" && footprint.BuildpackGUID == "", footprint == seg.Span.Footprint:
	case known:
		fact := *u
		fact.Footprint, fact.Name, fact.Space, fact.SpaceName, fact.App = footprint, seg.Span.Name, seg.Span.Space, seg.Span.SpaceName, seg.Span.App
		t.end(cut, ch, sequence, at)
		t.begin(&fact, sequence, at, 0)
	default:
		ch.Retracted = cut.divide(ch.Retracted, &seg.Span, seg.Span.Start, seg.Published)
		seg.Span.Footprint = footprint
		seg.Span.Evidence = append(seg.Span.Evidence[:len(seg.Span.Evidence):len(seg.Span.Evidence)], sequence)
		ch.Closed = cut.divide(ch.Closed, &seg.Span, seg.Span.Start, seg.Published)
		ch.Running = true
	}
}

// running appends the running span of the track, if any: from the last cut on.
func (t *track) running(out []events.Span) []events.Span {
	switch {
	case t.Open != nil:
		span := t.Open.Span
		span.Start, span.Since = t.Open.Published, t.Open.Span.Start
		return append(out, span)
	case len(t.Builds) > 0:
		return append(out, t.runningBuilds())
	case t.Trove != nil:
		return t.Trove.running(out)
	}
	return out
}

// idle reports whether nothing runs on the track.
func (t *track) idle() bool { return t.Open == nil && len(t.Builds) == 0 && t.Trove == nil }

// later returns the latest of the times.
func later(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}
