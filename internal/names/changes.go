package names

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Stream is the stream with the values of the bucket.
const Stream = stream

// Mark is how far the bucket was read. The zero Mark is that of no bucket.
type Mark struct {
	Sequence uint64
	Created  time.Time // of the bucket
}

// Extent is the end of the bucket.
func Extent(ctx context.Context, b interface {
	Stream(ctx context.Context, name string) (bus.StreamState, error)
},
) (Mark, error) {
	state, err := b.Stream(ctx, stream)
	if errors.Is(err, bus.ErrNotFound) {
		return Mark{}, nil
	}
	if err != nil {
		return Mark{}, fmt.Errorf("reading names from %s: %w", Bucket, err)
	}
	return Mark{state.Last, state.Created.Truncate(time.Microsecond)}, nil
}

// Equal reports whether two marks are the same.
func (m Mark) Equal(o Mark) bool { return m.Sequence == o.Sequence && m.Created.Equal(o.Created) }

// Anew reports whether the bucket at an extent is another one than the one that was read.
func (m Mark) Anew(extent Mark) bool {
	return !m.Created.Equal(extent.Created) || m.Sequence > extent.Sequence
}

// Changes gives the lists behind a sequence of the bucket, in the order of their sequences: an
// empty one where a value was removed, or can not be read. Erased names are among them.
func Changes(ctx context.Context, b Reader, after uint64, yield func(sequence uint64, k Key, l List) error) error {
	options := bus.ReadOptions{Filters: []string{prefix + ">"}}
	_, err := b.Each(ctx, stream, after+1, bus.End, options, func(m *bus.Stored) error {
		k, err := parseKey(m.Subject[len(prefix):])
		if err != nil {
			return nil //nolint:nilerr // no key of ours
		}
		return yield(m.Sequence, k, valueOf(m))
	})
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	return err
}

// ErasureSequence is the sequence in USAGE of the last erasure; 0 without one.
func ErasureSequence(ctx context.Context, b interface {
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
},
) (uint64, error) {
	m, err := b.Last(ctx, events.StreamUsage, events.ActFilter(events.ActErasure, ""))
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	return m.Sequence, err
}
