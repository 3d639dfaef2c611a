package appender

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/once"
)

// Limits of an appender.
const (
	MaxBatchBytes = 8 << 20      // of the bodies in a batch
	MaxMessage    = 1<<20 - 4096 // NATS' default max_payload, less headers
)

// Store is the part of the bus an appender needs.
type Store interface {
	// Append stores the messages as one atomic batch, if expect holds. The error is a
	// *bus.ConflictError when it does not; after any other error the batch may have been stored,
	// may not, or may yet be. Append does not keep msgs.
	Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (last uint64, err error)
	// IDs calls yield with every message on the filter from a sequence on, in order, up to the last
	// one stored before the call, and returns its sequence, 0 when there is none. A batch under way
	// is over by then: stored, or stored in part for good. An error from yield ends it and is
	// returned.
	IDs(ctx context.Context, stream, filter string, from uint64, yield func(m Head) error) (last uint64, err error)
}

// Head is what an appender reads of a message.
type Head struct {
	Subject  string
	ID       string // ce-id
	Sequence uint64
	Platform string // of a marker
	Place    string // of a marker that has one
}

// Key stands for an id in 16 bytes.
type Key [16]byte

// KeyOf is the 16 bytes of a UUID, such as ours, and a digest of any other id.
func KeyOf(id string) Key {
	if u, err := uuid.Parse(id); err == nil && len(id) == 36 {
		return Key(u)
	}
	sum := sha256.Sum256([]byte(id))
	return Key(sum[:16])
}

// Options of an appender. Retry, Seen and Known may be left out.
type Options struct {
	Store  Store
	Stream string
	Filter string // our subjects: what is read
	// Marker is the subject of the markers around each batch: nobody may have begun a batch since
	// the appender looked. Without it batches have no markers, and nobody may have appended on the
	// filter.
	Marker string
	Origin string // ce-source of the markers
	// Retry is the wait after the first failed append; once.Limits.Wait has its default.
	Retry time.Duration
	// Patient appenders wait for the end of an outage, however long it takes.
	Patient bool
	// Seen gets every message on the subjects but the markers, as the appender stores or reads it,
	// in order. Its error ends the appender's work.
	Seen func(k Key, sequence uint64) error
	// Placed gets the place in every marker that is read and has one, in order.
	Placed func(place string, sequence uint64)
	// Known gets every message of a batch stored by somebody else before.
	Known func(k Key)
}

// Appender appends to one stream. It belongs to one goroutine.
type Appender struct {
	Options
	last uint64 // the newest known message on our subjects
	mark uint64 // the newest known marker
	// platform is the platform of the newest known marker, or the one to say from the next batch
	// on; movedFrom is the one before, until a batch has said so.
	platform, movedFrom string

	msgs   []bus.Message
	keys   []Key
	size   int           // bytes of the bodies
	buf    []byte        // the bodies, one after the other
	window []bus.Message // memory of the batch with its markers
	place  string        // for the first marker of the batch
}

// New makes an appender without knowledge of the stream: Learn or Start comes first.
func New(o Options) *Appender {
	if o.Seen == nil {
		o.Seen = func(Key, uint64) error { return nil }
	}
	if o.Placed == nil {
		o.Placed = func(string, uint64) {}
	}
	if o.Known == nil {
		o.Known = func(Key) {}
	}
	return &Appender{Options: o}
}

// Start has the appender know all messages up to a sequence: Learn begins behind it. mark is the
// sequence of a marker, and no later one stands up to there; 0 for none. platform is what it says.
func (a *Appender) Start(last, mark uint64, platform string) {
	a.last, a.mark, a.platform, a.movedFrom = last, mark, platform, ""
}

// Platform is the platform of the foundation's facts, as the newest known marker says; empty where
// none does. Every batch says it again.
func (a *Appender) Platform() string { return a.platform }

// Move names the platform from the next batch on. A batch of somebody else's in between decides:
// Platform tells what it says.
func (a *Appender) Move(to string) { a.movedFrom, a.platform = a.platform, to }

// Learn reads the messages since the appender looked last, everything at first.
func (a *Appender) Learn(ctx context.Context) error {
	_, err := a.learn(ctx)
	return err
}

// learn reads the ids of the messages behind last, and takes those from the batch.
func (a *Appender) learn(ctx context.Context) (dropped []Key, err error) {
	batch := make(map[Key]bool, len(a.keys))
	for _, k := range a.keys {
		batch[k] = false
	}
	mark, platform := a.mark, a.platform
	last, err := a.Store.IDs(ctx, a.Stream, a.Filter, a.last+1, func(m Head) error {
		if m.Subject == a.Marker {
			mark, platform = m.Sequence, m.Platform
			if m.Place != "" {
				a.Placed(m.Place, m.Sequence)
			}
			return nil
		}
		k := KeyOf(m.ID)
		if _, ours := batch[k]; ours {
			batch[k] = true
		}
		return a.Seen(k, m.Sequence)
	})
	if err != nil {
		return nil, err
	}
	if mark != a.mark {
		a.platform, a.movedFrom = platform, ""
	}
	a.last, a.mark = max(a.last, last), mark // after a whole reading only
	kept := 0
	for i, k := range a.keys {
		if batch[k] {
			dropped = append(dropped, k)
			continue
		}
		a.msgs[kept], a.keys[kept] = a.msgs[i], k
		kept++
	}
	a.msgs, a.keys = a.msgs[:kept], a.keys[:kept]
	return dropped, nil
}

// Buffer gives the bytes to append the next message's body to, for Add.
func (a *Appender) Buffer() []byte { return a.buf }

// Add puts a message into the batch. buffer is the result of appending its body to Buffer's bytes.
func (a *Appender) Add(k Key, subject string, header []events.Header, buffer []byte) {
	start := len(a.buf)
	a.buf = buffer
	a.Put(k, subject, header, a.buf[start:len(a.buf):len(a.buf)])
}

// Put is Add for a body of the caller's. The caller leaves it as it is until the batch is flushed
// or cleared.
func (a *Appender) Put(k Key, subject string, header []events.Header, body []byte) {
	a.msgs = append(a.msgs, bus.Message{Subject: subject, Header: header, Data: body})
	a.keys = append(a.keys, k)
	a.size += len(body)
}

// Mark puts a place into the first marker of the batch: whatever of the batch is stored, the place
// is. A later place takes its place.
func (a *Appender) Mark(place string) { a.place = place }

// Len is the number of messages in the batch.
func (a *Appender) Len() int { return len(a.msgs) }

// Full reports that the batch should be flushed before more is added.
func (a *Appender) Full() bool { return len(a.msgs) >= MaxBatch || a.size >= MaxBatchBytes }

// Clear forgets the batch.
func (a *Appender) Clear() {
	clear(a.msgs)
	clear(a.window)
	a.msgs, a.keys, a.buf, a.size, a.window = a.msgs[:0], a.keys[:0], a.buf[:0], 0, a.window[:0]
	a.place = ""
}

// Flush appends the batch and empties it; an error leaves the messages in it that are not known to
// be stored. It returns the number of messages stored by this appender, and of those somebody else
// had stored. After another writer may have been at work, again is asked, when it is not nil,
// whether the batch is still wanted.
func (a *Appender) Flush(ctx context.Context, again func(ctx context.Context) (bool, error)) (stored, known int,
	err error,
) {
	// A store fails for reasons of its own: every failure is tried again, but for a refusal.
	limits := once.Limits{Wait: max(a.Retry, 0), Patient: a.Patient, Retry: func(err error) bool {
		return !errors.Is(err, bus.ErrDenied)
	}}
	last, err := once.Append(ctx, a.Store, a.Stream, limits,
		func(ctx context.Context, f *once.Failure) ([]bus.Message, bus.Expect, error) {
			if f != nil {
				dropped := a.resolve(ctx, f)
				if f.Unsure {
					stored += len(dropped)
				} else {
					known += len(dropped)
				}
				if again != nil && len(a.msgs) > 0 {
					if wanted, err := again(ctx); err != nil || !wanted {
						a.Clear()
						return nil, bus.Expect{}, err
					}
				}
			}
			messages, expect := a.batch()
			return messages, expect, nil
		})
	var given *once.GivenUpError
	switch {
	case errors.As(err, &given):
		return stored, known, a.givenUp(given)
	case err != nil && len(a.msgs) > 0:
		return stored, known, fmt.Errorf("stopped while appending to %s: %w", a.Stream, err)
	case err == nil && last > 0:
		stored += len(a.msgs)
		err = a.report(last)
	}
	a.Clear()
	return stored, known, err
}

// batch is the next append, with its expectation.
func (a *Appender) batch() ([]bus.Message, bus.Expect) {
	if a.Marker == "" || len(a.msgs) == 0 {
		return a.msgs, bus.Expect{Filter: a.Filter, Last: a.last}
	}
	marks := Marks{Subject: a.Marker, Origin: a.Origin, Platform: a.platform, MovedFrom: a.movedFrom}
	a.window = marks.Window(a.window[:0], a.msgs)
	if a.place != "" {
		a.window[0].Header = append(a.window[0].Header, events.Header{Key: HeaderPlace, Value: a.place})
	}
	return a.window, bus.Expect{Filter: a.Marker, Last: a.mark}
}

// resolve takes the stored messages from the batch after an append that failed.
func (a *Appender) resolve(ctx context.Context, f *once.Failure) (dropped []Key) {
	dropped, err := a.learn(ctx)
	if err != nil {
		f.Unread(err)
	}
	if !f.Unsure {
		for _, k := range dropped {
			a.Known(k)
		}
	}
	return dropped
}

// givenUp explains the end of an append without success.
func (a *Appender) givenUp(e *once.GivenUpError) error {
	switch {
	case e.Unread != nil:
		return fmt.Errorf("finding out what %s holds: %w", a.Stream, e.Unread)
	case errors.Is(e.Err, bus.ErrDenied):
		return e.Err
	case !e.Conflict():
		return fmt.Errorf("appending %d messages to %s failed %d times; nothing is lost, run again when the bus is "+
			"well: %w", len(a.msgs), a.Stream, e.Failures, e.Err)
	case e.Unexplained > 0:
		return fmt.Errorf("appending to %s: it is not as it was read, and yet nothing was added: the stream was "+
			"trimmed, restored or made anew; start the collector again: %w", a.Stream, e.Err)
	}
	return fmt.Errorf("appending to %s: another collector of this foundation came first %d times in a row: run one "+
		"at a time: %w", a.Stream, e.Conflicts, e.Err)
}

// report gives a stored batch to Seen. The messages of an atomic batch have sequences without
// holes.
func (a *Appender) report(last uint64) error {
	a.last = last
	if a.Marker != "" {
		a.mark, a.movedFrom = last, ""
		last--
	}
	first := last + 1 - uint64(len(a.keys))
	for i, k := range a.keys {
		if err := a.Seen(k, first+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// Wait waits, or returns the context's error.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
