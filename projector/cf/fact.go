package cf

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/order"
	"github.com/daybook-billing/daybook/projector/cf/words"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file holds facts of Cloud Foundry as timelines keep them: small, because all facts of the
// open months are kept, and in the order of the API.

type (
	verb    = words.Verb
	earlier = words.Earlier
	factID  = words.FactID
)

const (
	nothing         = words.Nothing
	began           = words.Began
	changed         = words.Changed
	wasRunning      = words.WasRunning
	ended           = words.Ended
	buildpackSet    = words.BuildpackSet
	retired         = words.Retired
	seenRunning     = words.SeenRunning
	seenRunningHeld = words.SeenRunningHeld
	seenGone        = words.SeenGone
	seenGoneHeld    = words.SeenGoneHeld

	ran     = words.Ran
	assumed = words.Assumed
	rested  = words.Rested
)

// Presumes reports whether a fact, were it the first of its resource, would be about more than a
// beginning: what was before, or goes on, is to be known.
func Presumes(u *events.Usage) bool {
	return words.VerbOf(u.Event) != began || words.EarlierOf(u.Kind, u.Previous) == ran || u.Reseeded ||
		!u.Listed.IsZero()
}

// labels are the properties of a resource beside its size. Only the tenant ends a span.
type labels struct {
	app, tenant, space, spaceName, name string
	excluded                            bool // the space is not metered
}

// fact is a fact as a timeline keeps it.
type fact struct {
	sequence uint64
	id       factID
	time     timeline.Moment // as reported
	at       timeline.Moment // when it counts: no earlier than the facts before it in order
	of       *labels
	size     *events.Footprint
	extra    *extra // nil for most
	verb     verb
	before   earlier
	reseeded bool // a row of a purge and reseed
	null     null // the sizes before that it does not say
}

// null is a set of sizes that a fact does not say.
type null uint8

const (
	nullInstances null = 1 << iota
	nullMemory
)

// extra is the part of a fact that few facts have.
type extra struct {
	late *insertion // of a late fact; nil for others
	// listed is when a rescan found the beginning still listed; MinMoment for a new fact.
	listed timeline.Moment
	// The size before, where it differs.
	instances, memory events.Count
}

func (x *fact) insertion() *insertion {
	if x.extra == nil {
		return nil
	}
	return x.extra.late
}

func (x *fact) listed() timeline.Moment {
	if x.extra == nil {
		return timeline.MinMoment
	}
	return x.extra.listed
}

// key is where the fact stands in the order of the API.
func (x *fact) key() key { return key{Sequence: x.sequence, Late: x.insertion()} }

type (
	key       = order.Key
	insertion = order.Insertion
)
