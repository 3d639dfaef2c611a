// Package reread gives a stage's processor earlier inputs again. So its state does not grow with
// them: a step asks for its part of the past, and outputs are a function of the inputs still.
package reread

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Needed is the error of a step without its earlier inputs, before it changes or emits anything. It
// may need more when it is repeated. Inputs, Outputs and Own are filters of subjects.
type Needed struct {
	Inputs []string
	// Outputs are of the processor's own stream up to the end of its last replay. None where no
	// replay matters.
	Outputs []string
	// Own are of the processor's outputs so far, wherever they stand: behind all inputs.
	Own []string
	// Input is the sequence of one more input, perhaps gone; 0 for none.
	Input uint64
	// Gone is called where messages of the input stream are gone, of whatever subject; nil: nobody
	// asks.
	Gone func()
}

// maxRepeats is the most repetitions of one step.
const maxRepeats = 1100

func (*Needed) Error() string { return "earlier inputs are needed again" }

// ErrUnread: earlier inputs could not be read. It is no fault of the processor.
var ErrUnread = errors.New("reading earlier inputs again")

// Reader is a processor with steps that ask for earlier inputs. The step is repeated behind them.
type Reader interface {
	// Reread takes an earlier input, in their order.
	Reread(in *bus.Stored) error
	// Readopt takes an earlier output: of Needed.Outputs behind the inputs up to the end of the
	// last replay and before those since, of Needed.Own behind all inputs.
	Readopt(stored *bus.Stored) error
}

// Source is the bus for reading again.
type Source interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(*bus.Stored) error) (last uint64, err error)
	// Stream gives the extent of a stream.
	Stream(ctx context.Context, name string) (bus.StreamState, error)
}

// Streams are those of a stage. BaseInput and BaseOutput are the last messages of the last replay,
// 0 without one.
type Streams struct {
	Source                Source
	Input, Output         string
	BaseInput, BaseOutput uint64
	// Own gives the processor's outputs so far on filters.
	Own func(filters []string, take func(*bus.Stored) error) error
}

// Step takes a step with an input, and repeats it behind the earlier ones of its Needed. Errors:
// ErrUnread, those of the step and of the Reader.
func (s *Streams) Step(ctx context.Context, processor any, input uint64, step func() error) error {
	reader, reads := processor.(Reader)
	for try := 0; ; try++ {
		err := step()
		var needed *Needed
		if !reads || try == maxRepeats || !errors.As(err, &needed) {
			return err
		}
		if err := s.read(ctx, reader, needed, input-1); err != nil {
			return err
		}
	}
}

func (s *Streams) read(ctx context.Context, to Reader, needed *Needed, end uint64) error {
	if needed.Gone != nil {
		state, err := s.Source.Stream(ctx, s.Input)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnread, err)
		}
		if state.First > 1 || state.Messages != state.Last {
			needed.Gone()
		}
	}
	if err := s.inputs(ctx, to, needed, end); err != nil || len(needed.Own) == 0 {
		return err
	}
	return s.taken("the outputs", to.Readopt, func(take func(*bus.Stored) error) error {
		return s.Own(needed.Own, take)
	})
}

func (s *Streams) inputs(ctx context.Context, to Reader, needed *Needed, end uint64) error {
	if needed.Input != 0 {
		if err := s.each(ctx, s.Input, needed.Input, needed.Input, nil, to.Reread); err != nil {
			return err
		}
	}
	if len(needed.Inputs) == 0 {
		return nil
	}
	from := uint64(1)
	if s.BaseOutput != 0 && s.BaseInput <= end && len(needed.Outputs) > 0 {
		err := s.each(ctx, s.Input, 1, s.BaseInput, needed.Inputs, to.Reread)
		if err == nil {
			err = s.each(ctx, s.Output, 1, s.BaseOutput, needed.Outputs, to.Readopt)
		}
		if err != nil {
			return err
		}
		from = s.BaseInput + 1
	}
	return s.each(ctx, s.Input, from, end, needed.Inputs, to.Reread)
}

func (s *Streams) each(ctx context.Context, stream string, from, to uint64, filters []string,
	take func(*bus.Stored) error,
) error {
	if from > to {
		return nil
	}
	return s.taken(stream, take, func(take func(*bus.Stored) error) error {
		// A stream that lost its end would give less, as if there had never been more.
		_, err := s.Source.Each(ctx, stream, from, to, bus.ReadOptions{Filters: filters, Reach: to}, take)
		return err
	})
}

// taken tells errors of taking messages from those of reading them.
func (s *Streams) taken(of string, take func(*bus.Stored) error, read func(func(*bus.Stored) error) error) error {
	var failed error
	err := read(func(m *bus.Stored) error {
		if failed = take(m); failed != nil {
			failed = fmt.Errorf("message %d of %s (%s): %w", m.Sequence, of, m.Subject, failed)
		}
		return failed
	})
	if err != nil && failed == nil {
		return fmt.Errorf("%w: %w", ErrUnread, err)
	}
	return err
}
