package ledger

import (
	"context"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Bus is the part of the bus for CatchUp.
type Bus interface {
	// Stream returns a stream's state.
	Stream(ctx context.Context, name string) (bus.StreamState, error)
	// Each gives yield the messages from one sequence to another.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// CatchUp posts METERED and BILLING to an empty ledger, up to where they end now. A message that
// the server counts and does not deliver holds nothing up. missing are sentences about messages
// that are not there: what is derived from the streams lacks them.
func CatchUp(ctx context.Context, b Bus, to Ledger) (missing []string, err error) {
	var at Positions
	for _, s := range []struct {
		stream, filter, name string
		position             *uint64
	}{
		{events.StreamMetered, events.SubjectsMetered, "projector", &at.Metered},
		{events.StreamBilling, events.SubjectsBilling, "pricer", &at.Billing},
	} {
		lacks, err := post(ctx, b, to, s.stream, stage.NewAudit(s.stream, s.filter), &at, s.position)
		if err != nil {
			return nil, err
		}
		for _, lack := range lacks {
			missing = append(missing, fmt.Sprintf("%s: %s; `daybook verify --deep %s` names the first difference, and "+
				"`daybook replay %s` publishes it", s.stream, lack, s.name, s.name))
		}
	}
	return missing, nil
}

// post posts one stream.
func post(ctx context.Context, b Bus, to Ledger, stream string, audit *stage.Audit, at *Positions, position *uint64) (
	missing []string, err error,
) {
	state, err := b.Stream(ctx, stream)
	if err != nil || state.Last == 0 {
		return nil, err
	}
	if state.Messages == 0 {
		return []string{fmt.Sprintf("it is empty and went as far as message %d", state.Last)}, nil
	}
	var batch Batch
	decode := newDecoder()
	read := uint64(0)
	commit := func(sequence uint64) error {
		*position = sequence
		batch.Positions = *at
		err := to.Post(ctx, batch)
		batch = batch.emptied()
		return err
	}
	_, err = b.Each(ctx, stream, 1, state.Last, bus.ReadOptions{}, func(m *bus.Stored) error {
		read++
		audit.Add(m)
		if err := decode.add(&batch, stream, m); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w: %w", m.Sequence, stream, m.Subject, ErrUnreadable, err)
		}
		if read%maxBatch != 0 {
			return nil
		}
		return commit(m.Sequence)
	})
	if err == nil && *position < state.Last {
		err = commit(state.Last)
	}
	if err != nil {
		return nil, err
	}
	if read < state.Messages {
		missing = append(missing, fmt.Sprintf("the server counts %d messages and delivers %d", state.Messages, read))
	}
	if wrong := audit.End(); wrong != "" {
		missing = append(missing, wrong)
	}
	return missing, nil
}
