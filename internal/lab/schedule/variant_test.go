package schedule_test

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// variant is the program under test: as it is, or with a mistake planted to see it found.
type variant struct {
	mistake   mistake // in appends; nil: none
	forgetful bool    // a snapshot lacks a part of the state
	original  bool    // the pricer takes METERED for a book of original entry
}

// mistake appends in a wrong way.
type mistake func(ctx context.Context, b *bus.Bus, stream string, messages []bus.Message, expect bus.Expect) (uint64,
	error)

// mistaken is a bus with a mistake in its appends.
type mistaken struct {
	*bus.Bus
	mistake mistake
}

func (m mistaken) AppendDerived(ctx context.Context, stream string, messages []bus.Message, expect bus.Expect) (uint64,
	error,
) {
	return m.mistake(ctx, m.Bus, stream, messages, expect)
}

func (v variant) bus(b *bus.Bus) stage.Bus {
	if v.mistake == nil {
		return b
	}
	return mistaken{b, v.mistake}
}

func (v variant) processor(name string) stage.Processor {
	if v.forgetful {
		return &forgetful{adder{name: name}}
	}
	return &adder{name: name}
}

// forgetful is an adder that loses the lowest bit of its sum in a snapshot.
type forgetful struct{ adder }

func (f *forgetful) Snapshot() ([]byte, error) {
	whole := f.adder
	whole.sum &^= 1
	return whole.Snapshot()
}

// The mistakes. Each has been made by somebody who wrote to JetStream.

// blind expects whatever is there: two instances overwrite each other's turn.
func blind(ctx context.Context, b *bus.Bus, stream string, messages []bus.Message, _ bus.Expect) (uint64, error) {
	state, err := b.Stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	return b.AppendDerived(ctx, stream, messages, bus.Expect{Last: state.Last})
}

// again sends a batch without an answer once more, behind what is there.
func again(ctx context.Context, b *bus.Bus, stream string, messages []bus.Message, expect bus.Expect) (uint64, error) {
	last, err := b.AppendDerived(ctx, stream, messages, expect)
	if errors.Is(err, bus.ErrOutcomeUnknown) {
		return blind(ctx, b, stream, messages, expect)
	}
	return last, err
}
