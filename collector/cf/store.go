package cf

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Store is the collector's part of the bus; OnBus makes one.
type Store interface {
	// Append stores the messages as one atomic batch, if expect holds. The error is a
	// *bus.ConflictError when it does not; after any other error the batch may have been stored,
	// may not, or may yet be. Append does not keep msgs.
	Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (last uint64, err error)
	// Last returns the last message on the filter's subjects; errors.Is bus.ErrNotFound when there
	// is none.
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
	// Scan calls yield with the messages on the filters from one sequence to another, both
	// included, in order. An error from yield ends it and is returned.
	Scan(ctx context.Context, stream string, s Scan, yield func(m *bus.Stored) error) error
	// PutObject stores an object, replacing one of the same name.
	PutObject(ctx context.Context, bucket, name string, data []byte) error
}

// Scan has the parameters of Store.Scan.
type Scan struct {
	Filters     []string
	From, To    uint64
	HeadersOnly bool
}

// OnBus makes a Store of a bus.
func OnBus(b *bus.Bus) Store { return busStore{b} }

type busStore struct{ *bus.Bus }

// Scan implements Store.
func (s busStore) Scan(ctx context.Context, stream string, what Scan, yield func(m *bus.Stored) error) error {
	if what.From > what.To {
		return nil
	}
	_, err := s.Each(ctx, stream, what.From, what.To, bus.ReadOptions{
		Filters:     what.Filters,
		HeadersOnly: what.HeadersOnly,
	}, yield)
	return err
}

// lastMessage is the last message on the subjects, the zero Stored when there is none.
func lastMessage(ctx context.Context, s Store, stream, filter string) (bus.Stored, error) {
	m, err := s.Last(ctx, stream, filter)
	if errors.Is(err, bus.ErrNotFound) {
		return bus.Stored{}, nil
	}
	if err != nil {
		return bus.Stored{}, fmt.Errorf("looking for the last message on %s: %w", filter, err)
	}
	return m, nil
}

// lastSequence is the sequence of the last message on the subjects, 0 when there is none.
func lastSequence(ctx context.Context, s Store, stream, filter string) (uint64, error) {
	m, err := lastMessage(ctx, s, stream, filter)
	return m.Sequence, err
}

const (
	firstChunk = 1024
	maxChunk   = 1 << 18
)

// backwards decodes the messages on the filters, from the newest at or before last to the oldest,
// until yield reports enough. It reads them in chunks, each forward and twice as long as the one
// before.
func backwards[T any](ctx context.Context, s Store, stream string, filters []string, last uint64,
	take func(m *bus.Stored) (T, error), yield func(x T) (enough bool),
) error {
	for size := uint64(firstChunk); last > 0; size = min(2*size, maxChunk) {
		from := uint64(1)
		if last > size {
			from = last - size + 1
		}
		var chunk []T
		err := s.Scan(ctx, stream, Scan{Filters: filters, From: from, To: last}, func(m *bus.Stored) error {
			x, err := take(m)
			chunk = append(chunk, x)
			return err
		})
		if err != nil {
			return err
		}
		for i := len(chunk) - 1; i >= 0; i-- {
			if yield(chunk[i]) {
				return nil
			}
		}
		last = from - 1
	}
	return nil
}
