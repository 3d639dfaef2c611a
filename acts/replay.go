package acts

import (
	"context"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// BeginReplay stores the beginning of a replay, once: the id that the act brings is the cause of
// everything that the replay publishes, and a replay without an end is found by it. Errors:
// *TooLongError.
func BeginReplay(ctx context.Context, b Bus, act *events.Act) (stored Act, err error) {
	stored = Act{Act: *act}
	stored.Kind = events.ActReplay
	if err := bounded(&stored.Act); err != nil {
		return Act{}, err
	}
	found := false
	publishing := publish{
		bus: b, filters: []string{events.ActSubject(stored.Kind, "", "")},
		read: func(m *bus.Stored) error {
			if a, ok := read(m); ok && a.ID == stored.ID { // an earlier try was stored, though no answer came
				stored, found = a, true
			}
			return nil
		},
		next: func(expectation uint64) ([]events.Act, error) {
			if found {
				return nil, nil
			}
			stored.Expectation = expectation
			return []events.Act{stored.Act}, nil
		},
	}
	last, err := publishing.run(ctx)
	if !found {
		stored.Sequence = last
	}
	return stored, err
}
