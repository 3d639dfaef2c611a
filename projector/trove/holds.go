package trove

import (
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file holds the unproven parts of a database, and lets an operator release or discard them.

// canHold reports whether an id is of a hold that the instance could have.
func (in *instance) canHold(id string) bool {
	for _, h := range [][2]string{
		{events.KindInstance, events.AnomalyDeleteWithoutCreate},
		{events.KindVolume, events.AnomalyDeleteWithoutCreate},
		{events.KindInstance, events.HoldUnknownFlavor},
		{events.KindVolume, events.AnomalyUnknownVolume},
		{events.KindInstance, events.HoldRetired},
		{events.KindVolume, events.HoldRetired},
	} {
		if id == in.rules.HoldID(h[0], in.resource, h[1], "") {
			return true
		}
	}
	return in.observedHold(id) || slices.ContainsFunc(in.late, func(f timeline.LateFact) bool {
		return id == in.rules.HoldID(kindOf(&f), in.resource, events.AnomalyClosedPeriod, f.ID)
	})
}

// released reports whether a held size may be billed, completed by the decision. Without a decision
// it is listed; discarded it is not.
func (d *derivation) released(kind string, s *size, from, to time.Time) bool {
	id := d.in.rules.HoldID(kind, d.in.resource, s.held, s.cause)
	decision, given := d.in.decisions.On(id)
	if given && !decision.Release {
		return false
	}
	if given {
		complete := d.complete(kind, s.footprint, decision.Footprint)
		if kind == events.KindVolume && complete.VolumeGB.Or(0) > 0 || kind == events.KindInstance &&
			hasFlavor(&complete) {
			s.footprint = complete
			return true
		}
	}
	if last := len(d.tracks.Holds) - 1; last >= 0 && d.tracks.Holds[last].ID == id {
		d.tracks.Holds[last].End = to // it goes on at another place
		return false
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

// complete is a held footprint completed by the decision. Values from messages stand, and no volume
// has 0 GB.
func (d *derivation) complete(kind string, held, said events.Footprint) events.Footprint {
	if kind == events.KindVolume {
		if held.VolumeGB.Or(0) == 0 {
			held.VolumeGB = said.VolumeGB
		}
		return held
	}
	if !hasFlavor(&held) {
		held.Flavor, held.FlavorID = said.Flavor, said.FlavorID
	}
	if !held.MemoryMB.Known() {
		held.MemoryMB = said.MemoryMB
	}
	return d.completed(held)
}

// reason explains the hold to an operator, and the choices.
func (d *derivation) reason(kind string, s *size) string {
	switch s.held {
	case events.AnomalyUnknownVolume:
		return "no message says how large the volume was: the create was lost or does not say it, and exists never " +
			"does. Release it with --volume-gb, or discard it if the instance had no volume"
	case events.HoldUnknownFlavor:
		return "no message says which flavour the instance had: the create was lost. Release it with --flavor and " +
			"--flavor-id, or discard it"
	}
	if reason := observedReason(s.held); reason != "" {
		return reason
	}
	if s.held == events.HoldRetired {
		return "its foundation was retired, and nothing was collected of this time. Release it if it ran until then, " +
			"or discard it"
	}
	lost := "only the deletion was collected. A build that failed sends one too: discard it if the instance never " +
		"worked, release it if its create was lost"
	if kind == events.KindVolume && s.footprint.VolumeGB.Or(0) == 0 {
		return lost + ", with --volume-gb: it does not say how large the volume was"
	}
	return lost
}

func kindOf(f *timeline.LateFact) string {
	if f.Event == events.EventTroveModifyVolume || f.Event == events.EventTroveResizeVolume {
		return events.KindVolume
	}
	return events.KindInstance
}

// late lists the facts of a forgotten instance. They can be discarded only: the spans to change are
// published and can not be derived again.
func (d *derivation) late() {
	d.end = d.in.ended
	for i := range d.in.late {
		f := &d.in.late[i]
		id := d.in.rules.HoldID(kindOf(f), d.in.resource, events.AnomalyClosedPeriod, f.ID)
		decision, given := d.in.decisions.On(id)
		if given && !decision.Release {
			continue
		}
		if given {
			d.anomaly(events.AnomalyClosedPeriod, f.At,
				"%s can not be released: what it would change is closed; settle the difference by hand, then discard "+
					"it", f.Event)
		}
		footprint := flavourOf(&f.Footprint)
		if kindOf(f) == events.KindVolume {
			footprint = events.Footprint{VolumeGB: f.Footprint.VolumeGB}
		}
		d.tracks.Holds = append(d.tracks.Holds, events.Hold{
			ID: id, Kind: kindOf(f), Resource: d.in.resource, Code: events.AnomalyClosedPeriod,
			Start: f.At, End: timeline.Later(d.in.ended, f.At), Footprint: footprint,
			Reason: fmt.Sprintf("%s %s; the timeline ended at %s. Settle the difference by hand, then discard this",
				f.Event, timeline.CameLate(f.Lacks), events.FormatTime(d.in.ended)),
		})
	}
	slices.SortStableFunc(d.tracks.Holds, timeline.CompareHolds)
}
