package trove

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

type busStore struct {
	appender.Store
	bus *bus.Bus
}

// Back implements Store. It asks how many messages there are from a sequence on, twice as far back
// each time.
func (s busStore) Back(ctx context.Context, stream, filter string, n int) (uint64, error) {
	end, err := s.bus.Last(ctx, stream, filter)
	if errors.Is(err, bus.ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the last message of %s: %w", filter, err)
	}
	want := uint64(n) //nolint:gosec // a positive setting
	for back := want; ; back *= 2 {
		if back >= end.Sequence {
			return 1, nil
		}
		from := end.Sequence - back + 1
		there, err := s.from(ctx, stream, filter, from)
		if err != nil || there >= want {
			return from, err
		}
	}
}

// from counts the messages from a sequence on.
func (s busStore) from(ctx context.Context, stream, filter string, from uint64) (uint64, error) {
	r, err := s.bus.Read(ctx, stream, from, bus.ReadOptions{Filters: []string{filter}, HeadersOnly: true})
	if err != nil {
		return 0, fmt.Errorf("counting %s from sequence %d: %w", filter, from, err)
	}
	defer r.Close()
	return r.Waiting(), nil
}

// maxHorizons is how many horizons of others are passed over in looking for our own.
const maxHorizons = 1000

// Horizon implements Store. Without a name the last horizon is ours. With one it is looked for
// among those of others, from the end, and when it is not near there the answer is the zero time.
func (s busStore) Horizon(ctx context.Context, subject, collector string) (time.Time, error) {
	m, err := s.bus.Last(ctx, events.StreamUsage, subject)
	if errors.Is(err, bus.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("looking for the last horizon on %s: %w", subject, err)
	}
	var h events.Horizon
	if err := h.DecodeJSON(m.Data); err != nil {
		return time.Time{}, fmt.Errorf("%s at sequence %d of USAGE: %w", subject, m.Sequence, err)
	}
	if h.Collector == collector {
		return h.Time, nil
	}
	return s.horizonOf(ctx, subject, collector)
}

func (s busStore) horizonOf(ctx context.Context, subject, collector string) (time.Time, error) {
	from, err := s.Back(ctx, events.StreamUsage, subject, maxHorizons)
	if err != nil {
		return time.Time{}, err
	}
	var last time.Time
	_, err = s.bus.Each(ctx, events.StreamUsage, from, bus.End, bus.ReadOptions{Filters: []string{subject}},
		func(m *bus.Stored) error {
			var h events.Horizon
			if err := h.DecodeJSON(m.Data); err != nil {
				return fmt.Errorf("%s at sequence %d of USAGE: %w", subject, m.Sequence, err)
			}
			if h.Collector == collector {
				last = h.Time
			}
			return nil
		})
	return last, err
}
