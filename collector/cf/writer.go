package cf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/redact"
)

// errStale ends a poll whose state of USAGE may be wrong: an append was refused, or its outcome is
// not known. The state is read again, and the poll begun anew.
var errStale = errors.New("what USAGE holds has to be read again")

// writer appends for both lists of a foundation. After the first append without a confirmation it
// refuses all others until begin.
type writer struct {
	store  Store
	marker string // subject of the markers around each batch
	origin string

	mu     sync.Mutex     // held while a batch is appended: the lists take turns
	marks  appender.Marks // of the next batch
	last   uint64         // the newest message on our subjects
	stale  error
	window []bus.Message // memory of a batch with its markers
}

// begin begins behind a state of USAGE. platform goes into every marker; movedFrom, unless it is
// empty, into those of the first batch.
func (w *writer) begin(last, mark uint64, platform, movedFrom string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.stale = last, nil
	w.marks = appender.Marks{
		Subject: w.marker, Origin: w.origin, Platform: platform, MovedFrom: movedFrom, Behind: mark,
	}
}

// seen is the newest known message.
func (w *writer) seen() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// append stores a batch and returns the sequence of its first message. The error wraps errStale.
func (w *writer) append(ctx context.Context, msgs []bus.Message) (first uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale != nil {
		return 0, w.stale
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	w.window = w.marks.Window(w.window[:0], msgs)
	defer clear(w.window)
	last, err := w.try(ctx)
	// The same expectation refuses the batch where a beginning of it was stored.
	for bus.NoRoom(err) && !bus.RoomOver(err) && appender.Wait(ctx, roomWait) == nil {
		last, err = w.try(ctx)
	}
	if err != nil {
		w.stale = fmt.Errorf("%w: %w", errStale, err)
		return 0, w.stale
	}
	w.last, w.marks.Behind, w.marks.MovedFrom = last, last, ""
	return last - uint64(len(msgs)), nil // a marker is the last one
}

// roomWait is the time between two tries while there is no room.
const roomWait = time.Second

// try appends the batch once. An append under way is finished when the collector is stopped: it
// would be exact without, but the next start would fetch the page again.
func (w *writer) try(ctx context.Context) (last uint64, err error) {
	appending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return w.store.Append(appending, events.StreamUsage, w.window, bus.Expect{Filter: w.marker, Last: w.marks.Behind})
}

// knownRefused is the number of the newest quarantined events that the collector knows by their
// ids.
const knownRefused = 100_000

// refusals puts events that no rule understands into QUARANTINE, for both lists of a foundation. An
// event that comes again, in a re-scan or after a restart, is not stored again.
type refusals struct {
	foundation string
	log        *slog.Logger
	store      Store
	metrics    *Metrics

	mu     sync.Mutex // guards the fields below: the lists put and flush in turn
	writer *quarantine.Writer
	failed error // until begin: events may be lost
}

func newRefusals(f *Foundation, store Store, log *slog.Logger, metrics *Metrics) *refusals {
	return &refusals{foundation: f.Name, log: log, store: store, metrics: metrics}
}

// appenderStore is the Store of an appender.
type appenderStore struct{ Store }

// IDs implements appender.Store.
func (s appenderStore) IDs(ctx context.Context, stream, filter string, from uint64, yield func(m appender.Head) error,
) (uint64, error) {
	last, err := lastSequence(ctx, s, stream, filter)
	if err != nil || last < from {
		return last, err
	}
	return last, s.Scan(ctx, stream, Scan{Filters: []string{filter}, From: from, To: last, HeadersOnly: true},
		func(m *bus.Stored) error {
			return yield(appender.HeadOf(m))
		})
}

func (q *refusals) open(ctx context.Context) error {
	if q.failed != nil || q.writer != nil {
		return q.failed
	}
	w := quarantine.NewWriter(quarantine.Options{
		Store: appenderStore{q.store}, Source: events.SourceCF, Foundation: q.foundation,
		Known: appender.NewRecent(knownRefused), Log: q.log,
	})
	last, err := lastSequence(ctx, q.store, w.Stream, w.Filter)
	if err != nil {
		return err
	}
	if last > knownRefused {
		w.Start(last-knownRefused, 0, "")
	}
	if err := w.Learn(ctx); err != nil {
		return err
	}
	q.writer = w
	return nil
}

// begin forgets unstored events, and the failure: the next poll puts them again.
func (q *refusals) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed != nil {
		q.writer, q.failed = nil, nil
	}
}

// put quarantines an event with the reason; after is the id of the fact before it. The next
// flush stores it, at the latest. An event without a readable guid and created_at is identified by
// its content.
func (q *refusals) put(ctx context.Context, list string, r *cfapi.Event, after string, reason error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.open(ctx); err != nil {
		return fmt.Errorf("finding out what %s holds: %w", events.StreamQuarantine, err)
	}
	in := quarantine.Input{
		ID:      events.ID("quarantine", events.SourceCF, q.foundation, list, r.GUID, events.FormatTime(r.Created)),
		File:    cfapi.ListPath(list) + "/" + r.GUID,
		AfterID: after,
		Reason:  &collector.InputError{Source: events.SourceCF, Err: reason},
		Text:    redact.Text(string(r.Raw)),
		Level:   slog.LevelWarn,
		Attrs:   []slog.Attr{slog.String("list", list), slog.String("guid", r.GUID)},
	}
	if r.Unreadable != nil {
		digest := sha256.Sum256(r.Raw)
		in.ID = events.ID("quarantine", events.SourceCF, q.foundation, list, "content", hex.EncodeToString(digest[:]))
		in.File, in.Level = cfapi.ListPath(list), slog.LevelError
	}
	if !q.writer.Put(&in) {
		return nil
	}
	q.metrics.quarantined.WithLabelValues(q.foundation, list).Inc()
	if q.writer.Full() {
		return q.storeAll(ctx)
	}
	return nil
}

// flush stores the events of both lists. Nothing may be appended to USAGE behind them before.
func (q *refusals) flush(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.storeAll(ctx)
}

func (q *refusals) storeAll(ctx context.Context) error {
	if q.failed != nil || q.writer == nil || q.writer.Len() == 0 {
		return q.failed
	}
	if err := q.writer.Flush(ctx); err != nil {
		q.failed = fmt.Errorf("%w: %w", errStale, err)
	}
	return q.failed
}
