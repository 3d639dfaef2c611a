package ledger

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"

	"github.com/daybook-billing/daybook/internal/bus"
)

// ErrForeign: a stream is not the one that the ledger was posted from.
var ErrForeign = errors.New("the ledger was posted from another stream, and nothing is posted: " +
	"`daybook replay ledger` fills it anew from this one")

// ErrBehind: a stream ends before the ledger's position.
var ErrBehind = errors.New("the stream ends before the ledger's position: it is being derived again, and nothing is " +
	"posted until it is there")

// errStarting: Run has not come to the ledger yet.
var errStarting = errors.New("the ledger has not answered yet")

// leave makes the mark of a stream for a Detailed ledger.
func (t *track) leave(to Ledger, stream int, marks *Marks) error {
	if _, is := to.(Detailed); !is {
		return nil
	}
	m, err := t.mark()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(&m)
	*marks.of(stream) = b.Bytes()
	return err
}

// resume returns where to go on. For a Detailed ledger it compares the streams with the ledger's
// marks. Error: ErrForeign, ErrBehind.
func (p *Poster) resume(ctx context.Context) (at Positions, err error) {
	kept, is := p.ledger.(Detailed)
	if !is {
		return p.ledger.Positions(ctx)
	}
	at, tracks, err := compared(ctx, p.bus, kept)
	p.post.Lock()
	defer p.post.Unlock()
	p.tracks, p.resumed = [streams]*track{}, true
	if err == nil {
		p.tracks = tracks
	}
	return at, err
}

// compare compares a stream with the mark. A message behind it proves the chain: see Poster.doubt.
// Error: ErrForeign, ErrBehind.
func (m *mark) compare(ctx context.Context, b Snapshots, stream int) error {
	name := streamNames()[stream]
	state, err := b.Stream(ctx, name)
	if err != nil {
		return err
	}
	if state.Messages > 0 && state.First > m.Sequence {
		return fmt.Errorf("%w: it begins with message %d, and %d are posted", ErrForeign, state.First, m.Sequence)
	}
	if state.First == 1 && state.Messages > 0 {
		first, err := b.Get(ctx, name, state.First)
		switch {
		case err != nil && !errors.Is(err, bus.ErrNotFound):
			return err
		case err == nil && digest(&first) != m.First:
			return fmt.Errorf("%w: its first message is another one", ErrForeign)
		}
	}
	if state.Last < m.Sequence {
		return fmt.Errorf("%w: it ends at message %d, and %d are posted", ErrBehind, state.Last, m.Sequence)
	}
	last, err := b.Get(ctx, name, m.Sequence)
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	read, err := m.audit(stream)
	if err != nil {
		return err
	}
	recorded, equal := read.Recorded(&last)
	if digest(&last) != m.Digest || recorded && !equal && read.Wrong() == "" {
		return fmt.Errorf("%w: message %d is another one", ErrForeign, m.Sequence)
	}
	m.proven = recorded && equal || read.Wrong() != "" // of which the chain says nothing
	return nil
}

// report notes, and logs, why nothing is posted; nil: it is.
func (p *Poster) report(why error) {
	p.mu.Lock()
	before := p.state
	p.state = why
	p.mu.Unlock()
	switch {
	case why == nil && before != nil && before != errStarting: //nolint:errorlint // it is never wrapped
		p.log.Info("posting again")
	case why == nil, before != nil && before.Error() == why.Error():
	case errors.Is(why, ErrPosted):
		p.log.Info("another process has posted; going on from the ledger's positions")
	default:
		p.log.Error("posting failed; starting again from the ledger's positions", slog.Any("error", why))
	}
}

// Check says whether the poster posts, and why not, as a readiness check.
func (p *Poster) Check(context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil {
		return fmt.Sprintf("posting: METERED to message %d, BILLING to message %d", p.positions.Metered,
			p.positions.Billing), nil
	}
	return "", fmt.Errorf("%s: %w", stateOf(p.state), p.state)
}
