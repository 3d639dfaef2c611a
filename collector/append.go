package collector

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

// idSet holds ids in 16 bytes each.
type idSet struct {
	ids map[[16]byte]struct{}
	max int
}

// idKey is the id's 16 bytes where it is a UUID, as ours are, and a digest of any other.
func idKey(id string) [16]byte {
	if u, err := uuid.Parse(id); err == nil && len(id) == 36 {
		return u
	}
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

func (s *idSet) has(k [16]byte) bool { _, ok := s.ids[k]; return ok }

func (s *idSet) add(k [16]byte) error {
	if len(s.ids) >= s.max && !s.has(k) {
		return fmt.Errorf("the foundation has more than %d messages: their ids do not fit in the memory that the limit on known ids allows; raise it", s.max)
	}
	s.ids[k] = struct{}{}
	return nil
}

// appender appends messages to one stream, each exactly once. It is owned by Run's goroutine.
type appender struct {
	store  Store
	stream string
	filter string // our subjects: nobody else may have appended there since last
	last   uint64
	known  idSet
	retry  time.Duration

	msgs []bus.Message // the batch
	keys [][16]byte    // their ids
	size int           // bytes of the batch
	buf  []byte        // the bodies, one after the other
}

// learn reads the ids of what was appended since last, and takes from the batch what is among them.
func (a *appender) learn(ctx context.Context) (dropped int, progress bool, err error) {
	batch := make(map[[16]byte]bool, len(a.keys))
	for _, k := range a.keys {
		batch[k] = false
	}
	last, err := a.store.IDs(ctx, a.stream, a.filter, a.last+1, func(id string) error {
		k := idKey(id)
		if _, ours := batch[k]; ours {
			batch[k] = true
		}
		return a.known.add(k)
	})
	if err != nil {
		return 0, false, err
	}
	progress = last > a.last
	a.last = max(a.last, last)
	kept := 0
	for i, k := range a.keys {
		if !batch[k] {
			a.msgs[kept], a.keys[kept] = a.msgs[i], k
			kept++
		}
	}
	dropped = len(a.keys) - kept
	a.msgs, a.keys = a.msgs[:kept], a.keys[:kept]
	return dropped, progress, nil
}

// add puts a message into the batch, whose body begins at start in a.buf and ends with it.
func (a *appender) add(k [16]byte, subject string, header []bus.Header, start int) error {
	if err := a.known.add(k); err != nil {
		return err
	}
	body := a.buf[start:len(a.buf):len(a.buf)]
	a.msgs = append(a.msgs, bus.Message{Subject: subject, Header: header, Data: body})
	a.keys = append(a.keys, k)
	a.size += len(body)
	return nil
}

func (a *appender) full() bool { return len(a.msgs) >= bus.MaxBatch || a.size >= maxBatchBytes }

func (a *appender) clear() {
	clear(a.msgs)
	a.msgs, a.keys, a.buf, a.size = a.msgs[:0], a.keys[:0], a.buf[:0], 0
}

// flush appends the batch and empties it. It returns how many of its messages are stored by this appender, and how many
// somebody else had stored. After another writer may have been at work, again is asked, when it is not nil, whether the
// batch is still wanted.
func (a *appender) flush(ctx context.Context, again func(ctx context.Context) (bool, error)) (stored, known int, err error) {
	var t troubles
	for len(a.msgs) > 0 {
		last, err := a.store.Append(ctx, a.stream, a.msgs, bus.Expect{Filter: a.filter, Last: a.last})
		if err == nil {
			a.last = last
			stored += len(a.msgs)
			break
		}
		dropped, err := a.resolve(ctx, &t, err)
		if err != nil {
			return stored, known, err
		}
		if t.unsure {
			stored += dropped
		} else {
			known += dropped
		}
		if again != nil && len(a.msgs) > 0 {
			if wanted, err := again(ctx); err != nil || !wanted {
				a.clear()
				return stored, known, err
			}
		}
	}
	a.clear()
	return stored, known, nil
}

// troubles counts what went wrong with one batch.
type troubles struct {
	attempts  int  // appends and reads that failed
	conflicts int  // other writers
	fruitless int  // conflicts in a row that nothing explains
	unsure    bool // an append of the batch had an unknown outcome: what is found of it may be ours
}

// resolve finds out what became of an append that failed, and takes from the batch what is stored. The error is nil when
// the rest is to be tried again.
func (a *appender) resolve(ctx context.Context, t *troubles, failure error) (dropped int, err error) {
	var conflict *bus.ConflictError
	if errors.As(failure, &conflict) {
		if t.conflicts++; t.conflicts > maxConflicts {
			return 0, fmt.Errorf("appending to %s: another collector of this foundation came first %d times in a row: run one at a time: %w", a.stream, t.conflicts, failure)
		}
	} else {
		t.unsure = true
		if t.attempts++; t.attempts >= maxAttempts {
			return 0, fmt.Errorf("appending %d messages to %s failed %d times; nothing is lost, run again when the bus is well: %w", len(a.msgs), a.stream, t.attempts, failure)
		}
		if err := wait(ctx, min(a.retry<<(t.attempts-1), 5*time.Second)); err != nil {
			return 0, fmt.Errorf("stopped while appending to %s: %w", a.stream, err)
		}
	}
	dropped, progress, err := a.learn(ctx)
	switch {
	case err != nil:
		if t.attempts++; t.attempts >= maxAttempts || ctx.Err() != nil {
			return 0, fmt.Errorf("finding out what %s holds: %w", a.stream, err)
		}
		// The next append expects what it expected, so that it cannot store anything twice.
	case progress:
		t.fruitless = 0
	case conflict != nil:
		if t.fruitless++; t.fruitless >= maxFruitless {
			return dropped, fmt.Errorf("appending to %s: the last sequence on %s is not %d, and yet nothing was added: the stream was trimmed, restored or made anew; start the collector again: %w", a.stream, a.filter, a.last, failure)
		}
	}
	return dropped, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// origin is the ce-source of what a collector says.
func origin(source, foundation string) string {
	return "daybook/collector/" + source + "/" + foundation
}

// header makes a message's CloudEvents headers.
func header(id, kind, origin, at string) []bus.Header {
	return []bus.Header{
		{Key: events.HeaderID, Value: id},
		{Key: events.HeaderType, Value: kind},
		{Key: events.HeaderSource, Value: origin},
		{Key: events.HeaderTime, Value: at},
		{Key: events.HeaderSpecVersion, Value: events.SpecVersion},
		{Key: events.HeaderContentType, Value: events.ContentType},
	}
}
