package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Bus is the part of the bus to read the streams.
type Bus interface {
	// Stream returns a stream's state.
	Stream(ctx context.Context, name string) (bus.StreamState, error)
	// Each gives yield the messages from one sequence to another.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// saveAfter is how many messages behind a snapshot CatchUp reads before it saves one: fewer are
// read again in less time.
const saveAfter = 10_000

// CatchUp posts METERED and BILLING to an empty ledger, up to where they end now. A message that
// the server counts and does not deliver holds nothing up. missing are sentences about messages
// that are not there: what is derived from the streams lacks them.
//
// It begins with the newest snapshot of a Saver. Where anything does not fit behind it, the streams
// are read from their start: missing is the same with a snapshot and without. Where much was read
// and nothing is missing it saves a snapshot; a failure of that costs the next call time.
func CatchUp(ctx context.Context, b Snapshots, to Ledger) (missing []string, err error) {
	var marks [streams]mark
	saver, saves := to.(Saver)
	if saves {
		if marks, _, err = load(ctx, b, saver); err != nil {
			return nil, err
		}
	}
	c := catchUp{bus: b, to: to, marks: marks}
	missing, whole, err := c.run(ctx)
	if err == nil && !whole && marks[metered].Sequence+marks[billing].Sequence > 0 {
		if err := saver.Restore(ctx, nil); err != nil {
			return nil, err
		}
		c = catchUp{bus: b, to: to}
		missing, whole, err = c.run(ctx)
	}
	if err == nil && saves && whole && c.read >= saveAfter {
		_ = save(ctx, b, saver, c.marks) // it may be that this user may not write it
	}
	return missing, err
}

// catchUp is one reading of the streams.
type catchUp struct {
	bus   Snapshots
	to    Ledger
	marks [streams]mark
	read  uint64 // messages
}

// run reads the streams from the marks on. whole: nothing is missing, and the messages before the
// marks are those that the marks were made from.
func (c *catchUp) run(ctx context.Context) (missing []string, whole bool, err error) {
	at, err := c.to.Positions(ctx)
	if err != nil {
		return nil, false, err
	}
	whole = true
	for stream := range streams {
		lacks, proven, err := c.post(ctx, stream, &at)
		if err != nil {
			return nil, false, err
		}
		whole = whole && proven && len(lacks) == 0
		for _, lack := range lacks {
			missing = append(missing, advised(stream, lack))
		}
	}
	return missing, whole, nil
}

// overHoles are the options of a reader that passes over messages that the server counts and cannot
// deliver: the audit tells of them, and a replay publishes anew what they said.
func overHoles() bus.ReadOptions { return bus.ReadOptions{Filters: []string{">"}} }

// post posts one stream.
func (c *catchUp) post(ctx context.Context, stream int, at *Positions) (missing []string, proven bool, err error) {
	name, position := streamNames()[stream], at.of(stream)
	state, err := c.bus.Stream(ctx, name)
	if err != nil || state.Last == 0 {
		return nil, true, err
	}
	if state.Messages == 0 {
		return []string{fmt.Sprintf("it is empty and went as far as message %d", state.Last)}, false, nil
	}
	t, err := newTrack(stream, c.marks[stream], absent(&state))
	if err != nil {
		return nil, false, err
	}
	var batch Batch
	decode := newDecoder(c.bus, c.to)
	commit := func(sequence uint64) (err error) {
		batch.From = *at
		*position = sequence
		batch.Positions = *at
		if err := t.leave(c.to, stream, &batch.Marks); err != nil {
			return err
		}
		err = c.to.Post(ctx, batch)
		batch = batch.emptied()
		return err
	}
	for from, quiet := *position+1, 0; ; {
		_, err = c.bus.Each(ctx, name, from, state.Last, overHoles(), func(m *bus.Stored) error {
			c.read++
			t.take(m)
			if err := decode.add(ctx, &batch, name, m); err != nil {
				return fmt.Errorf("message %d of %s (%s): %w: %w", m.Sequence, name, m.Subject, ErrUnreadable, err)
			}
			if t.read%maxBatch != 0 {
				return nil
			}
			return commit(m.Sequence)
		})
		if err != nil || !t.audit.Open() || quiet == openPauses {
			break
		}
		// The last message is in the middle of a batch: the rest is being appended, or is lost.
		quiet++
		before := state.Last
		if state, err = c.later(ctx, name); err != nil {
			break
		}
		if from = before + 1; state.Last > before {
			quiet = 0
		}
	}
	if err == nil && *position < state.Last {
		err = commit(state.Last)
	}
	if err == nil {
		c.marks[stream], err = t.mark()
	}
	if err != nil {
		return nil, false, err
	}
	// Where the chain is right at the last message, what the server counts before it and does not
	// deliver is said anew, or was never said. Behind it there is no chain.
	wrong, end := t.audit.End(), t.end()
	switch {
	case wrong != "":
		missing = append(missing, wrong)
	case end < state.Last:
		missing = append(missing, fmt.Sprintf(
			"it went as far as message %d, and nothing is delivered behind message %d",
			state.Last, end))
	}
	return missing, t.proven, nil
}

// Limits of the wait for the rest of a batch.
const (
	openPauses = 20
	openPause  = 50 * time.Millisecond
)

// later is the state of a stream after a pause.
func (c *catchUp) later(ctx context.Context, name string) (bus.StreamState, error) {
	if err := bus.Wait(ctx, openPause); err != nil {
		return bus.StreamState{}, err
	}
	return c.bus.Stream(ctx, name)
}
