package exists

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// Why is why the listings are not complete.
const (
	Why       = "silence is no deletion: it takes Trove's API to tell"
	WhyVolume = "an exists notification says nothing of volumes"
)

// Floorplan draws the databases of a foundation that an exists reported alive after `from`, up to
// `to`, by the notifications' own times. The facts are those of its Trove, by their sequences in
// USAGE, in any order. A database with a deletion is gone, and so is one whose newest report is of
// a build or an error.
func Floorplan(foundation string, facts iter.Seq2[uint64, *events.Usage], from, to time.Time) *reconcile.Floorplan {
	out := &reconcile.Floorplan{Source: events.SourceTrove, Foundation: foundation, Begun: from, Seen: from}
	ended, reports := map[string]bool{}, map[string][]*events.Usage{}
	for sequence, u := range facts {
		if u.Source != events.SourceTrove || u.Foundation != foundation {
			continue
		}
		out.AfterSequence = max(out.AfterSequence, sequence)
		switch at := reported(u); {
		case u.Event == events.EventTroveDelete:
			ended[u.Resource] = true
		case u.Event == events.EventTroveExists && at.After(from) && !at.After(to):
			reports[u.Resource] = append(reports[u.Resource], u)
			if at.After(out.Seen) {
				out.Seen = at
			}
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(reports)) {
		if m, alive := material(reports[resource]); alive && !ended[resource] {
			out.Materials = append(out.Materials, m)
		}
	}
	out.Listings = []reconcile.Listing{
		{Kind: events.KindInstance, Count: len(out.Materials), Why: Why},
		{Kind: events.KindVolume, Why: WhyVolume},
	}
	return out
}

// material is the database that reports show, with the flavour of the newest.
func material(reports []*events.Usage) (m reconcile.Material, alive bool) {
	slices.SortStableFunc(reports, func(a, b *events.Usage) int { return reported(a).Compare(reported(b)) })
	newest := reports[len(reports)-1]
	if newest.NoServer || newest.State == "build" || newest.State == "building" || newest.State == "error" ||
		newest.State == "failed" || newest.State == "new" {
		return m, false
	}
	since := reported(newest)
	for _, u := range slices.Backward(reports) {
		if u.Footprint.FlavorID != newest.Footprint.FlavorID || u.Footprint.Flavor != newest.Footprint.Flavor {
			break
		}
		since = reported(u)
	}
	return reconcile.Material{
		Kind: events.KindInstance, Resource: newest.Resource, Tenant: newest.Tenant, Name: newest.Name,
		Footprint: newest.Footprint, Since: since, Proof: newest.Time, Evidence: newest.Raw,
	}, true
}

// reported is the time of a notification.
func reported(u *events.Usage) time.Time {
	if u.Observed.IsZero() {
		return u.Time
	}
	return u.Observed
}
