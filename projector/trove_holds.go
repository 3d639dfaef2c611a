package projector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// This file holds what is not proven of a database, and lets an operator release or discard it.

// holdID is the id of a hold. It depends on the cause only, so that a decision stays with the hold
// however its part grows or shrinks.
func (r *troveRules) holdID(kind, resource, code, cause string) string {
	return events.ID("hold", r.Source, r.Foundation, kind, resource, code, cause)
}

// canHold reports whether an id is that of a hold that the instance could have.
func (in *instance) canHold(r *troveRules, id string) bool {
	for _, h := range [][2]string{
		{events.KindInstance, events.AnomalyDeleteWithoutCreate},
		{events.KindVolume, events.AnomalyDeleteWithoutCreate},
		{events.KindInstance, events.HoldUnknownFlavor},
		{events.KindVolume, events.AnomalyUnknownVolume},
	} {
		if id == r.holdID(h[0], in.resource, h[1], "") {
			return true
		}
	}
	return slices.ContainsFunc(in.late, func(f lateFact) bool {
		return id == r.holdID(f.kind(), in.resource,
			events.AnomalyClosedPeriod, f.id)
	})
}

// decided returns the operator's word on a hold.
func (in *instance) decided(hold string) (decision, bool) {
	at, found := slices.BinarySearchFunc(in.decisions, hold,
		func(d decision, id string) int { return strings.Compare(d.hold, id) })
	if !found {
		return decision{}, false
	}
	return in.decisions[at], true
}

// released reports whether a held size may be billed, completed by what the operator said. If
// nobody decided it is listed, and if it was discarded it is not.
func (d *troveDerivation) released(kind string, s *size, from, to time.Time) bool {
	id := d.rules.holdID(kind, d.in.resource, s.held, "")
	word, given := d.in.decided(id)
	if given && !word.release {
		return false
	}
	if given {
		complete := d.complete(kind, s.footprint, word.footprint)
		if kind == events.KindVolume && complete.VolumeGB.Or(0) > 0 || kind == events.KindInstance &&
			hasFlavor(&complete) {
			s.footprint = complete
			return true
		}
	}
	d.tracks.Holds = append(d.tracks.Holds, events.Hold{
		ID: id, Kind: kind, Resource: d.in.resource, Code: s.held, Start: from, End: to, Footprint: s.footprint,
		Reason: d.reason(kind, s),
	})
	switch s.held {
	case events.AnomalyUnknownVolume:
		d.anomaly(s.held, from, "what was collected does not say how large the volume was%s; it is held, not billed",
			until(to))
	case events.HoldUnknownFlavor:
		d.anomaly(events.AnomalyLostChange, from, "the flavour%s was not collected; the time is held, not billed",
			until(to))
	}
	return false
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + events.FormatTime(t)
}

// complete is a held footprint with what the operator said about it. What a message said stands,
// and no volume has 0 GB.
func (d *troveDerivation) complete(kind string, held, said events.Footprint) events.Footprint {
	if kind == events.KindVolume {
		if held.VolumeGB.Or(0) == 0 {
			held.VolumeGB = said.VolumeGB
		}
		return events.Footprint{VolumeGB: held.VolumeGB}
	}
	if !hasFlavor(&held) {
		held.Flavor, held.FlavorID = said.Flavor, said.FlavorID
	}
	if !held.MemoryMB.Known() {
		held.MemoryMB = said.MemoryMB
	}
	return d.completed(held)
}

// reason says what an operator should know, and what can be done.
func (d *troveDerivation) reason(kind string, s *size) string {
	switch s.held {
	case events.AnomalyUnknownVolume:
		return "no message says how large the volume was: the create was lost or does not say it, and exists never " +
			"does. " +
			"Release it with --volume-gb, or discard it if the instance had no volume"
	case events.HoldUnknownFlavor:
		return "no message says which flavour the instance had: the create was lost. Release it with --flavor and " +
			"--flavor-id, or discard it"
	}
	lost := "only the deletion was collected. A build that failed sends one too: discard it if the instance never " +
		"worked, " +
		"release it if its create was lost"
	if kind == events.KindVolume && s.footprint.VolumeGB.Or(0) == 0 {
		return lost + ", with --volume-gb: it does not say how large the volume was"
	}
	return lost
}

func (f *lateFact) kind() string {
	if f.event == events.EventTroveModifyVolume || f.event == events.EventTroveResizeVolume {
		return events.KindVolume
	}
	return events.KindInstance
}

// late lists the facts that came when the instance had been forgotten. They can be discarded only:
// the spans that they would change are published and can no longer be derived.
func (d *troveDerivation) late() {
	d.end = d.in.ended
	for i := range d.in.late {
		f := &d.in.late[i]
		id := d.rules.holdID(f.kind(), d.in.resource, events.AnomalyClosedPeriod, f.id)
		word, given := d.in.decided(id)
		if given && !word.release {
			continue
		}
		if given {
			d.anomaly(events.AnomalyClosedPeriod, f.at,
				"%s can not be released: what it would change is closed; settle the difference by hand, then discard "+
					"it", f.event)
		}
		footprint := flavourOf(&f.footprint)
		if f.kind() == events.KindVolume {
			footprint = events.Footprint{VolumeGB: f.footprint.VolumeGB}
		}
		d.tracks.Holds = append(d.tracks.Holds, events.Hold{
			ID: id, Kind: f.kind(), Resource: d.in.resource, Code: events.AnomalyClosedPeriod,
			Start: f.at, End: later(d.in.ended, f.at), Footprint: footprint,
			Reason: fmt.Sprintf("%s came when the timeline, which ended at %s, was closed and settled: what was "+
				"billed stands. "+
				"Settle the difference by hand, then discard this",
				f.event, events.FormatTime(d.in.ended)),
		})
	}
	slices.SortStableFunc(d.tracks.Holds, func(a, b events.Hold) int { return compareHolds(&a, &b) })
}

func compareHolds(a, b *events.Hold) int {
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
