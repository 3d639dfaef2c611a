package cf

import (
	"encoding/hex"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/order"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file holds facts of Cloud Foundry as timelines keep them: small, because all facts of the
// open months are kept, and in the order of the API.

// verb is the event of a fact, by one name for all kinds.
type verb uint8

const (
	nothing      verb = iota
	began             // STARTED, TASK_STARTED, STAGING_STARTED, CREATED
	changed           // UPDATED
	wasRunning        // WAS_RUNNING, TASK_WAS_RUNNING: a baseline
	ended             // STOPPED, TASK_STOPPED, STAGING_STOPPED, DELETED
	buildpackSet      // BUILDPACK_SET of a process
	retired           // RETIRED: the foundation has ended
)

func verbOf(event string) verb {
	switch event {
	case events.EventStarted, events.EventTaskStarted, events.EventStagingStarted, events.EventCreated:
		return began
	case events.EventUpdated:
		return changed
	case events.EventWasRunning, events.EventTaskWasRunning:
		return wasRunning
	case events.EventStopped, events.EventTaskStopped, events.EventStagingStopped, events.EventDeleted:
		return ended
	case events.EventBuildpackSet:
		return buildpackSet
	case events.EventRetired:
		return retired
	}
	return nothing
}

// earlier is the state before a fact.
type earlier uint8

const (
	unsaid  earlier = iota
	ran             // STARTED; of a task RUNNING or CANCELING
	rested          // STOPPED
	assumed         // WAS_RUNNING, TASK_WAS_RUNNING: the fact is a repaired ending
)

func earlierOf(kind, previous string) earlier {
	switch {
	case previous == "":
		return unsaid
	case kind == events.KindTask && (previous == "RUNNING" || previous == "CANCELING"),
		kind == events.KindApp && previous == events.EventStarted:
		return ran
	case previous == events.EventStopped:
		return rested
	case previous == events.EventWasRunning || previous == events.EventTaskWasRunning:
		return assumed
	}
	return unsaid
}

// Presumes reports whether a fact, were it the first of its resource, would be about more than a
// beginning: what was before, or goes on, is to be known.
func Presumes(u *events.Usage) bool {
	return verbOf(u.Event) != began || earlierOf(u.Kind, u.Previous) == ran || u.Reseeded || !u.Listed.IsZero()
}

// labels are the properties of a resource beside its size. Only the tenant ends a span.
type labels struct {
	app, tenant, space, spaceName, name string
	excluded                            bool // the space is not metered
}

// factID stands for a fact's id.
type factID [16]byte

// idOf packs an id: the bytes of a UUID as Daybook writes it, else of an id made of it.
func idOf(id string) factID {
	if out, ok := events.ParseID(id); ok {
		return out
	}
	return idOf(events.ID("fact", id))
}

func (id factID) String() string { return hex.EncodeToString(id[:]) }

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
