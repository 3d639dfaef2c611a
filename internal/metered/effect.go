package metered

import (
	"context"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Effect is the projector's answer to one message of USAGE, zero where the message changed nothing.
type Effect struct {
	Sequence          uint64 // in METERED, of the last message of the answer
	Closed, Retracted int    // spans
	Held              uint64 // holds under Subject after it
	Subject           string
	// Foreign is the body of an answer other than spans, such as an anomaly; empty otherwise.
	Foreign string
}

// Changed reports whether METERED has an answer.
func (e *Effect) Changed() bool { return e.Sequence != 0 }

// Reading is the part of the bus for AwaitEffect.
type Reading interface {
	// Read opens a stream at a sequence, as bus.Read does.
	Read(ctx context.Context, stream string, from uint64, options bus.ReadOptions) (*bus.Reader, error)
}

// AwaitEffect waits until the projector has worked off the message of USAGE with this sequence. The
// answer stands behind the message after of METERED, the stream's last before the message of USAGE
// was appended. An end of the context is its error: the projector does not run, is behind, or has
// no output for the message.
func AwaitEffect(ctx context.Context, b Reading, after, sequence uint64) (Effect, error) {
	reader, err := b.Read(ctx, events.StreamMetered, after+1,
		bus.ReadOptions{Filters: []string{events.SubjectsMetered}})
	if err != nil {
		return Effect{}, err
	}
	defer reader.Close()
	var m events.Metered
	var e Effect
	for {
		in, err := reader.Next(ctx)
		if err != nil && ctx.Err() != nil {
			return Effect{}, ctx.Err()
		}
		if err != nil {
			return Effect{}, err
		}
		source, err := strconv.ParseUint(in.Header(stage.HeaderSourceSeq), 10, 64)
		if err != nil || source < sequence {
			continue
		}
		if source > sequence {
			return e, nil
		}
		if in.Header(events.HeaderType) != events.TypeMetered || m.DecodeJSON(in.Data) != nil {
			e.Sequence, e.Foreign = in.Sequence, string(in.Data)
			return e, nil
		}
		if m.Cause.Sequence == sequence { // else it is of a window that the message ended
			e.Sequence = in.Sequence
			e.Closed, e.Retracted = e.Closed+len(m.Closed), e.Retracted+len(m.Retracted)
			e.Held = uint64(len(m.Held)) + uint64(m.HeldOmitted)
			e.Subject = events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource)
		}
		if in.Header(stage.HeaderChain) != "" { // without it more parts follow in the batch
			return e, nil
		}
	}
}

// Has reports whether METERED, up to a message of its own, has the whole effect of a message of
// USAGE.
func Has(ctx context.Context, b Messages, last, sequence uint64) (has bool, err error) {
	if last == 0 {
		return false, nil
	}
	_, err = b.Each(ctx, events.StreamMetered, last, last, bus.ReadOptions{}, func(m *bus.Stored) error {
		source, err := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
		has = err == nil && (source > sequence || source == sequence && m.Header(stage.HeaderChain) != "")
		return nil
	})
	return has, err
}

// Messages is the part of the bus for Has.
type Messages interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(*bus.Stored) error) (last uint64, err error)
}
