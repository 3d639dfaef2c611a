package trove

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/collector/horizons"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// logEvery is the time in which some quarantined notifications are logged one by one.
const logEvery = time.Minute

// sink stores notifications of both ways in, each exactly once in USAGE or QUARANTINE. It is safe
// for concurrent use; its users take turns with a whole batch.
type sink struct {
	cfg  *Config
	deps *Deps

	turn       chan struct{} // holds one token: the right to use the fields below
	usage      *appender.Appender
	quarantine *quarantine.Writer
	known      *appender.Recent // ids in USAGE
	region     *region
	batch      map[appender.Key]*message // by the ids in the batch under way
	horizon    time.Time                 // the last stored one
}

func newSink(cfg *Config, deps *Deps) *sink {
	s := &sink{
		cfg: cfg, deps: deps, turn: make(chan struct{}, 1),
		known: appender.NewRecent(cfg.MaxKnown), region: &region{cfg: cfg},
		batch: map[appender.Key]*message{},
	}
	s.usage = appender.New(appender.Options{
		Store: deps.Store, Stream: events.StreamUsage, Filter: events.UsageFilter(events.SourceTrove, cfg.Foundation),
		Marker: events.UsageMarkerSubject(events.SourceTrove, cfg.Foundation), Origin: cfg.origin(),
		Retry: cfg.Retry,
		Seen:  func(k appender.Key, _ uint64) error { return s.known.Add(k) },
		Known: func(k appender.Key) {
			if m := s.batch[k]; m != nil {
				m.verdict = isKnown
			}
		},
	})
	s.quarantine = quarantine.NewWriter(quarantine.Options{
		Store: deps.Store, Source: events.SourceTrove, Foundation: cfg.Foundation,
		Known: appender.NewRecent(cfg.MaxKnown), Retry: cfg.Retry, Log: deps.Log, LogEvery: logEvery,
	})
	return s
}

// lock waits for the turn; the caller gives it back with unlock.
func (s *sink) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for another batch to be stored: %w", ctx.Err())
	}
}

func (s *sink) unlock() { <-s.turn }

// learn reads the newest ids of both streams and the last horizon.
func (s *sink) learn(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	for _, a := range []*appender.Appender{s.usage, s.quarantine.Appender} {
		mark, err := s.mark(ctx, a)
		from := uint64(0)
		if err == nil {
			from, err = s.deps.Store.Back(ctx, a.Stream, a.Filter, s.cfg.MaxKnown)
		}
		if err == nil {
			a.Start(from-1, mark.Sequence, mark.Header(events.HeaderPlatform))
			err = a.Learn(ctx)
		}
		if err != nil {
			return fmt.Errorf("finding out what %s holds of foundation %s: %w", a.Stream, s.cfg.Foundation, err)
		}
	}
	s.region.learn(s.usage.Platform())
	at, err := s.ownHorizon(ctx)
	s.horizon = at
	return err
}

// mark is the last marker of an appender's batches; without a sequence for none.
func (s *sink) mark(ctx context.Context, a *appender.Appender) (m bus.Stored, err error) {
	if a.Marker == "" {
		return m, nil
	}
	if m, err = s.deps.Store.Last(ctx, a.Stream, a.Marker); errors.Is(err, bus.ErrNotFound) {
		return bus.Stored{}, nil
	}
	return m, err
}

// maxHorizons is the number of horizons among which the collector looks for its own.
const maxHorizons = 1000

// ownHorizon reads the collector's last horizon, the zero time when there is none near the end.
func (s *sink) ownHorizon(ctx context.Context) (time.Time, error) {
	found, err := horizons.Find(ctx, s.deps.Store, horizons.Query{
		Source: events.SourceTrove, Foundation: s.cfg.Foundation, Collector: s.cfg.Name, Through: bus.End,
		Limit: maxHorizons,
	})
	return found.Own, err
}

// store stores a batch, and corrects the verdicts of its notifications. After an error none, some
// or all of it is stored, and the same call again stores the rest.
func (s *sink) store(ctx context.Context, b *batch) (err error) {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	defer func() {
		if err != nil {
			s.abandon()
		}
	}()
	for i := range b.messages {
		m := &b.messages[i]
		var full bool
		switch m.verdict {
		case isIgnored:
			continue
		case isQuarantined:
			s.quarantine.Put(m.refused)
			full = s.quarantine.Full()
		default:
			m.verdict = isFact
			if _, twice := s.batch[m.key]; twice || s.known.Has(m.key) {
				m.verdict = isKnown
				continue
			}
			s.usage.Put(m.key, m.subject, m.header, b.buffer[m.from:m.to])
			s.batch[m.key] = m
			full = s.usage.Full()
		}
		if full {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
	}
	return s.flush(ctx)
}

// flush stores the batch.
func (s *sink) flush(ctx context.Context) error {
	if err := s.quarantine.Flush(ctx); err != nil {
		return err
	}
	if name := s.region.name(); name != s.usage.Platform() {
		s.usage.Move(name)
	}
	if err := s.flushUsage(ctx, nil); err != nil {
		return err
	}
	clear(s.batch)
	return nil
}

// flushUsage appends what is due. A batch of somebody else's in between decides about the platform.
func (s *sink) flushUsage(ctx context.Context, again func(context.Context) (bool, error)) error {
	said := s.usage.Platform()
	_, _, err := s.usage.Flush(ctx, again)
	if now := s.usage.Platform(); now != said {
		s.region.learn(now)
	}
	return err
}

// abandon empties the batch: its notifications come again.
func (s *sink) abandon() {
	s.usage.Clear()
	s.quarantine.Clear()
	clear(s.batch)
}

// publish stores one message of the collector's own. again tells whether it is still due, after
// another writer may have been at work.
func (s *sink) publish(ctx context.Context, id, kind, subject string, body []byte,
	again func(context.Context) (bool, error),
) error {
	k := appender.KeyOf(id)
	if s.known.Has(k) {
		return nil
	}
	s.usage.Add(k, subject, events.AppendHeaders(nil, id, kind, s.cfg.origin()), append(s.usage.Buffer(), body...))
	err := s.flushUsage(ctx, again)
	if err != nil {
		s.usage.Clear()
	}
	return err
}

// publishHorizon publishes a horizon, if it is later than the last one, and returns the stored one.
func (s *sink) publishHorizon(ctx context.Context, at time.Time) (time.Time, error) {
	at = at.UTC().Truncate(time.Second) // a horizon need not be finer
	if err := s.lock(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.unlock()
	if !at.After(s.horizon) {
		return s.horizon, nil
	}
	text := events.FormatTime(at)
	h := events.Horizon{
		ID:     events.ID("horizon", events.SourceTrove, s.cfg.Foundation, s.cfg.Name, text),
		Source: events.SourceTrove, Foundation: s.cfg.Foundation, Time: at, Collector: s.cfg.Name,
	}
	subject := events.UsageHorizonSubject(h.Source, h.Foundation)
	stored := at
	later := func(ctx context.Context) (bool, error) {
		before, err := s.ownHorizon(ctx)
		if err == nil && !at.After(before) {
			stored = before
		}
		return at.After(before), err
	}
	if err := s.publish(ctx, h.ID, events.TypeHorizon, subject, h.AppendJSON(nil), later); err != nil {
		return time.Time{}, fmt.Errorf("publishing the horizon %s: %w", text, err)
	}
	s.horizon = stored
	return stored, nil
}

// publishGap publishes a time in which notifications may be missing.
func (s *sink) publishGap(ctx context.Context, exchange string, from, to time.Time, reason string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	from, to = from.UTC(), to.UTC()
	g := events.Gap{
		ID: events.ID("gap", events.SourceTrove, s.cfg.Foundation, s.cfg.Name, exchange,
			strconv.FormatInt(from.UnixNano(), 10), strconv.FormatInt(to.UnixNano(), 10)),
		Source: events.SourceTrove, Foundation: s.cfg.Foundation, From: from, To: to, Reason: reason,
	}
	subject := events.UsageGapSubject(g.Source, g.Foundation)
	if err := s.publish(ctx, g.ID, events.TypeGap, subject, g.AppendJSON(nil), nil); err != nil {
		return fmt.Errorf("publishing the gap from %s to %s: %w", events.FormatTime(from), events.FormatTime(to), err)
	}
	return nil
}

// lastHorizon is the last stored horizon.
func (s *sink) lastHorizon(ctx context.Context) (time.Time, error) {
	if err := s.lock(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.unlock()
	return s.horizon, nil
}
