package bus

import (
	"context"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus/feed"
)

const (
	// leaveAfter is how many messages in a row a reader takes from memory before it gives up its
	// consumer at the server, which sends all of them a second time.
	leaveAfter = 256
	// memoryQuiet is how long a reader without a consumer waits for the memory: messages of other
	// writers do not show there.
	memoryQuiet = 100 * time.Millisecond
	// storedBytes is the memory of a message beside its content.
	storedBytes = 160
)

// memory is the end of one stream as far as this connection appended it.
type memory struct {
	*feed.Feed[Stored]

	mu      sync.Mutex
	created time.Time   // of the stream
	asked   feed.Moment // before the server said so; guarded by mu, as created
}

func (b *Bus) memoryOf(stream string) *memory {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.memories[stream]
	if m == nil {
		m = &memory{Feed: feed.New[Stored](b.cfg.Feed)}
		b.memories[stream] = m
	}
	return m
}

// remember notes the beginning of an append, and returns the function for its whole
// acknowledgement.
func (b *Bus) remember(stream string) func(msgs []Message, last, acknowledged uint64) {
	if b.cfg.Feed <= 0 {
		return func([]Message, uint64, uint64) {}
	}
	m := b.memoryOf(stream)
	a, wanted := m.Begin()
	return func(msgs []Message, last, acknowledged uint64) {
		n := uint64(len(msgs))
		if !wanted || acknowledged != n || last < n {
			return
		}
		messages, size := copied(msgs, last-n+1)
		m.Put(a, last-n+1, messages, size)
	}
}

// copied are the messages with their sequences, in memory of their own.
func copied(msgs []Message, first uint64) (all []Stored, bytes int) {
	all = make([]Stored, len(msgs))
	headers := 0
	for i := range msgs {
		headers += len(msgs[i].Header)
	}
	own := make([]events.Header, 0, headers)
	for i := range msgs {
		m := &msgs[i]
		from := len(own)
		own = append(own, m.Header...)
		all[i] = Stored{
			Subject: m.Subject, Sequence: first + uint64(i), Data: append([]byte(nil), m.Data...),
			own: own[from:len(own):len(own)],
		}
		bytes += storedBytes + len(m.Subject) + len(m.Data)
		for _, h := range m.Header {
			bytes += 2*len(h.Key) + len(h.Value) // and two string headers
		}
	}
	return all, bytes
}

// createdAfter is the stream's time of creation by the server's word after a moment: a batch that
// was acknowledged before it went into this very stream.
func (b *Bus) createdAfter(ctx context.Context, stream string, m *memory, put feed.Moment) (time.Time, error) {
	m.mu.Lock()
	created, asked := m.created, m.asked
	m.mu.Unlock()
	if asked > put {
		return created, nil
	}
	now := m.Now()
	info, err := b.streamInfo(ctx, stream)
	if err != nil {
		return time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now > m.asked {
		m.created, m.asked = info.Created, now
	}
	return info.Created, nil
}

// tail is a reader's side of a memory.
type tail struct {
	memory *memory
	tap    *feed.Tap[Stored]
	rest   []Stored // of the batch under way, from the reader's next message on
	row    int      // messages from memory since the consumer was opened
	// alone: the reader has no consumer, and waits for the memory
	alone bool
	timer *time.Timer
}

// join has a reader of all messages read from memory, too.
func (b *Bus) join(stream string, next uint64, options *ReadOptions) *tail {
	filtered := len(options.Filters) > 1 || len(options.Filters) == 1 && options.Filters[0] != whole
	if b.cfg.Feed <= 0 || options.FromServer || options.HeadersOnly || options.LastPerSubject || filtered {
		return nil
	}
	m := b.memoryOf(stream)
	t := &tail{memory: m, tap: m.Join(next), timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}

// ready gets a value when there may be something in memory; nil: never.
func (t *tail) ready() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.tap.Ready()
}

func (t *tail) close() {
	if t != nil {
		t.timer.Stop()
		t.tap.Leave()
	}
}

// behind is how many messages there are at least behind one, by the memory.
func (t *tail) behind(sequence uint64) uint64 {
	if t == nil {
		return 0
	}
	return t.tap.Behind(sequence)
}

// remembered gives the next message if the memory has it. Without a consumer it waits for the
// memory, and opens one where that has nothing.
func (r *Reader) remembered(ctx context.Context) (m Stored, ok bool, err error) {
	t := r.tail
	for t != nil {
		if len(t.rest) > 0 {
			m, t.rest = t.rest[0], t.rest[1:]
			r.next = m.Sequence + 1
			m.Pending = max(uint64(len(t.rest)), t.tap.Behind(m.Sequence))
			return m, true, nil
		}
		wait, err := r.refill(ctx)
		if err != nil {
			return m, false, err
		}
		if len(t.rest) > 0 {
			continue
		}
		if !t.alone || !wait {
			break
		}
		t.timer.Reset(memoryQuiet)
		select {
		case <-t.tap.Ready():
			t.timer.Stop()
			continue
		case <-ctx.Done():
			t.timer.Stop()
			return m, false, ctx.Err()
		case <-t.timer.C:
		}
		break
	}
	if t != nil && t.alone {
		t.alone = false // advance opens a consumer
	}
	return m, false, nil
}

// refill takes a batch from memory, where it has the next message. wait: there is nothing yet, at
// the server either as far as this process knows.
func (r *Reader) refill(ctx context.Context) (wait bool, err error) {
	t := r.tail
	batch, state := t.tap.Take(r.next)
	switch state {
	case feed.Nothing:
		return true, nil
	case feed.Beyond:
		return false, nil
	case feed.Forgot:
		r.drop() // another consumer is opened behind a look at the stream
		return false, nil
	case feed.Here:
	}
	created, err := r.bus.createdAfter(ctx, r.stream, t.memory, batch.Put)
	if err != nil {
		return false, ctx.Err() // the consumer goes on, or is opened when the server answers
	}
	if !created.Equal(r.created) {
		return false, r.remade(created)
	}
	t.rest = batch.Messages
	if t.row += len(t.rest); t.row >= leaveAfter && r.pull != nil {
		r.drop()
	}
	t.alone = r.pull == nil
	return false, nil
}
