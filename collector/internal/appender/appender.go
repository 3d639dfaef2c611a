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
)

// Limits of an appender.
const (
	MaxBatchBytes = 8 << 20      // of the bodies in a batch
	MaxMessage    = 1<<20 - 4096 // NATS' default max_payload, less headers

	maxAttempts  = 8
	maxConflicts = 100
	maxFruitless = 3 // conflicts in a row that nothing explains
	maxWait      = 5 * time.Second
	defaultRetry = 200 * time.Millisecond
)

// Store is what an appender needs of the bus.
type Store interface {
	// Append stores the messages as one atomic batch, if expect holds. The error is a
	// *bus.ConflictError when it does not; after any other error the batch may have been stored,
	// may not, or may yet be. Append does not keep msgs.
	Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (last uint64, err error)
	// IDs calls yield with the id (ce-id) and the sequence of every message from the sequence on
	// that matches the filter, in order, up to the last that is stored when it is called, and
	// returns that one's sequence, 0 when there is none. An error from yield ends it and is
	// returned.
	IDs(ctx context.Context, stream, filter string, from uint64, yield func(id string,
		sequence uint64) error) (last uint64, err error)
}

// Key stands for an id in 16 bytes.
type Key [16]byte

// KeyOf is the id's 16 bytes where it is a UUID, as ours are, and a digest of any other.
func KeyOf(id string) Key {
	if u, err := uuid.Parse(id); err == nil && len(id) == 36 {
		return Key(u)
	}
	sum := sha256.Sum256([]byte(id))
	return Key(sum[:16])
}

// Options say what an appender works on. Retry, Seen and Known may be left out.
type Options struct {
	Store  Store
	Stream string
	Filter string // our subjects: nobody else may have appended there since the appender looked
	// Retry is the wait after the first append with an unknown outcome; it doubles up to 5 s.
	// Default: 200 ms.
	Retry time.Duration
	// Seen is told of every message on the subjects that the appender stores or reads, in order.
	// Its error ends what the appender is doing.
	Seen func(k Key, sequence uint64) error
	// Known is told of every message of a batch that somebody else had stored.
	Known func(k Key)
}

// Appender appends to one stream. It belongs to one goroutine.
type Appender struct {
	Options
	last uint64 // the newest message on our subjects that we know of

	msgs []bus.Message
	keys []Key
	size int    // bytes of the bodies
	buf  []byte // the bodies, one after the other
}

// New makes an appender that knows nothing of the stream: Learn or Start comes first.
func New(o Options) *Appender {
	if o.Retry <= 0 {
		o.Retry = defaultRetry
	}
	if o.Seen == nil {
		o.Seen = func(Key, uint64) error { return nil }
	}
	if o.Known == nil {
		o.Known = func(Key) {}
	}
	return &Appender{Options: o}
}

// Start has the appender know all up to a sequence, so that Learn begins behind it.
func (a *Appender) Start(last uint64) { a.last = last }

// Learn reads what was appended since the appender looked last, everything at first.
func (a *Appender) Learn(ctx context.Context) error {
	_, _, err := a.learn(ctx)
	return err
}

// learn reads the ids of what was appended since last, and takes from the batch what is among them.
func (a *Appender) learn(ctx context.Context) (dropped []Key, progress bool, err error) {
	batch := make(map[Key]bool, len(a.keys))
	for _, k := range a.keys {
		batch[k] = false
	}
	last, err := a.Store.IDs(ctx, a.Stream, a.Filter, a.last+1, func(id string, sequence uint64) error {
		k := KeyOf(id)
		if _, ours := batch[k]; ours {
			batch[k] = true
		}
		return a.Seen(k, sequence)
	})
	if err != nil {
		return nil, false, err
	}
	progress = last > a.last
	a.last = max(a.last, last)
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
	return dropped, progress, nil
}

// Buffer gives the bytes that the next message's body is appended to, for Add.
func (a *Appender) Buffer() []byte { return a.buf }

// Add puts a message into the batch. Its body is what was appended to Buffer's bytes; the result of
// that is handed in.
func (a *Appender) Add(k Key, subject string, header []events.Header, buffer []byte) {
	start := len(a.buf)
	a.buf = buffer
	a.Put(k, subject, header, a.buf[start:len(a.buf):len(a.buf)])
}

// Put is Add for a body that is the caller's, who leaves it as it is until the batch is flushed or
// cleared.
func (a *Appender) Put(k Key, subject string, header []events.Header, body []byte) {
	a.msgs = append(a.msgs, bus.Message{Subject: subject, Header: header, Data: body})
	a.keys = append(a.keys, k)
	a.size += len(body)
}

// Len is the number of messages in the batch.
func (a *Appender) Len() int { return len(a.msgs) }

// Full reports that the batch should be flushed before more is added.
func (a *Appender) Full() bool { return len(a.msgs) >= bus.MaxBatch || a.size >= MaxBatchBytes }

// Clear forgets the batch.
func (a *Appender) Clear() {
	clear(a.msgs)
	a.msgs, a.keys, a.buf, a.size = a.msgs[:0], a.keys[:0], a.buf[:0], 0
}

// Flush appends the batch and empties it; an error leaves in it what is not known to be stored. It
// returns how many of its messages are stored by this appender, and how many somebody else had
// stored. After another writer may have been at work, again is asked, when it is not nil, whether
// the batch is still wanted.
func (a *Appender) Flush(ctx context.Context, again func(ctx context.Context) (bool, error)) (stored, known int,
	err error,
) {
	var t troubles
	for len(a.msgs) > 0 {
		last, err := a.Store.Append(ctx, a.Stream, a.msgs, bus.Expect{Filter: a.Filter, Last: a.last})
		if err == nil {
			a.last = last
			stored += len(a.msgs)
			err = a.told(last)
			a.Clear()
			return stored, known, err
		}
		dropped, err := a.resolve(ctx, &t, err)
		if err != nil {
			return stored, known, err
		}
		if t.unsure {
			stored += len(dropped)
		} else {
			known += len(dropped)
			for _, k := range dropped {
				a.Known(k)
			}
		}
		if again != nil && len(a.msgs) > 0 {
			if wanted, err := again(ctx); err != nil || !wanted {
				a.Clear()
				return stored, known, err
			}
		}
	}
	a.Clear()
	return stored, known, nil
}

// told reports a batch as seen. The messages of an atomic batch have sequences without holes.
func (a *Appender) told(last uint64) error {
	first := last + 1 - uint64(len(a.keys))
	for i, k := range a.keys {
		if err := a.Seen(k, first+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// troubles counts what went wrong with one batch.
type troubles struct {
	attempts  int  // appends and reads that failed
	conflicts int  // other writers
	fruitless int  // conflicts in a row that nothing explains
	unsure    bool // an append of the batch had an unknown outcome: what is found of it may be ours
}

// resolve finds out what became of an append that failed, and takes from the batch what is stored.
// The error is nil when the rest is to be tried again.
func (a *Appender) resolve(ctx context.Context, t *troubles, failure error) (dropped []Key, err error) {
	var conflict *bus.ConflictError
	if errors.As(failure, &conflict) {
		if t.conflicts++; t.conflicts > maxConflicts {
			return nil, fmt.Errorf("appending to %s: another collector of this foundation came first %d times in a "+
				"row: run one at a time: %w", a.Stream, t.conflicts, failure)
		}
	} else {
		t.unsure = true
		if t.attempts++; t.attempts >= maxAttempts {
			return nil, fmt.Errorf("appending %d messages to %s failed %d times; nothing is lost, run again when the "+
				"bus is well: %w", len(a.msgs), a.Stream, t.attempts, failure)
		}
		if err := Wait(ctx, min(a.Retry<<(t.attempts-1), maxWait)); err != nil {
			return nil, fmt.Errorf("stopped while appending to %s: %w", a.Stream, err)
		}
	}
	dropped, progress, err := a.learn(ctx)
	switch {
	case err != nil:
		if t.attempts++; t.attempts >= maxAttempts || ctx.Err() != nil {
			return nil, fmt.Errorf("finding out what %s holds: %w", a.Stream, err)
		}
		// The next append expects what it expected, so that it cannot store anything twice.
	case progress:
		t.fruitless = 0
	case conflict != nil:
		if t.fruitless++; t.fruitless >= maxFruitless {
			return dropped, fmt.Errorf("appending to %s: the last sequence on %s is not %d, and yet nothing was "+
				"added: the stream was trimmed, restored or made anew; start the collector again: %w", a.Stream,
				a.Filter, a.last, failure)
		}
	}
	return dropped, nil
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
