package appender

import (
	"context"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// OnBus makes a Store of a bus.
func OnBus(b *bus.Bus) Store { return busStore{b} }

// HeadOf is the head of a message.
func HeadOf(m *bus.Stored) Head {
	return Head{m.Subject, m.Header(events.HeaderID), m.Sequence, m.Header(events.HeaderPlatform)}
}

type busStore struct{ *bus.Bus }

// IDs implements Store.
func (s busStore) IDs(ctx context.Context, stream, filter string, from uint64, yield func(m Head) error) (uint64,
	error,
) {
	return s.Each(ctx, stream, from, bus.End, bus.ReadOptions{Filters: []string{filter}, HeadersOnly: true},
		func(m *bus.Stored) error {
			return yield(HeadOf(m))
		})
}
