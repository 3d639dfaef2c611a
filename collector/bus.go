package collector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// OnBus is the Store that a bus makes.
func OnBus(b *bus.Bus) Store { return busStore{b} }

type busStore struct{ bus *bus.Bus }

func (s busStore) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	return s.bus.Append(ctx, stream, msgs, expect)
}

func (s busStore) IDs(ctx context.Context, stream, filter string, from uint64, yield func(id string) error) (uint64, error) {
	end, err := s.bus.Last(ctx, stream, filter)
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the last message of %s: %w", filter, err)
	}
	if end.Sequence < from {
		return end.Sequence, nil
	}
	r, err := s.bus.Read(ctx, stream, from, bus.ReadOptions{Filters: []string{filter}, HeadersOnly: true})
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
			if err := yield(m.Header(events.HeaderID)); err != nil {
				return 0, err
			}
		}
		if m.Sequence >= end.Sequence {
			return end.Sequence, nil
		}
	}
}

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
		return time.Time{}, fmt.Errorf("%s at sequence %d of USAGE: header %s: %w", subject, m.Sequence, events.HeaderTime, err)
	}
	return t, nil
}
