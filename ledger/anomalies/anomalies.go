// Package anomalies is the rule which anomalies stand: those that somebody may have to look at. It
// is pure, and part of a ledger.
//
// An anomaly that comes with a hold (lost_change, unknown_volume, delete_without_create,
// closed_period) stands while a hold of that kind of its resource is listed, and no longer than
// that. silent stands until something of the resource runs again. Every other anomaly, and any of
// these that no hold was seen with, stands for the month in which it was found and the next one, by
// the metered horizon of its foundation: then the bill that it was about is long written, and it is
// history, which METERED keeps.
package anomalies

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
)

// MaxListed is how many anomalies of one code and one foundation are kept; more are only counted.
const MaxListed = 1000

// Anomaly is an anomaly with its place.
type Anomaly struct {
	events.Anomaly
	Source, Foundation string
	Tenant, Kind       string // empty: about no one resource
}

// Entry is an anomaly that stands.
type Entry struct {
	Anomaly
	Subject string    // of METERED; empty: about no one resource
	Until   time.Time // end of the month after the one in which it was found
	Held    bool      // a hold was seen with it
}

// Omitted is a number of anomalies beyond MaxListed.
type Omitted struct {
	Source, Foundation, Code string
	Until                    time.Time
}

// Filter selects anomalies; an empty field selects all.
type Filter struct {
	Foundation, Tenant, Kind, Code string
	// Owners selects the anomalies of these alone; nil selects everybody's.
	Owners []events.Owner
}

// Standing is the anomalies that stand. The zero value is none.
type Standing struct {
	entries map[place][]*Entry
	linked  map[string][]*Entry // by subject: those that a listing may end
	omitted map[Omitted]int
}

type place struct{ source, foundation, code string }

// New returns an empty Standing.
func New() *Standing {
	return &Standing{map[place][]*Entry{}, map[string][]*Entry{}, map[Omitted]int{}}
}

// holds are the codes of the holds that an anomaly comes with; none for an anomaly without a hold.
func holds(code string) []string {
	switch code {
	case events.AnomalyUnknownVolume, events.AnomalyDeleteWithoutCreate, events.AnomalyClosedPeriod:
		return []string{code}
	case events.AnomalyLostChange:
		return []string{code, events.HoldUnknownFlavor, events.HoldUnprovenBaseline}
	}
	return nil
}

// Add takes an anomaly of a message on a subject of METERED, before the listing of that message.
// now is the metered horizon of its foundation.
func (s *Standing) Add(subject string, a *Anomaly, now time.Time) {
	if a.Time.After(now) {
		now = a.Time
	}
	s.Put(&Entry{Anomaly: *a, Subject: subject, Until: time.Date(now.Year(), now.Month()+2, 1, 0, 0, 0, 0, time.UTC)})
}

// Put takes an entry as it is.
func (s *Standing) Put(e *Entry) {
	at := place{e.Source, e.Foundation, e.Code}
	if len(s.entries[at]) >= MaxListed {
		s.omitted[Omitted{e.Source, e.Foundation, e.Code, e.Until}]++
		return
	}
	s.entries[at] = append(s.entries[at], e)
	if e.Subject != "" && (e.Code == events.AnomalySilent || holds(e.Code) != nil) {
		s.linked[e.Subject] = append(s.linked[e.Subject], e)
	}
}

// Omit counts anomalies beyond MaxListed.
func (s *Standing) Omit(o Omitted, n int) { s.omitted[o] += n }

// Listed takes the listing of a message on a subject: what runs and is held there with it. told
// reports whether the message tells of a resource.
func (s *Standing) Listed(subject string, all *standing.Subject, told func(resource string) bool) {
	for _, e := range slices.Clone(s.linked[subject]) {
		if !told(e.Resource) {
			continue
		}
		running, held := all.Of(e.Resource)
		is := slices.ContainsFunc(held, func(h events.Hold) bool { return slices.Contains(holds(e.Code), h.Code) })
		if e.Code == events.AnomalySilent && len(running) > 0 || e.Held && !is {
			s.drop(e)
		}
		e.Held = is
	}
}

func (s *Standing) drop(e *Entry) {
	at := place{e.Source, e.Foundation, e.Code}
	same := func(x *Entry) bool { return x == e }
	if s.entries[at] = slices.DeleteFunc(s.entries[at], same); len(s.entries[at]) == 0 {
		delete(s.entries, at)
	}
	if s.linked[e.Subject] = slices.DeleteFunc(s.linked[e.Subject], same); len(s.linked[e.Subject]) == 0 {
		delete(s.linked, e.Subject)
	}
}

// Advance takes a metered horizon of the foundations that concerns names.
func (s *Standing) Advance(at time.Time, concerns func(source, foundation string) bool) {
	for where, list := range s.entries {
		if !concerns(where.source, where.foundation) {
			continue
		}
		for _, e := range slices.Clone(list) {
			if !e.Held && !at.Before(e.Until) {
				s.drop(e)
			}
		}
	}
	maps.DeleteFunc(s.omitted, func(o Omitted, _ int) bool {
		return concerns(o.Source, o.Foundation) && !at.Before(o.Until)
	})
}

// Each yields the entries, in no order.
func (s *Standing) Each(yield func(e *Entry) bool) {
	for _, list := range s.entries {
		for _, e := range list {
			if !yield(e) {
				return
			}
		}
	}
}

// Entries are the selected entries, by tenant, kind, code, time, resource and message.
func (s *Standing) Entries(f Filter) []Entry {
	var all []Entry
	for _, list := range s.entries {
		for _, e := range list {
			if f.has(e) {
				all = append(all, *e)
			}
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Code, b.Code),
			a.Time.Compare(b.Time), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation),
			cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Message, b.Message))
	})
	return all
}

func (f *Filter) has(e *Entry) bool {
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return is(f.Foundation, e.Foundation) && is(f.Tenant, e.Tenant) && is(f.Kind, e.Kind) && is(f.Code, e.Code) &&
		(f.Owners == nil || events.Owns(f.Owners, e.Foundation, e.Tenant))
}

// concerns reports whether anomalies of a foundation, and of no tenant of it, concern the asker.
func (f *Filter) concerns(foundation string) bool {
	return (f.Foundation == "" || f.Foundation == foundation) && (f.Owners == nil ||
		slices.ContainsFunc(f.Owners, func(o events.Owner) bool { return o.Foundation == foundation }))
}

// Omitted are the numbers of anomalies beyond MaxListed, whatever their tenant and kind.
func (s *Standing) Omitted(f Filter) map[Omitted]int {
	all := maps.Clone(s.omitted)
	maps.DeleteFunc(all, func(o Omitted, _ int) bool {
		return !f.concerns(o.Foundation) || f.Code != "" && f.Code != o.Code
	})
	return all
}

// Counts are the numbers of the selected anomalies by code, of the time from one instant to
// another, or of all where they are zero. Anomalies of no tenant, and those beyond MaxListed, are
// everybody's; the latter are of the month in which they were found.
func (s *Standing) Counts(f Filter, from, to time.Time) map[string]int {
	within := func(at time.Time) bool { return to.IsZero() || !at.Before(from) && at.Before(to) }
	counts := map[string]int{}
	for at, list := range s.entries {
		for _, e := range list {
			if (f.has(e) || e.Tenant == "" && f.concerns(e.Foundation)) && within(e.Time) {
				counts[at.code]++
			}
		}
	}
	for o, n := range s.Omitted(f) {
		if within(o.Until.AddDate(0, -2, 0)) {
			counts[o.Code] += n
		}
	}
	return counts
}
