package words

import (
	"encoding/hex"

	"github.com/daybook-billing/daybook/events"
)

// Verb is the event of a fact, by one name for all kinds.
type Verb uint8

// The verbs.
const (
	Nothing      Verb = iota
	Began             // STARTED, TASK_STARTED, STAGING_STARTED, CREATED
	Changed           // UPDATED
	WasRunning        // WAS_RUNNING, TASK_WAS_RUNNING: a baseline
	Ended             // STOPPED, TASK_STOPPED, STAGING_STOPPED, DELETED
	BuildpackSet      // BUILDPACK_SET of a process
	Retired           // RETIRED: the foundation has ended

	// SeenRunning and the others are observations of reconciliations; Held: what follows is held.
	SeenRunning
	SeenRunningHeld
	SeenGone
	SeenGoneHeld
)

// VerbOf is the verb of an event.
func VerbOf(event string) Verb {
	switch event {
	case events.EventStarted, events.EventTaskStarted, events.EventStagingStarted, events.EventCreated:
		return Began
	case events.EventUpdated:
		return Changed
	case events.EventWasRunning, events.EventTaskWasRunning:
		return WasRunning
	case events.EventStopped, events.EventTaskStopped, events.EventStagingStopped, events.EventDeleted:
		return Ended
	case events.EventBuildpackSet:
		return BuildpackSet
	case events.EventRetired:
		return Retired
	}
	return Nothing
}

// Earlier is the state before a fact.
type Earlier uint8

// The states.
const (
	Unsaid  Earlier = iota
	Ran             // STARTED; of a task RUNNING or CANCELING
	Rested          // STOPPED
	Assumed         // WAS_RUNNING, TASK_WAS_RUNNING: the fact is a repaired ending
)

// EarlierOf is the state before a fact, by its kind.
func EarlierOf(kind, previous string) Earlier {
	switch {
	case previous == "":
		return Unsaid
	case kind == events.KindTask && (previous == "RUNNING" || previous == "CANCELING"),
		kind == events.KindApp && previous == events.EventStarted:
		return Ran
	case previous == events.EventStopped:
		return Rested
	case previous == events.EventWasRunning || previous == events.EventTaskWasRunning:
		return Assumed
	}
	return Unsaid
}

// FactID stands for a fact's id.
type FactID [16]byte

// IDOf packs an id: the bytes of a UUID as Daybook writes it, else of an id made of it.
func IDOf(id string) FactID {
	if out, ok := events.ParseID(id); ok {
		return out
	}
	return IDOf(events.ID("fact", id))
}

func (id FactID) String() string { return hex.EncodeToString(id[:]) }

// EventName is the platform's name of a verb.
func EventName(kind string, v Verb) string {
	names := [...]string{Began: "STARTED", WasRunning: "WAS_RUNNING", Ended: "STOPPED", BuildpackSet: "BUILDPACK_SET"}
	switch kind {
	case events.KindService:
		names = [...]string{Began: "CREATED", WasRunning: "WAS_RUNNING", Ended: "DELETED", BuildpackSet: ""}
	case events.KindTask:
		names = [...]string{
			Began: "TASK_STARTED", WasRunning: "TASK_WAS_RUNNING", Ended: "TASK_STOPPED", BuildpackSet: "",
		}
	case events.KindStaging:
		names = [...]string{
			Began: "STAGING_STARTED", WasRunning: "", Ended: "STAGING_STOPPED",
			BuildpackSet: "BUILDPACK_SET",
		}
	}
	switch v {
	case Changed:
		return "UPDATED"
	case Retired:
		return events.EventRetired
	}
	return names[v]
}
