// Package evidence reads facts of USAGE by their sequences, for bundles and an API.
//
// Reads USAGE; writes nothing and keeps nothing.
package evidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Facts close to each other in USAGE are read in one pass over a filter.
const (
	maxBetween = 50_000 // messages between two of a pass
	fewFacts   = 16     // and less are read one by one
)

// Bus is the part of the bus for Read.
type Bus interface {
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Read gives yield the messages with the wanted sequences, sorted, in their order; nil for a
// missing one. Most are on the filter: passes read it alone, and the others come one by one.
func Read(ctx context.Context, b Bus, filter string, wanted []uint64,
	yield func(sequence uint64, m *bus.Stored) error,
) error {
	r := reading{bus: b, wanted: wanted, yield: yield}
	for len(r.wanted) > 0 {
		n := 1
		for n < len(r.wanted) && r.wanted[n]-r.wanted[n-1] <= maxBetween {
			n++
		}
		to := r.wanted[n-1]
		if n > fewFacts {
			if err := r.pass(ctx, filter, to); err != nil {
				return err
			}
		}
		if err := r.upTo(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

type reading struct {
	bus    Bus
	wanted []uint64 // not yielded yet
	yield  func(sequence uint64, m *bus.Stored) error
}

// pass yields the messages up to one, as far as they are on a filter.
func (r *reading) pass(ctx context.Context, filter string, to uint64) error {
	options := bus.ReadOptions{Filters: []string{filter}}
	_, err := r.bus.Each(ctx, events.StreamUsage, r.wanted[0], to, options, func(m *bus.Stored) error {
		if err := r.upTo(ctx, m.Sequence-1); err != nil || len(r.wanted) == 0 || r.wanted[0] != m.Sequence {
			return err
		}
		return r.take(m)
	})
	return err
}

// upTo yields the messages up to one, each read by itself.
func (r *reading) upTo(ctx context.Context, to uint64) error {
	for len(r.wanted) > 0 && r.wanted[0] <= to {
		m, err := r.bus.Get(ctx, events.StreamUsage, r.wanted[0])
		switch {
		case errors.Is(err, bus.ErrNotFound):
			err = r.take(nil)
		case err != nil:
			err = fmt.Errorf("reading message %d of %s: %w", r.wanted[0], events.StreamUsage, err)
		default:
			err = r.take(&m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) take(m *bus.Stored) error {
	sequence := r.wanted[0]
	r.wanted = r.wanted[1:]
	return r.yield(sequence, m)
}
