package acts

import (
	"context"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
)

// Kinds lists the kinds of acts.
var Kinds = []string{
	events.ActCatalogue, events.ActDecision, events.ActRetirement, events.ActReplay, events.ActDiscard,
	events.ActClosing, events.ActReopening, events.ActMode, events.ActGrace, events.ActSeal,
	events.ActErasure, events.ActObservation,
}

// origin is the ce-source of acts.
const origin = "daybook/acts"

// Act is an act as it is stored.
type Act struct {
	events.Act
	Sequence uint64 // in USAGE
}

// message is the message of an act.
func message(a *events.Act) bus.Message {
	return bus.Message{
		Subject: events.ActSubject(a.Kind, a.Source, a.Foundation),
		Header:  events.AppendHeaders(nil, a.ID, events.TypeAct, origin),
		Data:    a.AppendJSON(nil),
	}
}

// read makes an act of a message; false for a message of somebody else's: for the projector it is
// no act either.
func read(m *bus.Stored) (Act, bool) {
	a := Act{Sequence: m.Sequence}
	if m.Header(events.HeaderType) != events.TypeAct || a.DecodeJSON(m.Data) != nil {
		return Act{}, false
	}
	return a, a.Misplaced(m.Subject) == nil
}

// Reader is the part of the bus for reading acts back.
type Reader interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Bus is the part of the bus for publishing acts.
type Bus interface {
	Reader
	// Append stores the messages as one atomic batch, if expect holds, as bus.Append does.
	Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (last uint64, err error)
	// Stream returns the extent of a stream, as bus.Stream does.
	Stream(ctx context.Context, name string) (bus.StreamState, error)
}

// List gives the acts of one kind in their order. An empty foundation stands for all. An error of
// yield ends it and is returned. Messages without an act of the kind are left out.
func List(ctx context.Context, b Reader, kind, foundation string, yield func(a *Act) error) error {
	if !slices.Contains(Kinds, kind) {
		return fmt.Errorf("acts: there is no kind %q", kind)
	}
	options := bus.ReadOptions{Filters: []string{events.ActFilter(kind, foundation)}}
	_, err := b.Each(ctx, events.StreamUsage, 1, bus.End, options, func(m *bus.Stored) error {
		if a, ok := read(m); ok {
			return yield(&a)
		}
		return nil
	})
	return err
}

// TooLongError reports an act with a string that Daybook does not take.
type TooLongError struct{ Field string }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the %s has more than %d bytes: give a shorter one", e.Field, limit.MaxID)
}

// bounded cuts the labels of an act, and refuses longer ids.
func bounded(a *events.Act) error {
	if _, long := limit.Act(a); long != "" {
		return &TooLongError{long}
	}
	return nil
}
