package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-billing/daybook/internal/bus"
)

// ErrPosted refuses a batch at or before the ledger's positions.
var ErrPosted = errors.New("batch is posted already")

// ErrUnreadable: a message of METERED or BILLING does not have the form of its type. Reading it
// again cannot help.
var ErrUnreadable = errors.New("the message cannot be read: it was damaged, or published by something else than " +
	"Daybook; find it with nats stream get")

// maxBatch is how many messages go into one Batch.
const maxBatch = 1000

// Streams is the part of the bus for a Poster.
type Streams interface {
	Snapshots
	Read(ctx context.Context, stream string, from uint64, options bus.ReadOptions) (*bus.Reader, error)
}

// Poster reads METERED and BILLING and posts them to a ledger.
type Poster struct {
	bus    Streams
	ledger Ledger
	log    *slog.Logger

	post     sync.Mutex      // held while posting: two streams, one ledger; guards the next six
	saver    Saver           // nil: the ledger cannot be saved, or had postings before
	tracks   [streams]*track // of what is posted; nil: nothing
	round    int             // of the ledger's content: the next one begins when it is emptied
	unsaved  uint64          // messages posted since the last snapshot
	restored bool            // from a snapshot
	resumed  bool            // from the marks of a Detailed ledger

	mu        sync.Mutex // guards the next three
	positions Positions
	changed   chan struct{} // closed and replaced when positions change
	state     error         // why nothing is posted; nil: it is
}

// NewPoster returns a poster before its Run.
func NewPoster(b Streams, l Ledger, log *slog.Logger) *Poster {
	return &Poster{
		bus: b, ledger: l, log: log.With(slog.String("service", "ledger")), changed: make(chan struct{}),
		state: errStarting,
	}
}

// Run posts until ctx is done and returns nil then. Errors of the bus or the ledger are retried
// with backoff; ErrUnreadable ends it.
func (p *Poster) Run(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 10*time.Second
	p.restore(ctx)
	for {
		before := p.Positions()
		err := p.run(ctx)
		if ctx.Err() != nil {
			p.stop(ctx)
			return nil //nolint:nilerr // it was told to stop; what is not posted is read again
		}
		if errors.Is(err, ErrUnreadable) {
			return err
		}
		if p.Positions() != before {
			wait.Reset()
		}
		p.report(err)
		_ = bus.Wait(ctx, wait.NextBackOff()) // run ends with ctx
	}
}

func (p *Poster) run(ctx context.Context) error {
	at, err := p.resume(ctx)
	if err != nil {
		return err
	}
	p.reached(at)
	p.fit(at)
	p.report(nil)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var both sync.WaitGroup
	for stream := range streams {
		both.Go(func() { cancel(p.follow(ctx, stream, *at.of(stream))) })
	}
	both.Wait()
	return context.Cause(ctx)
}

// follow reads one stream and posts it. A batch ends at maxBatch messages, or earlier at the end of
// the stream. Its error is never nil.
func (p *Poster) follow(ctx context.Context, stream int, after uint64) error {
	name := streamNames()[stream]
	state, err := p.bus.Stream(ctx, name)
	if err != nil {
		return err
	}
	reader, err := p.bus.Read(ctx, name, after+1, overHoles())
	if err != nil {
		return err
	}
	defer reader.Close()
	track, round, err := p.track(stream, &state)
	if err != nil {
		return err
	}
	var batch Batch
	decode := newDecoder(p.bus, p.ledger)
	for n := 1; ; n++ {
		in, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		track.take(&in)
		if err := decode.add(ctx, &batch, name, &in); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w: %w", in.Sequence, name, in.Subject, ErrUnreadable, err)
		}
		if n < maxBatch && in.Pending > 0 {
			continue
		}
		if err := p.commit(ctx, stream, track, round, n, &batch); err != nil {
			return err
		}
		batch, n = batch.emptied(), 0
	}
}

// emptied returns an empty batch with the memory of this one.
func (b *Batch) emptied() Batch {
	return Batch{
		Charges: b.Charges[:0], Unrated: b.Unrated[:0], Settled: b.Settled[:0], Running: b.Running[:0],
		Metered: b.Metered[:0], Billed: b.Billed[:0], Gaps: b.Gaps[:0], Closings: b.Closings[:0],
		Details: Details{
			Changes: b.Details.Changes[:0], Statements: b.Details.Statements[:0], Catalogues: b.Details.Catalogues[:0],
		},
	}
}

// commit posts a batch of so many messages, the last ones of a track.
func (p *Poster) commit(ctx context.Context, stream int, track *track, round, n int, batch *Batch) error {
	p.post.Lock()
	defer p.post.Unlock()
	if err := p.doubt(ctx, stream, track, round); err != nil {
		return err
	}
	batch.From = p.Positions()
	batch.Positions = batch.From
	*batch.Positions.of(stream) = track.last.Sequence
	if err := track.leave(p.ledger, stream, &batch.Marks); err != nil {
		return err
	}
	if err := p.ledger.Post(ctx, *batch); err != nil {
		return err
	}
	p.tracks[stream] = track.copied()
	p.unsaved += uint64(n) //nolint:gosec // a batch
	p.reached(batch.Positions)
	if p.unsaved >= saveEvery {
		p.save(ctx)
	}
	return nil
}

func (p *Poster) reached(at Positions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.positions = at
	close(p.changed)
	p.changed = make(chan struct{})
}

// Positions returns the positions of the last posted batch.
func (p *Poster) Positions() Positions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.positions
}

// Wait returns when both streams have been posted up to `at`, or ctx is done.
func (p *Poster) Wait(ctx context.Context, at Positions) error {
	for {
		p.mu.Lock()
		positions, changed := p.positions, p.changed
		p.mu.Unlock()
		if positions.Metered >= at.Metered && positions.Billing >= at.Billing {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
