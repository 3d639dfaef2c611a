package trove

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file derives what a database runs on and where: its datastore, region and availability zone.
// Trove has no message about a change of them, and most messages repeat some of them. A message
// that says nothing of one is no change of it.

// place is a datastore, a region and an availability zone; each is empty where nothing says it.
type place struct{ datastore, datastoreID, region, zone string }

func placeOf(f *events.Footprint) place {
	return place{f.Datastore, f.DatastoreID, f.Region, f.AvailabilityZone}
}

func (p place) enter(f *events.Footprint) {
	f.Datastore, f.DatastoreID, f.Region, f.AvailabilityZone = p.datastore, p.datastoreID, p.region, p.zone
}

func (p *place) texts() [4]*string {
	return [...]*string{&p.datastore, &p.datastoreID, &p.region, &p.zone}
}

// over fills what a place leaves open from another one.
func (p place) over(other place) place {
	if p.datastore == "" {
		p.datastore, p.datastoreID = other.datastore, other.datastoreID
	}
	p.region, p.zone = cmp.Or(p.region, other.region), cmp.Or(p.zone, other.zone)
	return p
}

// stay is a place from a time on, with the sequence of the message that shows it.
type stay struct {
	at       time.Time
	place    place
	inferred bool
	evidence uint64
}

// stays are the places of the life, in order of time, the first from its beginning on. What is said
// first of a datastore, region or zone holds from the beginning; another one from the message on
// that shows it. With a modify the change was made at its modify_at; from any other message the
// time is deduced.
func (d *derivation) stays() []stay {
	if d.places != nil {
		return d.places
	}
	facts, reports := d.in.facts, d.in.reports
	all := []stay{{at: d.start}}
	var said *content // by the last message
	say := func(p place, at time.Time, inferred bool, evidence uint64) {
		for i := range all {
			all[i].place = all[i].place.over(p)
		}
		if last := all[len(all)-1].place; p.over(last) != last {
			all = append(all, stay{timeline.Later(at, d.start), p.over(last), inferred, evidence})
		}
	}
	for i, j := 0, 0; i < len(facts) || j < len(reports); {
		if i < len(facts) && (j == len(reports) || facts[i].at.UnixNano() <= reports[j].at) {
			f := &facts[i]
			i++
			modified := f.event == events.EventTroveModifyFlavor || f.event == events.EventTroveModifyVolume
			say(placeOf(&f.footprint), f.at, !modified, f.sequence)
			said = nil
			continue
		}
		r := &reports[j]
		j++
		if r.content != said {
			say(r.content.place, unixNano(r.at), true, r.sequence)
			said = r.content
		}
	}
	for _, o := range d.in.running() {
		for i := range all {
			all[i].place = all[i].place.over(placeOf(&o.Said.Footprint))
		}
	}
	d.places = all
	return all
}

// placed divides sizes, in order of time, where the place changes.
func (d *derivation) placed(sizes []size) []size {
	if len(sizes) == 0 {
		return nil
	}
	all := d.stays()
	out := make([]size, 0, len(sizes)+len(all)-1)
	for i, s := range sizes {
		at, _ := slices.BinarySearchFunc(all, s.at, func(x stay, at time.Time) int {
			if x.at.After(at) {
				return 1
			}
			return -1 // the last one that is not after it
		})
		at = max(at-1, 0)
		all[at].place.enter(&s.footprint)
		out = append(out, s)
		for _, x := range all[at+1:] {
			if i+1 < len(sizes) && !x.at.Before(sizes[i+1].at) {
				break
			}
			s.at, s.inferred, s.evidence = x.at, x.inferred, x.evidence
			x.place.enter(&s.footprint)
			out = append(out, s)
		}
	}
	return out
}
