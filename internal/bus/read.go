package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ReadOptions narrow the messages of a Reader.
type ReadOptions struct {
	Filters     []string // subjects, with wildcards; none: the whole stream. Must not overlap
	HeadersOnly bool     // Data stays empty
	// LastPerSubject gives only the last message of each subject, in the order of the stream, and
	// after them all new ones. A subject with a new message meanwhile may come twice: the later
	// one counts.
	LastPerSubject bool
	// FromServer has every message come from the server, with its time.
	FromServer bool
	// Reach is a sequence up to which the stream has gone: for Each it is ErrStreamChanged where it
	// has lost its end since. 0: it may be of any length.
	Reach uint64

	heartbeat time.Duration // of a server with nothing to send; 0: pullHeartbeat
}

const (
	retryFirst = 50 * time.Millisecond // pause after a first failed attempt to go on reading; doubled up to retryMost
	retryMost  = 2 * time.Second
)

// Reader reads a stream in order. It is for one goroutine. It has no goroutine of its own: messages
// sent ahead wait in a bounded buffer until Next is called.
//
// With Config.Feed a Reader of all messages takes those that its own connection appended from
// memory, once they are acknowledged; they have no Time. It gives up its consumer at the server
// while it reads from memory alone, and makes another one where the memory lacks its next message,
// or has had nothing for 100 ms.
type Reader struct {
	bus     *Bus
	stream  string
	options ReadOptions
	created time.Time // of the stream
	next    uint64    // the lowest sequence not given yet
	deleted []uint64  // deleted by the server's report, sorted; looked up when there is a gap
	pull    *pull     // nil: to be opened
	tail    *tail     // nil: all comes from the server
	timer   *time.Timer
	failed  error // the end of the reading, for good
}

// Read reads a stream in order, beginning with sequence from (0 counts as 1), and then waits for
// new messages. If the stream begins later, reading begins there: a caller in need of all messages
// compares with Stream first. It is an error (ErrStreamChanged) if the stream ends before from-1,
// and ErrNotFound if there is none.
//
// The caller must Close the reader.
func (b *Bus) Read(ctx context.Context, stream string, from uint64, options ReadOptions) (*Reader, error) {
	state, err := b.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	return b.readFrom(ctx, stream, state, from, options)
}

// readFrom is Read after a look at the stream.
func (b *Bus) readFrom(ctx context.Context, stream string, state StreamState, from uint64,
	options ReadOptions,
) (*Reader, error) {
	from = max(from, 1)
	if before := max(from-1, options.Reach); before > state.Last {
		return nil, fmt.Errorf("reading stream %s behind message %d: %w: it ends at %d; compare with its backup, or "+
			"start over from an empty state", stream, before, ErrStreamChanged, state.Last)
	}
	r := &Reader{
		bus: b, stream: stream, options: options, created: state.Created, next: max(from, state.First),
		timer: time.NewTimer(time.Hour),
	}
	r.timer.Stop()
	var err error
	r.tail = b.join(stream, r.next, &options)
	if r.pull, err = b.openPull(ctx, stream, r.next, options); err != nil {
		r.tail.close()
		return nil, err
	}
	return r, nil
}

// Next returns the next message, and waits for it if need be. It survives the loss of the
// connection and a restart of the server. Errors: ctx's, at once and with the reader still usable;
// ErrGap when messages are missing and were not deleted one by one, or were removed before they
// could be read; ErrStreamChanged when the stream is another one. After these two the reader is of
// no more use.
func (r *Reader) Next(ctx context.Context) (Stored, error) {
	for {
		if stored, what, err := r.advance(ctx); err != nil || what == isMessage {
			return stored, err
		}
	}
}

// advance takes the next arrival. After isBroken it begins again behind the last message
// given.
func (r *Reader) advance(ctx context.Context) (Stored, incoming, error) {
	if r.failed != nil {
		return Stored{}, isBroken, r.failed
	}
	if err := ctx.Err(); err != nil {
		return Stored{}, isStatus, err
	}
	if stored, ok, err := r.remembered(ctx); ok || err != nil {
		return stored, isMessage, err
	}
	if r.pull == nil {
		if err := r.reopen(ctx); err != nil {
			return Stored{}, isBroken, err
		}
	}
	r.pull.more()
	msg, what, err := r.receive(ctx)
	if err != nil {
		return Stored{}, isStatus, err
	}
	stored := Stored{}
	if what == isMessage {
		stored, what = r.pull.accept(msg)
	}
	if what == isMessage {
		if what, err = r.place(ctx, stored.Sequence); err != nil {
			return Stored{}, what, err
		}
	}
	if what == isBroken {
		r.drop()
	}
	if what != isMessage {
		return Stored{}, what, nil
	}
	r.next = stored.Sequence + 1
	if stored.Pending = max(stored.Pending, r.tail.behind(stored.Sequence)); stored.Pending == 0 {
		stored.Pending = r.pull.come()
	}
	return stored, isMessage, nil
}

// place is the kind of a message to the reader, by its place in the stream.
func (r *Reader) place(ctx context.Context, sequence uint64) (incoming, error) {
	switch {
	case (r.options.LastPerSubject || r.tail != nil) && sequence < r.next:
		return isStatus, nil // was given before the connection was lost, or from memory
	case r.options.LastPerSubject || sequence == r.next:
		return isMessage, nil
	}
	again, err := r.explain(ctx, sequence)
	if again {
		return isBroken, err
	}
	return isMessage, err
}

// Waiting is how many messages there were to read when the server was asked last: at Read, or when
// a lost connection was back.
func (r *Reader) Waiting() uint64 {
	if r.pull == nil {
		return 0
	}
	return r.pull.waiting
}

// receive waits for the server's next arrival. isStatus: there may be something in memory;
// isBroken: nothing came for too long, or the connection was lost meanwhile.
func (r *Reader) receive(ctx context.Context) (*nats.Msg, incoming, error) {
	if msg := r.pull.arrived(); msg != nil {
		return msg, isMessage, nil
	}
	r.timer.Reset(pullSilence)
	defer r.timer.Stop()
	select {
	case msg := <-r.pull.messages:
		return msg, isMessage, nil
	case <-r.tail.ready():
		return nil, isStatus, nil
	case <-ctx.Done():
		return nil, isBroken, ctx.Err()
	case <-r.pull.reconnected:
		return nil, isBroken, nil
	case <-r.timer.C:
		if r.bus.nc.IsClosed() {
			return nil, isBroken, r.closed()
		}
		return nil, isBroken, nil
	}
}

func (r *Reader) closed() error {
	return fmt.Errorf("reading stream %s at message %d: %w", r.stream, r.next, nats.ErrConnectionClosed)
}

// explain decides about an unexpected message: nil if those between were
// deleted, again if the subscription must be opened anew.
func (r *Reader) explain(ctx context.Context, got uint64) (again bool, err error) {
	if got < r.next {
		return true, nil
	}
	if len(r.options.Filters) > 0 || r.allDeleted(got) {
		return false, nil
	}
	info, err := r.bus.streamInfo(ctx, r.stream, jetstream.WithDeletedDetails(true))
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrNotFound) {
			return true, nil // no answer: the message comes again on a new subscription
		}
		return false, errors.Join(ctx.Err(), err)
	}
	if err := r.check(info); err != nil {
		return false, err
	}
	if info.State.FirstSeq > r.next {
		return false, r.removed(info.State.FirstSeq)
	}
	r.deleted = info.State.Deleted
	slices.Sort(r.deleted)
	lost := info.State.Lost != nil && slices.ContainsFunc(info.State.Lost.Msgs,
		func(seq uint64) bool { return seq >= r.next && seq < got })
	if lost || !r.allDeleted(got) {
		r.failed = fmt.Errorf("reading stream %s: %w: after message %d comes %d, and the server does not say that "+
			"what lies between was deleted; read its log and restore the stream",
			r.stream, ErrGap, r.next-1, got)
		return false, r.failed
	}
	return false, nil
}

// removed ends the reading of a stream with its beginning removed before it was read.
func (r *Reader) removed(first uint64) error {
	r.failed = fmt.Errorf("reading stream %s: %w: message %d was removed before it was read, the stream now begins "+
		"at %d; start over, or restore the stream",
		r.stream, ErrGap, r.next, first)
	return r.failed
}

// allDeleted reports whether every sequence from next up to, but not including, got is known as
// deleted.
func (r *Reader) allDeleted(got uint64) bool {
	from, ok := slices.BinarySearch(r.deleted, r.next)
	if !ok {
		return false
	}
	to, _ := slices.BinarySearch(r.deleted, got)
	return uint64(to-from) == got-r.next
}

// check compares the stream with the one at the start of the reading.
func (r *Reader) check(info *jetstream.StreamInfo) error {
	switch {
	case !info.Created.Equal(r.created):
		return r.remade(info.Created)
	case info.State.LastSeq+1 < r.next:
		return r.ended(info.State.LastSeq)
	}
	return nil
}

// ended ends the reading of a stream that lost its end.
func (r *Reader) ended(last uint64) error {
	r.failed = fmt.Errorf("reading stream %s at message %d: %w: it now ends at %d; compare with its backup, or start "+
		"over", r.stream, r.next, ErrStreamChanged, last)
	return r.failed
}

// remade ends the reading of a stream that was made anew.
func (r *Reader) remade(created time.Time) error {
	r.failed = fmt.Errorf("reading stream %s at message %d: %w: it was created at %s, not at %s; start over, or "+
		"restore the old one", r.stream, r.next, ErrStreamChanged, created.UTC().Format(time.RFC3339Nano),
		r.created.Format(time.RFC3339Nano))
	return r.failed
}

// reopen goes on reading behind the last message given, trying until ctx ends or the stream turns
// out to be another one.
func (r *Reader) reopen(ctx context.Context) error {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		connected := r.bus.nextConnection()
		err := r.tryReopen(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case r.hopeless(err):
			return err
		case r.bus.nc.IsClosed():
			return r.closed()
		}
		r.timer.Reset(wait)
		select {
		case <-ctx.Done():
			r.timer.Stop()
			return ctx.Err()
		case <-connected:
		case <-r.timer.C:
		}
	}
}

// hopeless reports whether asking again would not help.
func (r *Reader) hopeless(err error) bool {
	return r.failed != nil || errors.Is(err, ErrNotFound) || errors.Is(err, nats.ErrPermissionViolation)
}

func (r *Reader) tryReopen(ctx context.Context) error {
	info, err := r.bus.streamInfo(ctx, r.stream)
	if err != nil {
		return err
	}
	if err := r.check(info); err != nil {
		return err
	}
	if r.pull, err = r.bus.openPull(ctx, r.stream, r.next, r.options); err == nil && r.tail != nil {
		r.tail.row = 0
	}
	return err
}

func (r *Reader) drop() {
	if r.pull != nil {
		r.pull.close()
		r.pull = nil
	}
}

// Close ends the reading and frees its consumer on the server. Next must not run or be called any
// more.
func (r *Reader) Close() {
	r.timer.Stop()
	r.tail.close()
	r.drop()
	if r.failed == nil {
		r.failed = fmt.Errorf("reading stream %s: the reader is closed", r.stream)
	}
}
