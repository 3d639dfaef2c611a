package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/daybook-billing/daybook/internal/bus/reply"
)

// Append stores the messages as one atomic batch, all or none, if expect holds, and returns the
// sequence of the last one. The batch is on disk when Append returns, if the server syncs always.
// To METERED and BILLING it is AppendDerived: they take nothing else.
//
// Errors: *ConflictError when the expectation is not met; *RoomError when there is no room;
// errors.Is ErrOutcomeUnknown when no answer came and the batch may or may not be stored, or a
// beginning of it; any other error says why nothing was stored. After anything but a
// *ConflictError, read before trying again. An empty batch, or one of more than MaxBatch messages,
// is the caller's mistake and is not sent.
func (b *Bus) Append(ctx context.Context, stream string, msgs []Message, expect Expect) (last uint64, err error) {
	if derived(stream) {
		return b.AppendDerived(ctx, stream, msgs, expect)
	}
	if err := b.appendable(ctx, stream, msgs); err != nil {
		return 0, err
	}
	caller := ctx
	defer func() { err = b.roomFor(caller, stream, err) }()
	ctx, stop := context.WithTimeout(ctx, b.cfg.Timeout)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer b.watch(&inflight{msgs: msgs, cancel: cancel})()

	s := b.scratch.Get().(*scratch) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	defer b.release(s)
	s.fill(msgs, 0)
	s.set(s.msgs[0].Header, jetstream.ExpectedStreamHeader, stream)
	s.expect(expect)
	remember := b.remember(stream)
	// No acknowledgement of the first message is waited for: the commit has the same answer, one
	// round trip earlier, and ends with ctx.
	ack, err := jetstreamext.PublishMsgBatch(ctx, b.outJS, s.refs, jetstreamext.BatchFlowControl{AckFirst: false})
	if err != nil {
		return 0, b.appendError(ctx, stream, msgs, expect, err)
	}
	if ack.Stream != stream {
		return 0, fmt.Errorf("appending to stream %s: the server stored the batch in stream %s: the subjects belong "+
			"there", stream, ack.Stream)
	}
	remember(msgs, ack.Sequence, ack.BatchSize)
	return ack.Sequence, nil
}

// appendable checks a batch, and the connection, before anything is sent.
func (b *Bus) appendable(ctx context.Context, stream string, msgs []Message) error {
	if len(msgs) == 0 || len(msgs) > MaxBatch {
		return fmt.Errorf("appending to stream %s: a batch has 1 to %d messages, not %d", stream, MaxBatch,
			len(msgs))
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("appending to stream %s: nothing was sent: %w", stream, err)
	}
	if !b.out.IsConnected() {
		return fmt.Errorf("appending to stream %s: nothing was sent: %w at %s; it is being repaired", stream,
			ErrNotConnected, redact(b.cfg.URL))
	}
	return nil
}

// watch registers an append under way and returns the function to end it.
func (b *Bus) watch(a *inflight) func() {
	b.mu.Lock()
	b.appends[a] = struct{}{}
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		delete(b.appends, a)
		b.mu.Unlock()
	}
}

// scratch holds the parts of one batch, to be reused for the next: the client's messages, their
// header maps and the values in them.
type scratch struct {
	msgs   [MaxBatch]nats.Msg
	all    [MaxBatch]*nats.Msg
	refs   []*nats.Msg
	values []string
}

// batchHeaders is how many headers the batch itself puts on a message.
const batchHeaders = 3

// expectHeaders is how many headers the stream and an expectation put on the first message.
const expectHeaders = 3

// fill takes over a batch, and leaves room for further headers: expectHeaders on the first message,
// and some on each.
func (s *scratch) fill(msgs []Message, each int) {
	values := expectHeaders + each*len(msgs)
	for i := range msgs {
		values += len(msgs[i].Header)
	}
	if cap(s.values) < values {
		s.values = make([]string, 0, values)
	}
	s.values = s.values[:0]
	for i := range msgs {
		m, to := &msgs[i], &s.msgs[i]
		if to.Header == nil {
			to.Header = make(nats.Header, len(m.Header)+batchHeaders)
			s.all[i] = to
		}
		to.Subject, to.Data, to.Reply = m.Subject, m.Data, ""
		for _, h := range m.Header {
			s.set(to.Header, h.Key, h.Value)
		}
	}
	s.refs = s.all[:len(msgs)]
}

// expect puts an expectation on the first message.
func (s *scratch) expect(expect Expect) {
	first := s.msgs[0].Header
	last := strconv.FormatUint(expect.Last, 10)
	if expect.Filter == "" {
		s.set(first, jetstream.ExpectedLastSeqHeader, last)
	} else {
		s.set(first, jetstream.ExpectedLastSubjSeqHeader, last)
		s.set(first, jetstream.ExpectedLastSubjSeqSubjHeader, expect.Filter)
	}
}

// set puts a header with one value, in s.values: there is room for it.
func (s *scratch) set(h nats.Header, key, value string) {
	n := len(s.values)
	s.values = append(s.values, value)
	h[key] = s.values[n : n+1 : n+1]
}

// release empties the scratch of the caller's memory and gives it back.
func (b *Bus) release(s *scratch) {
	for _, m := range s.refs {
		m.Subject, m.Data, m.Reply = "", nil, ""
		clear(m.Header)
	}
	clear(s.values)
	s.refs = nil
	b.scratch.Put(s)
}

func (b *Bus) appendError(ctx context.Context, stream string, msgs []Message, expect Expect, err error) error {
	what := fmt.Sprintf("appending %d messages to stream %s", len(msgs), stream)
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrDenied) {
		return fmt.Errorf("%s: %w", what, cause)
	}
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		return b.refused(ctx, what, stream, expect, api, 0)
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%s: %w: no stream takes subject %s; nothing was stored; create the streams, or check the "+
			"cluster with nats server report jetstream",
			what, err, msgs[len(msgs)-1].Subject)
	case errors.Is(err, nats.ErrMaxPayload):
		largest := 0
		for i := range msgs {
			if len(msgs[i].Data) > len(msgs[largest].Data) {
				largest = i
			}
		}
		return fmt.Errorf("%s: %w: message %d on %s has %d bytes and the server takes %d with headers; nothing was "+
			"stored; raise max_payload in its configuration",
			what, err, largest, msgs[largest].Subject, len(msgs[largest].Data), b.nc.MaxPayload())
	case errors.Is(err, nats.ErrBadSubject), errors.Is(err, nats.ErrBadHeaderMsg), errors.Is(err, nats.ErrInvalidMsg):
		return fmt.Errorf("%s: %w: nothing was stored; the subject or a header of a message is malformed", what, err)
	}
	if cause != nil {
		err = cause
	}
	return fmt.Errorf("%s: %w: %w", what, ErrOutcomeUnknown, err)
}

// refused explains an error in the server's answer, behind the first stored messages of the batch.
// A store may have failed in the middle.
func (b *Bus) refused(ctx context.Context, what, stream string, expect Expect, api *jetstream.APIError,
	stored uint64,
) error {
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence:
		if actual, ok := reply.LastSequence(api.Description); ok {
			b.settle(ctx, stream, actual)
			return &ConflictError{Stream: stream, Expect: expect, Actual: actual, Stored: stored}
		}
		return b.conflict(ctx, what, stream, expect, stored)
	case jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return b.conflict(ctx, what, stream, expect, stored)
	case codeStoreFailed, codeInsufficientResources, codeStorageExceeded: // the beginning of a batch may be stored
		return fmt.Errorf("%s: %w: %w: %s", what, ErrOutcomeUnknown, api, advice(stream, api))
	}
	return fmt.Errorf("%s: %w: nothing was stored: %s", what, api, advice(stream, api))
}

// settlePause is the time between two looks of settle.
const settlePause = 10 * time.Millisecond

// settle waits until a stream has reached a sequence: the leader of a cluster refuses by the
// sequence that is proposed, and whoever reads then must find the message that came first. A
// proposal may be lost with its leader, so the wait ends with ctx.
func (b *Bus) settle(ctx context.Context, stream string, sequence uint64) {
	for {
		state, err := b.Stream(ctx, stream)
		if err == nil && state.Last >= sequence || Wait(ctx, settlePause) != nil {
			return
		}
	}
}

// conflict looks up the sequence the server found and did not name.
func (b *Bus) conflict(ctx context.Context, what, stream string, expect Expect, stored uint64) error {
	conflict := &ConflictError{Stream: stream, Expect: expect, Stored: stored}
	if expect.Filter == "" {
		state, err := b.Stream(ctx, stream)
		if err != nil {
			return fmt.Errorf("%s: the expectation was refused, and then: %w", what, err)
		}
		conflict.Actual = state.Last
		return conflict
	}
	last, err := b.Last(ctx, stream, expect.Filter)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%s: the expectation was refused, and then: %w", what, err)
	}
	conflict.Actual = last.Sequence
	return conflict
}
