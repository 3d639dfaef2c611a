package appender

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// OnBus is the Store that a bus makes.
func OnBus(b *bus.Bus) Store { return busStore{b} }

type busStore struct{ *bus.Bus }

// IDs implements Store.
func (s busStore) IDs(ctx context.Context, stream, filter string, from uint64, yield func(id string, sequence uint64) error) (uint64, error) {
	end, err := s.Last(ctx, stream, filter)
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the last message of %s: %w", filter, err)
	}
	if end.Sequence < from {
		return end.Sequence, nil
	}
	r, err := s.Read(ctx, stream, from, bus.ReadOptions{Filters: []string{filter}, HeadersOnly: true})
	if err != nil {
		return 0, fmt.Errorf("reading %s from sequence %d: %w", filter, from, err)
	}
	defer r.Close()
	for {
		m, err := r.Next(ctx)
		if err != nil {
			return 0, fmt.Errorf("reading %s from sequence %d: %w", filter, from, err)
		}
		if m.Sequence <= end.Sequence {
			if err := yield(m.Header(events.HeaderID), m.Sequence); err != nil {
				return 0, err
			}
		}
		if m.Sequence >= end.Sequence {
			return end.Sequence, nil
		}
	}
}
