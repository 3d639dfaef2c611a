package cf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/redact"
)

// errStale ends a poll whose picture of USAGE is no longer known to be right: an append was
// refused, or its outcome is not known. The state is read again, and the poll begun anew.
var errStale = errors.New("what USAGE holds has to be read again")

// writer appends for both lists of a foundation. After the first append that is not confirmed it
// refuses all others until begin.
type writer struct {
	store  Store
	filter string

	mu    sync.Mutex // held while a batch is appended, so that the lists take turns
	last  uint64     // the newest message on our subjects
	stale error
}

func (w *writer) begin(last uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.stale = last, nil
}

// seen is the newest message that we know of.
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
	// What has begun is finished when the collector is stopped: it would be exact without, but the
	// next start would fetch the page again.
	appending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	last, err := w.store.Append(appending, events.StreamUsage, msgs, bus.Expect{Filter: w.filter, Last: w.last})
	if err != nil {
		w.stale = fmt.Errorf("%w: %w", errStale, err)
		return 0, w.stale
	}
	w.last = last
	return last + 1 - uint64(len(msgs)), nil
}

const (
	knownQuarantined = 100_000 // ids of the newest quarantined events that are told apart
	maxWarnings      = 20      // quarantined events of one foundation that are logged one by one
)

// quarantine keeps what cannot be understood. An event that is met again, in a re-scan or after a
// restart, is not stored again.
type quarantine struct {
	foundation string
	log        *slog.Logger
	store      Store
	metrics    *Metrics

	mu     sync.Mutex // guards the fields below
	book   *appender.Appender
	known  *appender.Recent
	warned int
	failed error // until begin: what was put may be lost
}

func newQuarantine(f *Foundation, store Store, log *slog.Logger, metrics *Metrics) *quarantine {
	return &quarantine{foundation: f.Name, log: log, store: store, metrics: metrics}
}

// appenderStore is the Store of an appender.
type appenderStore struct{ Store }

// IDs implements appender.Store.
func (s appenderStore) IDs(ctx context.Context, stream, filter string, from uint64, yield func(id string,
	sequence uint64) error,
) (uint64, error) {
	last, err := lastSequence(ctx, s, stream, filter)
	if err != nil || last < from {
		return last, err
	}
	return last, s.Scan(ctx, stream, Scan{Filters: []string{filter}, From: from, To: last, HeadersOnly: true},
		func(m *bus.Stored) error {
			return yield(m.Header(events.HeaderID), m.Sequence)
		})
}

func (q *quarantine) open(ctx context.Context) error {
	if q.failed != nil || q.book != nil {
		return q.failed
	}
	known := appender.NewRecent(knownQuarantined)
	filter := events.QuarantineSubject(events.SourceCF, q.foundation)
	book := appender.New(appender.Options{
		Store: appenderStore{q.store}, Stream: events.StreamQuarantine, Filter: filter,
		Seen: func(k appender.Key, _ uint64) error {
			known.Add(k)
			return nil
		},
	})
	last, err := lastSequence(ctx, q.store, events.StreamQuarantine, filter)
	if err != nil {
		return err
	}
	if last > knownQuarantined {
		book.Start(last - knownQuarantined)
	}
	if err := book.Learn(ctx); err != nil {
		return err
	}
	q.book, q.known = book, known
	return nil
}

// begin forgets what was not stored, and why: whoever put it there puts it there again.
func (q *quarantine) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed != nil {
		q.book, q.failed = nil, nil
	}
}

// put keeps an event with the reason why it is not understood; after is the id of the fact that it
// follows. It is stored by the next flush, at the latest. One that cannot be told from others by
// guid and created_at is told by what it says.
func (q *quarantine) put(ctx context.Context, list string, r *cfapi.Event, after string, reason error, at string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.open(ctx); err != nil {
		return fmt.Errorf("finding out what %s holds: %w", events.StreamQuarantine, err)
	}
	id := events.ID("quarantine", events.SourceCF, q.foundation, list, r.GUID, events.FormatTime(r.Created))
	file, level := cfapi.ListPath(list)+"/"+r.GUID, slog.LevelWarn
	if r.Unreadable != nil {
		digest := sha256.Sum256(r.Raw)
		id = events.ID("quarantine", events.SourceCF, q.foundation, list, "content", hex.EncodeToString(digest[:]))
		file, level = cfapi.ListPath(list), slog.LevelError
	}
	k := appender.KeyOf(id)
	if q.known.Has(k) {
		return nil
	}
	q.known.Add(k)
	x := events.Quarantined{
		ID: id, Source: events.SourceCF, Foundation: q.foundation, File: file, AfterID: after,
		Reason: redact.Text("Cloud Foundry usage event: " + reason.Error()), Input: redact.Text(string(r.Raw)),
	}
	if q.warned++; q.warned <= maxWarnings {
		q.log.Log(ctx, level, "quarantined", slog.String("list", list), slog.String("guid", r.GUID),
			slog.String("reason", x.Reason))
	}
	q.metrics.quarantined.WithLabelValues(q.foundation, list).Inc()
	q.book.Add(k, events.QuarantineSubject(events.SourceCF, q.foundation),
		events.Headers(id, events.TypeQuarantined, collector.Origin(events.SourceCF, q.foundation), at),
		x.AppendJSON(q.book.Buffer()))
	if q.book.Full() {
		return q.storeAll(ctx)
	}
	return nil
}

// flush stores what was put, by either list. Nothing may be appended to USAGE behind it before.
func (q *quarantine) flush(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.storeAll(ctx)
}

func (q *quarantine) storeAll(ctx context.Context) error {
	if q.failed != nil || q.book == nil || q.book.Len() == 0 {
		return q.failed
	}
	if _, _, err := q.book.Flush(ctx, nil); err != nil {
		q.failed = fmt.Errorf("%w: %w", errStale, err)
	}
	return q.failed
}
