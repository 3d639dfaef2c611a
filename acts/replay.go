package acts

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
)

// BeginReplay stores the beginning of a replay, once: its id is the cause of everything that the
// replay publishes, and a replay without an end is found by it. projection is the name of a stage,
// projector or pricer; by and note are the person and the reason. Every call is an act of its own.
func BeginReplay(ctx context.Context, b Bus, projection, by, note string, at time.Time) (Act, error) {
	var act Act           // of the last try; no ID before the first
	var before, found Act // the last one of the projection, and this one where it is stored
	subject := events.ActSubject(string(Replay), "", "")
	expectation := uint64(0)
	publishing := publish{
		bus: b, kind: Replay, subject: subject,
		read: func(m *bus.Stored) error {
			expectation = m.Sequence
			a, ok := read(Replay, m)
			switch {
			case ok && act.ID != "" && a.ID == act.ID:
				found = a
			case ok && a.Replay.Projection == projection:
				before = a
			}
			return nil
		},
		next: func() ([]Act, error) {
			if found.ID != "" {
				return nil, nil // an earlier try was stored, though no answer came
			}
			act = Act{
				Kind: Replay, By: limit.Label(by), Note: limit.Label(note), Time: at, Expectation: expectation,
				Replay: &events.Replay{Projection: projection},
			}
			act.ID = events.ID("replay", projection, before.ID, act.By, act.Note, events.FormatTime(at))
			return []Act{act}, nil
		},
	}
	last, err := publishing.run(ctx)
	if found.ID != "" {
		return found, err
	}
	act.Sequence = last
	return act, err
}
