package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger/anomalies"
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

	post     sync.Mutex      // held while posting: two streams, one ledger; guards the next five
	saver    Saver           // nil: the ledger cannot be saved, or had postings before
	tracks   [streams]*track // of what is posted; nil: nothing
	round    int             // of the ledger's content: the next one begins when it is emptied
	unsaved  uint64          // messages posted since the last snapshot
	restored bool            // from a snapshot

	mu        sync.Mutex // guards the next two
	positions Positions
	changed   chan struct{} // closed and replaced when positions change
}

// NewPoster returns a poster before its Run.
func NewPoster(b Streams, l Ledger, log *slog.Logger) *Poster {
	return &Poster{bus: b, ledger: l, log: log.With(slog.String("service", "ledger")), changed: make(chan struct{})}
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
		p.log.Error("posting failed; starting again from the ledger's positions", slog.Any("error", err))
		_ = bus.Wait(ctx, wait.NextBackOff()) // run ends with ctx
	}
}

func (p *Poster) run(ctx context.Context) error {
	at, err := p.ledger.Positions(ctx)
	if err != nil {
		return err
	}
	p.reached(at)
	p.fit(at)
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
	decode := newDecoder()
	for n := 1; ; n++ {
		in, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		track.take(&in)
		if err := decode.add(&batch, name, &in); err != nil {
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
	}
}

// commit posts a batch of so many messages, the last ones of a track.
func (p *Poster) commit(ctx context.Context, stream int, track *track, round, n int, batch *Batch) error {
	p.post.Lock()
	defer p.post.Unlock()
	if err := p.doubt(ctx, track, round); err != nil {
		return err
	}
	batch.Positions = p.Positions()
	*batch.Positions.of(stream) = track.last.Sequence
	if err := p.ledger.Post(ctx, *batch); err != nil && !errors.Is(err, ErrPosted) {
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

// decoder decodes the messages of one stream, with the memory of the last one.
type decoder struct {
	names   *events.Interner
	metered events.Metered
	billing events.Billing
}

// internBits is the size of the table of repeated strings: 2^16.
const internBits = 16

func newDecoder() *decoder { return &decoder{names: events.NewInterner(internBits)} }

// add adds a message of a stream to a batch. Messages of other types than the ledger's are passed
// over.
func (d *decoder) add(batch *Batch, stream string, in *bus.Stored) error {
	switch in.Header(events.HeaderType) {
	case events.TypeMetered:
		m := &d.metered
		if err := d.names.DecodeRunning(m, in.Data); err != nil {
			return err
		}
		batch.Running = append(batch.Running, Running{
			Subject: in.Subject, Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant,
			Spans: slices.Clone(m.Running), SpansOmitted: m.RunningOmitted, Held: slices.Clone(m.Held),
			HeldOmitted: m.HeldOmitted, Ended: slices.Clone(m.Ended), Horizons: len(batch.Metered),
			Anomalies: placed(m),
		})
	case events.TypeBilling:
		b := &d.billing
		if err := d.names.DecodeBilling(b, in.Data); err != nil {
			return err
		}
		batch.Charges = AppendCharges(batch.Charges, b, in.Sequence)
	case events.TypeUnrated:
		var u events.UnratedNotice
		if err := u.DecodeJSON(in.Data); err != nil {
			return err
		}
		for _, part := range u.Unrated {
			batch.Unrated = append(batch.Unrated, Unrated{Unrated: part, Source: u.Source, Foundation: u.Foundation})
		}
		batch.Settled = append(batch.Settled, u.Settled...)
	case events.TypeHorizon:
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return err
		}
		if stream == events.StreamMetered {
			batch.Metered = append(batch.Metered, h)
		} else {
			batch.Billed = append(batch.Billed, h)
		}
	case events.TypeGap:
		var g events.Gap
		if err := g.DecodeJSON(in.Data); err != nil {
			return err
		}
		batch.Gaps = append(batch.Gaps, g)
	case events.TypeClosing:
		var c events.Closing
		if err := c.DecodeJSON(in.Data); err != nil {
			return err
		}
		if stream == events.StreamBilling {
			batch.Closings = append(batch.Closings, c)
		}
	case events.TypeAnomaly:
		var a events.AnomalyNotice
		if err := a.DecodeJSON(in.Data); err != nil {
			return err
		}
		batch.Running = append(batch.Running, Running{
			Source: a.Source, Foundation: a.Foundation, Horizons: len(batch.Metered),
			Anomalies: []anomalies.Anomaly{{Anomaly: a.Anomaly, Source: a.Source, Foundation: a.Foundation}},
		})
	}
	return nil
}

// placed are the anomalies of a message with their place.
func placed(m *events.Metered) (all []anomalies.Anomaly) {
	for i := range m.Anomalies {
		all = append(all, anomalies.Anomaly{
			Anomaly: m.Anomalies[i], Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant, Kind: m.Kind,
		})
	}
	return all
}
