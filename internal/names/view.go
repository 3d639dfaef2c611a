package names

import (
	"context"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Streams is the part of the bus for answers: *bus.Bus is one.
type Streams interface {
	Reader
	Latest(ctx context.Context, stream string, filters []string, yield func(m *bus.Stored) error) error
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
	Stream(ctx context.Context, name string) (bus.StreamState, error)
}

// View is the streams as answers are made from them: every message comes through
// Erasures.Message. What is derived again and compared is read from the streams themselves.
type View struct {
	Streams
	Erasures *Erasures
}

// NewView reads the erasures.
func NewView(ctx context.Context, s Streams) (*View, error) {
	e, err := LoadErasures(ctx, s)
	return &View{s, e}, err
}

// Each is that of Streams.
func (v *View) Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(m *bus.Stored) error,
) (last uint64, err error) {
	return v.Streams.Each(ctx, stream, from, to, options, v.erased(yield))
}

// Latest is that of Streams.
func (v *View) Latest(ctx context.Context, stream string, filters []string, yield func(m *bus.Stored) error) error {
	return v.Streams.Latest(ctx, stream, filters, v.erased(yield))
}

func (v *View) erased(yield func(m *bus.Stored) error) func(m *bus.Stored) error {
	return func(m *bus.Stored) error {
		v.Erasures.Message(m)
		return yield(m)
	}
}

// Get is that of Streams.
func (v *View) Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error) {
	m, err := v.Streams.Get(ctx, stream, sequence)
	v.Erasures.Message(&m)
	return m, err
}

// Last is that of Streams.
func (v *View) Last(ctx context.Context, stream, filter string) (bus.Stored, error) {
	m, err := v.Streams.Last(ctx, stream, filter)
	v.Erasures.Message(&m)
	return m, err
}
