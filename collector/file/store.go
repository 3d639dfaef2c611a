package file

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// OnBus is the Store that a bus makes.
func OnBus(b *bus.Bus) Store { return busStore{appender.OnBus(b), b} }

type busStore struct {
	appender.Store
	bus *bus.Bus
}

// Horizon implements Store.
func (s busStore) Horizon(ctx context.Context, subject string) (time.Time, error) {
	m, err := s.bus.Last(ctx, events.StreamUsage, subject)
	if errors.Is(err, bus.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("looking for the last horizon on %s: %w", subject, err)
	}
	t, err := events.ParseTime(m.Header(events.HeaderTime))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s at sequence %d of USAGE: header %s: %w", subject, m.Sequence,
			events.HeaderTime, err)
	}
	return t, nil
}
