package trove

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/collector/horizons"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Store is the Trove collector's access to the streams; OnBus makes one.
type Store interface {
	appender.Store
	horizons.Reader
	// Back returns the sequence from which on the filter matches n messages of the stream, or a
	// lower one; 1 when it matches fewer.
	Back(ctx context.Context, stream, filter string, n int) (from uint64, err error)
}

// OnBus is the Store that a bus makes.
func OnBus(b *bus.Bus) Store { return busStore{appender.OnBus(b), b, b} }

type busStore struct {
	appender.Store
	horizons.Reader
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
