package acts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
)

// Errors of observations and reversions.
var (
	// ErrReverted: the plan is reverted, and nothing of it is stored again.
	ErrReverted = errors.New("the plan is reverted, and nothing of it counts again: make another plan")
	// ErrUnknownPlan: no act names the plan.
	ErrUnknownPlan = errors.New("no observation of the foundation names this plan: nothing of it was enacted there")
)

// ObservationError reports an observation that the projector would refuse.
type ObservationError struct{ Kind, Resource, Problem string }

func (e *ObservationError) Error() string {
	return fmt.Sprintf("the observation of %s %q can not be stored: %s", e.Kind, e.Resource, e.Problem)
}

// maxObservations is the most bytes of the acts of a batch, beside bus.MaxBatch.
const maxObservations = 4 << 20

// Observe stores the observations of a plan, each once, in atomic batches in their order, and
// returns how many were not stored before. Those that are stored already are left out: after a
// crash the same call goes on. Nothing is stored once the plan is reverted. Evidence beyond
// limit.MaxEvidence is cut. Errors: ErrReverted, *ObservationError, *TooLongError, *BusyError; with
// an error other than the second and the third, some may be stored.
func Observe(ctx context.Context, b Bus, source, foundation, plan string, observations []events.Observation, by,
	note string, at time.Time,
) (stored int, err error) {
	x := newObserving(b, source, foundation, plan)
	given := map[string]bool{}
	for i := range observations {
		a := events.Act{
			ID:   events.ID("observation", plan, observations[i].Kind, observations[i].Resource),
			Kind: events.ActObservation, Source: source, Foundation: foundation, By: by, Note: note, Time: at,
			Observation: observations[i],
		}
		a.Observation.Plan = plan
		if err := bounded(&a); err != nil {
			return 0, err
		}
		if err := observable(&a.Observation, given[a.ID]); err != nil {
			return 0, err
		}
		given[a.ID] = true
		x.acts = append(x.acts, a)
	}
	for {
		last, err := x.publish.run(ctx)
		if err != nil || last == 0 {
			return x.stored(), err
		}
		x.note()
	}
}

// Revert takes all observations of a plan back, once. It reports whether this call did; false where
// the plan was reverted before. Errors: ErrUnknownPlan, *TooLongError, *BusyError.
func Revert(ctx context.Context, b Bus, source, foundation, plan, by, note string, at time.Time) (bool, error) {
	x := newObserving(b, source, foundation, plan)
	a := events.Act{
		ID: events.ID("reversion", plan), Kind: events.ActObservation, Source: source, Foundation: foundation, By: by,
		Note: note, Time: at, Observation: events.Observation{Finding: events.FindingReverted, Plan: plan},
	}
	if err := bounded(&a); err != nil {
		return false, err
	}
	x.acts, x.reverts = []events.Act{a}, true
	if _, err := x.publish.run(ctx); err != nil {
		return false, err
	}
	return len(x.missing) > 0, nil
}

// observable refuses an observation without a meaning to the projector.
func observable(o *events.Observation, twice bool) error {
	problem := ""
	switch o.Kind {
	case events.KindApp, events.KindTask, events.KindService, events.KindInstance, events.KindVolume:
	default:
		problem = "resources of this kind are not reconciled"
	}
	switch {
	case problem != "":
	case o.Plan == "" || o.Resource == "":
		problem = "it needs a plan and a resource"
	case o.Finding != events.FindingRunning && o.Finding != events.FindingGone:
		problem = fmt.Sprintf("it finds %q, and not %q or %q", o.Finding, events.FindingRunning, events.FindingGone)
	case o.Finding == events.FindingRunning && o.Tenant == "":
		problem = "what runs needs a tenant"
	case o.At.IsZero() || o.Seen.IsZero() || o.At.After(o.Seen):
		problem = "it needs the time of the look, and a time that is not after it"
	case len(o.Evidence) > 0 && events.CheckRaw(o.Evidence) != nil:
		problem = "its evidence is no JSON object"
	case twice:
		problem = "the plan has two of it"
	default:
		if err := limit.Times(o.At, o.NotBefore, o.NotAfter, o.Seen); err != nil {
			problem = err.Error()
		}
	}
	if problem != "" {
		return &ObservationError{o.Kind, o.Resource, problem}
	}
	return nil
}

// observing appends the acts of a plan that are not stored, as many at once as a batch takes.
type observing struct {
	publish publish
	plan    string
	acts    []events.Act // in their order
	reverts bool         // acts is a reversion

	// What the subject has of the plan.
	known    map[string]bool // ids
	observed bool
	reverted bool

	missing []string // ids of acts that were not stored at the first look; nil before it
	batch   []string // ids of the last try
}

func newObserving(b Bus, source, foundation, plan string) *observing {
	x := &observing{plan: plan, known: map[string]bool{}}
	x.publish = publish{
		bus: b, filters: []string{events.ActSubject(events.ActObservation, source, foundation)},
		read: x.read, next: x.next,
	}
	return x
}

func (x *observing) read(m *bus.Stored) error {
	if a, ok := read(m); ok && a.Observation.Plan == x.plan {
		x.known[a.ID] = true
		reversion := a.Observation.Finding == events.FindingReverted
		x.reverted, x.observed = x.reverted || reversion, x.observed || !reversion
	}
	return nil
}

// note takes the acts of the last try for stored.
func (x *observing) note() {
	for _, id := range x.batch {
		x.known[id] = true
	}
}

// stored counts the acts that were missing at the first look, and are stored.
func (x *observing) stored() (n int) {
	for _, id := range x.missing {
		if x.known[id] {
			n++
		}
	}
	return n
}

func (x *observing) next(expectation uint64) (batch []events.Act, err error) {
	if x.reverts && !x.observed {
		return nil, ErrUnknownPlan
	}
	if x.missing == nil {
		x.missing = []string{}
		for i := range x.acts {
			if id := x.acts[i].ID; !x.known[id] {
				x.missing = append(x.missing, id)
			}
		}
	}
	x.batch = x.batch[:0]
	size := 0
	for i := range x.acts {
		a := x.acts[i]
		if x.known[a.ID] {
			continue
		}
		if x.reverted {
			return nil, ErrReverted
		}
		size += len(a.Observation.Evidence) + observationBytes
		if len(batch) == bus.MaxBatch || len(batch) > 0 && size > maxObservations {
			break
		}
		a.Expectation = expectation
		batch, x.batch = append(batch, a), append(x.batch, a.ID)
	}
	return batch, nil
}

// observationBytes is about the length of an act without evidence.
const observationBytes = 2 << 10
