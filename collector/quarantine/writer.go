package quarantine

import (
	"context"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/redact"
)

// maxLogged is the number of inputs logged one by one.
const maxLogged = 20

// Options are a Writer's settings. Retry and LogEvery may be left out.
type Options struct {
	Store      appender.Store
	Foundation string
	// Source is the source of all inputs; empty for a collector of several: each input names its
	// own.
	Source string
	// Known has the ids in QUARANTINE.
	Known appender.Set
	// Retry and Patient are those of appender.Options.
	Retry   time.Duration
	Patient bool
	Log     *slog.Logger
	// LogEvery is the time, by Input.At, between two series of 20 logged inputs. Default: one
	// series.
	LogEvery time.Duration
}

// Input is one input on its way to QUARANTINE.
type Input struct {
	ID      string      // made of content or position: the same input has the same id
	Source  string      // default: Options.Source
	File    string      // origin of the input
	Line    uint32      // in the file, from 1
	AfterID string      // id of the fact before the input in its list
	Reason  error       // Put removes its secrets
	Text    string      // the input, without secrets (package redact)
	At      time.Time   // for Options.LogEvery
	Level   slog.Level  // of the log line
	Attrs   []slog.Attr // origin of the input, for the log line
}

// Writer appends inputs to QUARANTINE, each once by its id. It is for one goroutine. Learn or Start
// comes first; Put fills a batch, Flush stores it.
type Writer struct {
	*appender.Appender
	o        Options
	batch    map[appender.Key]struct{}
	logged   int
	loggedAt time.Time
}

// NewWriter makes a Writer. It does no I/O.
func NewWriter(o Options) *Writer {
	filter := events.QuarantineFilter(o.Foundation)
	if o.Source != "" {
		filter = events.QuarantineSubject(o.Source, o.Foundation)
	}
	return &Writer{
		Appender: appender.New(appender.Options{
			Store: o.Store, Stream: events.StreamQuarantine, Filter: filter, Retry: o.Retry, Patient: o.Patient,
			Seen: func(k appender.Key, _ uint64) error { return o.Known.Add(k) },
		}),
		o:     o,
		batch: map[appender.Key]struct{}{},
	}
}

// Put puts an input into the batch and logs it, unless its id is in QUARANTINE or in the batch. It
// reports whether it did.
func (w *Writer) Put(in *Input) bool {
	k := appender.KeyOf(in.ID)
	if _, twice := w.batch[k]; twice || w.o.Known.Has(k) {
		return false
	}
	w.batch[k] = struct{}{}
	q := events.Quarantined{
		ID: in.ID, Source: in.Source, Foundation: w.o.Foundation, File: in.File, Line: in.Line, AfterID: in.AfterID,
		Reason: redact.Text(in.Reason.Error()), Input: in.Text,
	}
	if q.Source == "" {
		q.Source = w.o.Source
	}
	w.log(in, q.Reason)
	w.Add(k, events.QuarantineSubject(q.Source, q.Foundation), events.AppendHeaders(nil, q.ID,
		events.TypeQuarantined, collector.Origin(q.Source, q.Foundation)), q.AppendJSON(w.Buffer()))
	return true
}

func (w *Writer) log(in *Input, reason string) {
	if w.o.LogEvery > 0 && in.At.Sub(w.loggedAt) >= w.o.LogEvery {
		w.logged, w.loggedAt = 0, in.At
	}
	if w.logged++; w.logged > maxLogged {
		return
	}
	attrs := append(in.Attrs, slog.String("reason", reason))
	w.o.Log.LogAttrs(context.Background(), in.Level, "quarantined", attrs...)
}

// Flush stores the batch and empties it. After an error none, some or all of it is stored.
func (w *Writer) Flush(ctx context.Context) error {
	if _, _, err := w.Appender.Flush(ctx, nil); err != nil {
		return err
	}
	clear(w.batch)
	return nil
}

// Clear empties the batch.
func (w *Writer) Clear() {
	w.Appender.Clear()
	clear(w.batch)
}
