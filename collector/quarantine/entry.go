package quarantine

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Entry is one message of QUARANTINE.
type Entry struct {
	Sequence uint64
	Time     time.Time // of storage, by the server
	events.Quarantined
	Foreign bool // no collector wrote it: it counts until it is discarded, and cannot be resubmitted

	size int // of the message, in bytes
}

// Filter selects entries. An empty field selects all.
type Filter struct{ Source, Foundation string }

func (f Filter) has(source, foundation string) bool {
	return (f.Source == "" || f.Source == source) && (f.Foundation == "" || f.Foundation == foundation)
}

// Reader is the access to the entries; *bus.Bus is one.
type Reader interface {
	// Get returns the message with this sequence; errors.Is bus.ErrNotFound when there is none.
	Get(ctx context.Context, stream string, seq uint64) (bus.Stored, error)
	Streams
}

// Streams is the access to whole streams; *bus.Bus is one.
type Streams interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// List gives yield the selected entries, in order, up to the end of QUARANTINE at
// the time of the call. An error of yield ends it and is returned as it is.
func List(ctx context.Context, r Reader, f Filter, yield func(*Entry) error) error {
	_, err := r.Each(ctx, events.StreamQuarantine, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		if m.Header(events.HeaderType) == events.TypeAct {
			return nil
		}
		e := read(m)
		if !f.has(e.Source, e.Foundation) {
			return nil
		}
		return yield(&e)
	})
	return err
}

// Get returns one entry. The error is bus.ErrNotFound, by errors.Is, when there is none.
func Get(ctx context.Context, r Reader, sequence uint64) (Entry, error) {
	m, err := r.Get(ctx, events.StreamQuarantine, sequence)
	if err != nil {
		return Entry{}, err
	}
	if m.Header(events.HeaderType) == events.TypeAct {
		return Entry{}, fmt.Errorf("message %d of QUARANTINE is no input: %w", sequence, bus.ErrNotFound)
	}
	return read(&m), nil
}
