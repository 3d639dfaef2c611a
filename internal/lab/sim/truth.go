package sim

import (
	"cmp"
	"slices"
	"time"
)

// Kinds of resources in the truth.
const (
	KindApp      = "app"      // one process; Resource is its guid
	KindTask     = "task"     // Resource is the task guid
	KindStaging  = "staging"  // the open builds of one app; Resource is the app guid
	KindService  = "service"  // Resource is the service instance guid
	KindInstance = "instance" // a Trove instance's flavour; Resource is the instance id
	KindVolume   = "volume"   // a Trove instance's volume; Resource is the instance id
)

// Footprint is the size of a resource. Fields of other kinds are zero; an app's Instances may truly
// be 0.
type Footprint struct {
	Instances, MemoryMB, VolumeGB int // MemoryMB: MiB an instance; VolumeGB: GiB

	ProcessType, Buildpack, BuildpackGUID                      string
	Plan, PlanGUID, Offering, OfferingGUID, Broker, BrokerGUID string
	Flavor, FlavorID                                           string
	Datastore, DatastoreID, Region, AvailabilityZone           string
}

// Span is one true interval [Start, End) UTC of a resource with one footprint. End is zero while it
// runs. Two adjacent runs are two spans (see Merge); an interval of no length is none. Name and
// SpaceName are the names at Start.
type Span struct {
	Kind, Resource, App, Tenant string
	Space, SpaceName, Name      string
	Start, End                  time.Time
	Footprint                   Footprint
}

// identity is a span without time and size.
type identity struct {
	kind, resource, app, tenant, space, spaceName, name string
}

// track is the running span of one resource. The zero value is a resource at rest.
type track struct {
	running   bool
	latest    int64 // the newest time of a report about the resource, Unix seconds: nothing happens before it any more
	index     int   // in recorder.open
	start     int64 // Unix seconds
	identity  identity
	footprint Footprint
}

// recorder turns changes of state into spans and adds up their cost.
type recorder struct {
	drop   bool
	open   []*track
	closed [][]Span // in chunks: a growing slice would be copied again and again
	bill   ledger
}

// seen notes a report of the resource, and returns its true time: never before the former report,
// whatever other API servers' clocks say.
func (r *recorder) seen(t *track, at int64) int64 {
	t.latest = max(t.latest, at)
	return t.latest
}

func (r *recorder) begin(t *track, at int64, id identity, f Footprint) {
	at = r.seen(t, at)
	*t = track{running: true, latest: at, index: len(r.open), start: at, identity: id, footprint: f}
	r.open = append(r.open, t)
}

func (r *recorder) change(t *track, at int64, id identity, f Footprint) {
	at = r.seen(t, at)
	if !t.running || t.footprint == f {
		return
	}
	r.close(t, at)
	t.start, t.identity, t.footprint = at, id, f
}

func (r *recorder) end(t *track, at int64) {
	at = r.seen(t, at)
	if !t.running {
		return
	}
	r.close(t, at)
	r.forget(t)
}

// forget ends a running span that is in no bill.
func (r *recorder) forget(t *track) {
	last := len(r.open) - 1
	r.open[t.index] = r.open[last]
	r.open[t.index].index = t.index
	r.open[last] = nil
	r.open = r.open[:last]
	t.running = false
}

func (r *recorder) close(t *track, at int64) {
	if at <= t.start {
		return
	}
	r.bill.add(t, at*1e6)
	if r.drop {
		return
	}
	last := len(r.closed) - 1
	if last < 0 || len(r.closed[last]) == cap(r.closed[last]) {
		r.closed = append(r.closed, make([]Span, 0, 1024))
		last++
	}
	r.closed[last] = append(r.closed[last], t.span(at))
}

// span is the track's span up to end; 0 for a running one.
func (t *track) span(end int64) Span {
	s := Span{
		Kind: t.identity.kind, Resource: t.identity.resource, App: t.identity.app, Tenant: t.identity.tenant,
		Space: t.identity.space, SpaceName: t.identity.spaceName, Name: t.identity.name,
		Start: time.Unix(t.start, 0).UTC(), Footprint: t.footprint,
	}
	if end != 0 {
		s.End = time.Unix(end, 0).UTC()
	}
	return s
}

// truth lists the closed and the running spans by kind, resource and start.
func (r *recorder) truth() []Span {
	spans := slices.Concat(r.closed...)
	for _, t := range r.open {
		spans = append(spans, t.span(0))
	}
	return Sort(spans)
}

// Sort orders spans in place by kind, resource and start, as Truth does, and returns them.
func Sort(spans []Span) []Span {
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource), a.Start.Compare(b.Start))
	})
	return spans
}

// Merge joins adjacent spans with the same resource and footprint, as in lists of spans without
// runs. A running span joins, too. The input must be in the order of Truth.
func Merge(spans []Span) []Span {
	var merged []Span
	for _, s := range spans {
		if n := len(merged); n > 0 {
			last := &merged[n-1]
			if last.Kind == s.Kind && last.Resource == s.Resource && last.Footprint == s.Footprint &&
				last.End.Equal(s.Start) && !last.End.IsZero() {
				last.End = s.End
				continue
			}
		}
		merged = append(merged, s)
	}
	return merged
}
