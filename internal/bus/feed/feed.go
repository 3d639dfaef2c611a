// Package feed keeps the end of a stream in memory, as far as this process has appended it, for
// readers in the same process: they need not have the server send it back.
//
// The memory is bounded in bytes and never stops a writer: a reader that falls behind it goes on at
// the server. It has only what the server has acknowledged whole, and may lack anything: messages
// of other writers, and those of an append without an answer. So a reader takes from it the message
// with its next sequence, or nothing; the server has the rest.
package feed

import (
	"slices"
	"sync"
)

// Feed is the end of one stream. It is safe for concurrent use.
type Feed[M any] struct {
	limit int // bytes

	mu      sync.Mutex
	batches []Batch[M] // in the order of their sequences, perhaps with gaps between them
	bytes   int        // of them
	last    uint64     // the highest sequence put
	moment  uint64     // counts appends begun and put, and readers that joined
	epoch   uint64     // counts the times when all was forgotten
	taps    map[*Tap[M]]struct{}
}

// Batch is messages with sequences without holes.
type Batch[M any] struct {
	First    uint64 // sequence
	Messages []M
	Begun    Moment // before the append
	Put      Moment // after its acknowledgement

	bytes int
}

func (b *Batch[M]) last() uint64 { return b.First + uint64(len(b.Messages)) - 1 }

// Moment orders what happens to a feed.
type Moment uint64

// Append is one append under way.
type Append struct {
	begun Moment
	epoch uint64
}

// New makes a feed of so many bytes.
func New[M any](limit int) *Feed[M] { return &Feed[M]{limit: limit, taps: map[*Tap[M]]struct{}{}} }

// Begin notes the beginning of an append. It reports false where nobody reads: nothing is to be
// put then.
func (f *Feed[M]) Begin() (Append, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.taps) == 0 {
		return Append{}, false
	}
	f.moment++
	return Append{Moment(f.moment), f.epoch}, true
}

// Put adds the messages of an append that was acknowledged whole, with sequences from first on. The
// feed keeps them; nobody writes to them any more. Where they do not stand behind all others, the
// stream went back, or two writers of this process met: everything else is forgotten.
func (f *Feed[M]) Put(a Append, first uint64, messages []M, bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.epoch != f.epoch || len(messages) == 0 {
		return
	}
	if first <= f.last {
		f.forget()
	}
	f.moment++
	b := Batch[M]{First: first, Messages: messages, Begun: a.begun, Put: Moment(f.moment), bytes: bytes}
	f.batches = append(f.batches, b)
	f.bytes += bytes
	f.last = b.last()
	for f.bytes > f.limit {
		f.drop(1)
	}
	for t := range f.taps {
		t.wake()
	}
}

// Forget forgets all messages, and those of the appends under way: whether they are stored is for
// the server to say.
func (f *Feed[M]) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	for t := range f.taps {
		t.wake()
	}
}

// forget is called with mu held.
func (f *Feed[M]) forget() {
	f.drop(len(f.batches))
	f.last = 0
	f.epoch++
}

// drop forgets the first n batches. It is called with mu held.
func (f *Feed[M]) drop(n int) {
	for i := range f.batches[:n] {
		f.bytes -= f.batches[i].bytes
	}
	clear(f.batches[:n])
	f.batches = f.batches[n:]
}

// Now is a moment after everything that has been put.
func (f *Feed[M]) Now() Moment {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moment++
	return Moment(f.moment)
}

// Tap is one reader of a feed. It is for one goroutine, but for Ready.
type Tap[M any] struct {
	feed  *Feed[M]
	next  uint64 // sequence; guarded by feed.mu
	since Moment
	epoch uint64 // guarded by feed.mu
	ready chan struct{}
}

// Join adds a reader with the sequence of its next message. It is given the batches of appends that
// begin from here on.
func (f *Feed[M]) Join(next uint64) *Tap[M] {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moment++
	t := &Tap[M]{feed: f, next: next, since: Moment(f.moment), epoch: f.epoch, ready: make(chan struct{}, 1)}
	f.taps[t] = struct{}{}
	return t
}

// Leave removes the reader. It may be repeated.
func (t *Tap[M]) Leave() {
	t.feed.mu.Lock()
	defer t.feed.mu.Unlock()
	delete(t.feed.taps, t)
	t.feed.trim()
}

// Ready gets a value after each change.
func (t *Tap[M]) Ready() <-chan struct{} { return t.ready }

func (t *Tap[M]) wake() {
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// State is what a feed has for a reader.
type State int

// States.
const (
	Nothing State = iota // behind the reader
	Here                 // the batch with its next message
	Beyond               // messages further on: those between are the server's
	Forgot               // it forgot: the reader asks the server, and then goes on here
)

// Take gives the batch with the message next, from that message on, and what is before it is no
// longer needed by this reader. Forgot is told once.
func (t *Tap[M]) Take(next uint64) (Batch[M], State) {
	f := t.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	t.next = next
	f.trim()
	if t.epoch != f.epoch {
		t.epoch = f.epoch
		return Batch[M]{}, Forgot
	}
	i, _ := slices.BinarySearchFunc(f.batches, next, func(b Batch[M], next uint64) int {
		if b.last() < next {
			return -1
		}
		return 1
	})
	if i == len(f.batches) {
		return Batch[M]{}, Nothing
	}
	b := f.batches[i]
	if b.First > next || b.Begun < t.since {
		return Batch[M]{}, Beyond
	}
	b.Messages = b.Messages[next-b.First:]
	b.First = next
	return b, Here
}

// Behind is how far the feed goes beyond a sequence.
func (t *Tap[M]) Behind(sequence uint64) uint64 {
	t.feed.mu.Lock()
	defer t.feed.mu.Unlock()
	if t.feed.last <= sequence {
		return 0
	}
	return t.feed.last - sequence
}

// trim drops the batches that every reader has passed. It is called with mu held.
func (f *Feed[M]) trim() {
	n := 0
	for n < len(f.batches) && f.passed(f.batches[n].last()) {
		n++
	}
	f.drop(n)
}

func (f *Feed[M]) passed(sequence uint64) bool {
	for t := range f.taps {
		if t.next <= sequence {
			return false
		}
	}
	return true
}
