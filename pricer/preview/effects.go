package preview

import (
	"context"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// Cause is the id of the cause of an act's effect: of the message that passes it on in METERED.
func Cause(act *acts.Act) string { return events.ID("metered", act.ID) }

// whole puts the parts of effects together.
type whole map[string]*effect.Effect // by id of the cause

// take takes a message, and returns the effect that it completes.
func (w whole) take(in *bus.Stored) (*effect.Effect, error) {
	if in.Header(events.HeaderType) != effect.Type {
		return nil, nil //nolint:nilnil // a message of another type completes none
	}
	var part effect.Effect
	if err := part.DecodeJSON(in.Data); err != nil {
		return nil, metered.Unreadable(events.StreamBilling, in, err)
	}
	e := w[part.Cause.ID]
	if e == nil || part.Part == 0 {
		e = &part
		w[part.Cause.ID] = e
	} else {
		e.Rows = append(e.Rows, part.Rows...)
	}
	if part.Part+1 < part.Parts {
		return nil, nil //nolint:nilnil // more parts follow
	}
	return e, nil
}

// Effects returns the effects in BILLING, by the id of their cause.
func Effects(ctx context.Context, b Stream) (map[string]*effect.Effect, error) {
	all := whole{}
	options := bus.ReadOptions{Filters: []string{effect.Filter}}
	_, err := b.Each(ctx, events.StreamBilling, 1, bus.End, options, func(in *bus.Stored) error {
		_, err := all.take(in)
		return err
	})
	return all, err
}

// Reading is the part of the bus for Await.
type Reading interface {
	// Read opens a stream at a sequence, as bus.Read does.
	Read(ctx context.Context, stream string, from uint64, options bus.ReadOptions) (*bus.Reader, error)
}

// Await waits for the effect of an act behind a message of BILLING, the last one before the act. An
// end of the context is its error: the pricer does not run, or is behind.
func Await(ctx context.Context, b Reading, after uint64, act *acts.Act) (*effect.Effect, error) {
	reader, err := b.Read(ctx, events.StreamBilling, after+1, bus.ReadOptions{
		Filters: []string{effect.Subject(act.Catalogue.Version)},
	})
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	parts := whole{}
	for {
		in, err := reader.Next(ctx)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		e, err := parts.take(&in)
		if err != nil || e != nil && e.Cause.ID == Cause(act) {
			return e, err
		}
	}
}
