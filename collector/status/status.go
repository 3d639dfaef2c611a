// Package status writes and reads the state of health of collectors: one small JSON object for each
// collector in the object store bucket "daybook-status". Nothing is derived from it; the collected
// facts are in USAGE.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Bucket is the object store of statuses.
const Bucket = "daybook-status"

// MinInterval is the least time between two writes of one status.
const MinInterval = 10 * time.Second

// Stopped is the problem of a collector after an orderly end.
const Stopped = "stopped"

const (
	// heartbeat is the interval of writes of an unchanged status: its time shows that the collector
	// runs.
	heartbeat = time.Minute
	// putTime is the longest time for writing a status: collecting waits for it.
	putTime = 2 * time.Second
)

// Status is the state of health of one collector.
type Status struct {
	Source     string    `json:"source"`
	Foundation string    `json:"foundation"`
	Collector  string    `json:"collector,omitempty"`
	Updated    time.Time `json:"updated"` // by the collector's clock
	// Problem keeps the collector from collecting just now; empty without one.
	Problem string `json:"problem,omitempty"`

	LastPoll time.Time `json:"last_poll,omitzero"` // the last successful one; for a queue: the last delivery
	// LastError stays after a recovery.
	LastError     string    `json:"last_error,omitempty"`
	LastErrorTime time.Time `json:"last_error_time,omitzero"`

	Horizon time.Time `json:"horizon,omitzero"`
	// LagSeconds is the distance of the horizon from the platform's clock, or for want of one from
	// ours.
	LagSeconds int64 `json:"lag_seconds"`
	// ScheduleSeconds is the time from one poll to the next; 0 where nothing is polled.
	ScheduleSeconds int64  `json:"schedule_seconds,omitempty"`
	Lists           []List `json:"lists,omitempty"`
	// Details are further facts by name: reconnects, unbound_since.
	Details map[string]string `json:"details,omitempty"`
}

// List is one of a collector's lists.
type List struct {
	Name       string    `json:"name"`
	CursorGUID string    `json:"cursor_guid,omitempty"`
	CursorTime time.Time `json:"cursor_time,omitzero"`
	Horizon    time.Time `json:"horizon,omitzero"`
}

// Name is the name of the status's object.
func (s *Status) Name() string {
	name := events.Token(s.Source) + "." + events.Token(s.Foundation)
	if s.Collector != "" {
		name += "." + events.Token(s.Collector)
	}
	return name
}

// Store keeps objects.
type Store interface {
	// PutObject stores an object, replacing one of the same name.
	PutObject(ctx context.Context, bucket, name string, data []byte) error
}

// Writer writes the status of one collector when it has changed, and not too often. It is safe for
// concurrent use, and has no goroutine: an early update is written with the next call.
type Writer struct {
	store Store
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex // guards current
	current Status

	writing sync.Mutex // guards the fields below, and is held while the status is written
	written string     // without the time
	at      time.Time
	failed  bool
}

// NewWriter makes a writer. first has the names; updates set the rest.
func NewWriter(store Store, log *slog.Logger, now func() time.Time, first Status) *Writer {
	return &Writer{store: store, log: log, now: now, current: first}
}

// Current is the status after the last update.
func (w *Writer) Current() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current
}

// Update changes the status and writes it, unless it was written within MinInterval and has no
// other problem now. A failed write is logged once, and is no error: nothing depends on the
// status.
func (w *Writer) Update(ctx context.Context, change func(s *Status)) {
	w.mu.Lock()
	problem := w.current.Problem
	change(&w.current)
	changed := w.current.Problem != problem
	w.mu.Unlock()
	if changed {
		w.writing.Lock()
	} else if !w.writing.TryLock() {
		return // the next call writes it
	}
	defer w.writing.Unlock()
	w.write(ctx, changed)
}

// Flush writes a pending update, at the end.
func (w *Writer) Flush(ctx context.Context) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.write(ctx, true)
}

func (w *Writer) write(ctx context.Context, now bool) {
	t := w.now().UTC()
	since := t.Sub(w.at)
	if !now && !w.at.IsZero() && since < MinInterval {
		return
	}
	s := w.Current()
	s.Updated = time.Time{}
	body, err := json.Marshal(&s)
	key := string(body)
	if err == nil && key == w.written && since < heartbeat {
		return
	}
	if s.Updated = t; err == nil {
		body, err = json.Marshal(&s)
	}
	if err == nil {
		putting, cancel := context.WithTimeout(ctx, putTime)
		err = w.store.PutObject(putting, Bucket, s.Name(), body)
		cancel()
	}
	w.at = w.now().UTC() // a slow store is not asked again at once
	switch {
	case err == nil:
		w.written, w.failed = key, false
	case ctx.Err() == nil && !w.failed:
		w.failed = true
		w.log.Warn("the status cannot be written, so that daybook status shows an old one", slog.String("error",
			err.Error()))
	}
}

// Reader finds objects.
type Reader interface {
	// ListObjects returns the names of the objects in a bucket; none when there is no such bucket.
	ListObjects(ctx context.Context, bucket string) ([]string, error)
	// GetObject returns an object's content.
	GetObject(ctx context.Context, bucket, name string) ([]byte, error)
}

// Read returns all statuses, in the order of their names. An unreadable one is in the error, and
// the others are returned.
func Read(ctx context.Context, r Reader) ([]Status, error) {
	names, err := r.ListObjects(ctx, Bucket)
	if err != nil {
		return nil, err
	}
	var all []Status
	var failed []error
	for _, name := range names {
		body, err := r.GetObject(ctx, Bucket, name)
		var s Status
		if err == nil {
			err = json.Unmarshal(body, &s)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("status %s: %w", name, err))
			continue
		}
		all = append(all, s)
	}
	return all, errors.Join(failed...)
}
