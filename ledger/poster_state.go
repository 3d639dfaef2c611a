package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
)

const (
	// saveEvery is after how many messages a poster saves a snapshot, beside the one when it stops.
	saveEvery = 250_000
	// stopTime is how long the last snapshot may take.
	stopTime = 10 * time.Second
)

// errDoubt: the streams are not those of the snapshot.
var errDoubt = errors.New("the ledger's snapshot is not of these streams; they are read from their start")

// restore begins an empty ledger with the newest usable snapshot.
func (p *Poster) restore(ctx context.Context) {
	saver, saves := p.ledger.(Saver)
	if at, err := p.ledger.Positions(ctx); !saves || err != nil || at != (Positions{}) {
		return
	}
	p.saver = saver
	marks, name, err := load(ctx, p.bus, saver)
	if err != nil || name == "" {
		return
	}
	for stream := range streams {
		if marks[stream].Sequence == 0 {
			continue // nothing was read of it yet
		}
		if p.tracks[stream], err = newTrack(stream, marks[stream], 0); err != nil {
			p.tracks = [streams]*track{}
			return // load has read the same audits
		}
	}
	p.restored = true
	p.log.Info("restored", slog.String("snapshot", name))
}

// fit gives up snapshots where the ledger has more than the tracks: the answer of a post was lost.
func (p *Poster) fit(at Positions) {
	p.post.Lock()
	defer p.post.Unlock()
	for stream, t := range p.tracks {
		reached := uint64(0)
		if t != nil {
			reached = t.end()
		}
		if reached != *at.of(stream) {
			p.saver = nil
		}
	}
}

// track is what goes on behind the messages that are posted, and the round that they belong to.
func (p *Poster) track(stream int, state *bus.StreamState) (*track, int, error) {
	p.post.Lock()
	defer p.post.Unlock()
	if t := p.tracks[stream]; t != nil {
		return t.copied(), p.round, nil
	}
	t, err := newTrack(stream, mark{}, absent(state))
	return t, p.round, err
}

// doubt is errDoubt, and the ledger is empty again, where the chain behind a snapshot is not the
// recorded one: the messages before it are others than those that it was made from. The other
// stream's track is of the round before then. A Detailed ledger keeps what it has: ErrForeign.
func (p *Poster) doubt(ctx context.Context, stream int, t *track, round int) error {
	if round != p.round {
		return errDoubt
	}
	if p.resumed && !t.proven && t.audit.Wrong() != "" {
		return fmt.Errorf("%s: %w: %s", streamNames()[stream], ErrForeign, t.audit.Wrong())
	}
	if !p.restored || t.proven || t.audit.Wrong() == "" {
		return nil
	}
	if err := p.saver.Restore(ctx, nil); err != nil {
		return err
	}
	p.tracks, p.restored, p.unsaved = [streams]*track{}, false, 0
	p.round++
	p.reached(Positions{})
	return errDoubt
}

// save stores a snapshot. A failure costs time at the next start and nothing else.
func (p *Poster) save(ctx context.Context) {
	if p.saver == nil || p.unsaved == 0 {
		return
	}
	p.unsaved = 0
	var marks [streams]mark
	var err error
	for stream, t := range p.tracks {
		if t != nil && err == nil {
			marks[stream], err = t.mark()
		}
	}
	if err == nil {
		err = save(ctx, p.bus, p.saver, marks)
	}
	if err != nil {
		p.log.Warn("no snapshot; the next start takes longer", slog.Any("error", err))
	}
}

// stop saves the last snapshot.
func (p *Poster) stop(ctx context.Context) {
	p.post.Lock()
	defer p.post.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	p.save(ctx)
}
