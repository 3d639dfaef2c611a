package acts

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// BeginReplay stores the beginning of a replay, once: its id is the cause of everything that the
// replay publishes, and a replay without an end is found by it. projection is the name of a stage,
// projector or pricer; by and note are the person and the reason. Every call is an act of its own.
func BeginReplay(ctx context.Context, b Bus, projection, by, note string, at time.Time) (Act, error) {
	act := Act{Act: events.Act{
		Kind: events.ActReplay, By: by, Note: note, Time: at, Replay: events.Replay{Projection: projection},
	}}
	if err := bounded(&act.Act); err != nil {
		return Act{}, err
	}
	before, stored := "", false // id of the last replay of the projection
	publishing := publish{
		bus: b, filters: []string{events.ActSubject(act.Kind, "", "")},
		read: func(m *bus.Stored) error {
			a, ok := read(m)
			switch {
			case ok && act.ID != "" && a.ID == act.ID: // an earlier try was stored, though no answer came
				act, stored = a, true
			case ok && a.Replay.Projection == projection:
				before = a.ID
			}
			return nil
		},
		next: func(expectation uint64) ([]events.Act, error) {
			if stored {
				return nil, nil
			}
			act.Expectation = expectation
			act.ID = events.ID("replay", projection, before, act.By, act.Note, events.FormatTime(at))
			return []events.Act{act.Act}, nil
		},
	}
	last, err := publishing.run(ctx)
	if !stored {
		act.Sequence = last
	}
	return act, err
}
