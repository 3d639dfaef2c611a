package acts

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// ErrErased: the names of the tenant are erased already.
var ErrErased = errors.New("the names of the tenant are erased already")

// Erase publishes the erasure of the names of a tenant of one foundation. By, note and time are the
// act's; its id is made here. Errors: ErrErased, *TooLongError, *BusyError.
func Erase(ctx context.Context, b Bus, act events.Act) (sequence uint64, err error) {
	act.Kind = events.ActErasure
	act.ID = events.ID(act.Kind, act.Source, act.Foundation, act.Erasure.Tenant)
	if err := bounded(&act); err != nil {
		return 0, err
	}
	tried := false
	publishing := publish{
		bus: b, filters: []string{events.ActSubject(act.Kind, act.Source, act.Foundation)},
		read: func(m *bus.Stored) error {
			if a, ok := read(m); ok && a.Erasure.Tenant == act.Erasure.Tenant {
				sequence = a.Sequence
			}
			return nil
		},
		next: func(expectation uint64) ([]events.Act, error) {
			switch {
			case sequence != 0 && !tried:
				return nil, ErrErased
			case sequence != 0: // by this call, though no answer came, or by another one
				return nil, nil
			}
			tried = true
			act.Expectation = expectation
			return []events.Act{act}, nil
		},
	}
	last, err := publishing.run(ctx)
	return max(sequence, last), err
}
