package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pingEvery is how long AppendDerived waits for an answer before it asks what became of the batch.
const pingEvery = time.Second

// AppendDerived stores the messages one after the other, as a fast-ingest batch, if expect holds
// before the first, and returns the sequence of the last one. Each message expects its predecessor,
// so the first that is refused ends the batch: the stream holds all of it, a beginning of it, or
// nothing. It is for streams that are derived again where their end is lost: on one server the
// batch is in the server's memory when AppendDerived returns, and on disk later.
//
// Errors: *ConflictError when an expectation is not met, with the number of messages stored before;
// *RoomError when there is no room; errors.Is ErrOutcomeUnknown when a beginning of the batch may
// be stored; any other error says why nothing was stored. After an error, read before trying again.
// A batch of more than MaxBatch messages, an empty one, or one of several messages with a Filter is
// the caller's mistake and is not sent.
func (b *Bus) AppendDerived(ctx context.Context, stream string, msgs []Message, expect Expect) (last uint64,
	err error,
) {
	if err := b.appendable(ctx, stream, msgs); err != nil {
		return 0, err
	}
	caller := ctx
	defer func() { err = b.roomFor(caller, stream, err) }()
	if expect.Filter != "" && len(msgs) > 1 {
		return 0, fmt.Errorf("appending to stream %s: %d messages with an expectation about %s: a derived stream has "+
			"one writer, which expects the last message of the whole stream", stream, len(msgs), expect.Filter)
	}
	ctx, stop := context.WithTimeout(ctx, b.cfg.Timeout)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer b.watch(&inflight{msgs: msgs, cancel: cancel})()

	i := &ingest{bus: b, stream: stream, msgs: msgs, expect: expect}
	remember := b.remember(stream)
	if err := i.send(ctx); err != nil {
		return 0, b.appendError(ctx, stream, msgs, expect, err)
	}
	defer i.close()
	if last, err = i.wait(ctx); err == nil {
		remember(msgs, last, uint64(len(msgs)))
	}
	return last, err
}

// ingest is a fast-ingest batch under way. The server takes the batch, the number of the message in
// it and the operation from the reply subject:
//
//	<inbox>.<flow>.<gap mode>.<number>.<operation>.$FI
//
// Source: ADR-50, and getFastBatch in nats-server/server/stream.go.
type ingest struct {
	bus     *Bus
	stream  string
	msgs    []Message
	expect  Expect
	prefix  string // of reply subjects, up to the gap mode
	sub     *nats.Subscription
	answers chan *nats.Msg
	cause   error // of the end of the batch before its last message
}

// Operations of a fast-ingest batch.
const (
	ingestStart  = "0"
	ingestAdd    = "1"
	ingestCommit = "2" // adds the last message
	ingestPing   = "4" // adds nothing
	ingestSuffix = ".$FI"
	// ingestFlow is how many messages the server takes in before it reports. A batch is bounded,
	// so nobody waits for the report.
	ingestFlow = ".1000.fail."
	// answersBesides are the most answers to a batch, without one to each message.
	answersBesides = 16
	mostHeaders    = 64 << 10 // bytes
)

func (i *ingest) reply(number int, operation string) string {
	return i.prefix + strconv.Itoa(number) + "." + operation + ingestSuffix
}

// send publishes the batch. An error tells that nothing was sent, or that the outcome is unknown.
func (i *ingest) send(ctx context.Context) (err error) {
	b := i.bus
	s := b.scratch.Get().(*scratch) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	defer b.release(s)
	s.fill(i.msgs, 1)
	s.set(s.msgs[0].Header, jetstream.ExpectedStreamHeader, i.stream)
	if i.expect.Filter == "" {
		for n := range i.msgs {
			expected := strconv.FormatUint(i.expect.Last+uint64(n), 10)
			s.set(s.msgs[n].Header, jetstream.ExpectedLastSeqHeader, expected)
		}
	} else {
		s.expect(i.expect)
	}
	for _, m := range s.refs {
		if room := b.out.MaxPayload() - int64(len(m.Data)); room < mostHeaders &&
			room < int64(m.Size()-len(m.Data)-len(m.Subject)) {
			return nats.ErrMaxPayload // before anything is sent
		}
	}
	inbox := b.out.NewInbox()
	i.prefix = inbox + ingestFlow
	i.answers = make(chan *nats.Msg, len(i.msgs)+answersBesides)
	if i.sub, err = b.out.ChanSubscribe(inbox+".>", i.answers); err != nil {
		return err
	}
	for n, m := range s.refs {
		operation := ingestAdd
		switch n + 1 {
		case len(i.msgs):
			operation = ingestCommit
		case 1:
			operation = ingestStart
		}
		m.Reply = i.reply(n+1, operation)
		if err := b.out.PublishMsg(m); err != nil {
			i.close()
			return err
		}
		if ctx.Err() != nil { // denied, or the connection is lost
			i.close()
			return context.Cause(ctx)
		}
	}
	return nil
}

func (i *ingest) close() { _ = i.sub.Unsubscribe() }

// wait waits for the end of the batch.
func (i *ingest) wait(ctx context.Context) (last uint64, err error) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case m := <-i.answers:
			if last, done, err := i.take(ctx, m); done {
				return last, err
			}
		case <-ping.C:
			// A lost answer comes again; of a batch with a lost message the server tells the end.
			_ = i.bus.out.PublishRequest(i.msgs[0].Subject, i.reply(len(i.msgs), ingestPing), nil)
		case <-ctx.Done():
			return 0, i.bus.appendError(ctx, i.stream, i.msgs, i.expect, ctx.Err())
		}
	}
}

// ingestAnswer is an answer of the server: a report on the batch under way, with a type, or the end
// of it.
type ingestAnswer struct {
	Type   string              `json:"type"` // ack, gap, err, or none at the end
	Error  *jetstream.APIError `json:"error"`
	Stream string              `json:"stream"`
	// of the last message: in the stream at the end, in the batch in a report
	Sequence uint64 `json:"seq"`
	Count    uint64 `json:"count"` // of messages stored
}

// take takes an answer. The first one that ends the batch counts: behind it come refusals of the
// rest.
func (i *ingest) take(ctx context.Context, m *nats.Msg) (last uint64, done bool, err error) {
	b, first := i.bus, strings.HasPrefix(m.Subject, i.prefix+"1.")
	if m.Header.Get("Status") == "503" {
		if first {
			return 0, true, b.appendError(ctx, i.stream, i.msgs, i.expect, nats.ErrNoResponders)
		}
		return 0, true, i.torn(0, nats.ErrNoResponders)
	}
	var a ingestAnswer
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return 0, true, i.torn(0, err)
	}
	switch a.Type {
	case "ack":
		return 0, false, nil
	case "gap":
		if i.cause == nil {
			i.cause = errors.New("a message of the batch did not reach the server")
		}
		return 0, false, nil
	case "err":
		if a.Error != nil {
			i.cause = a.Error
		}
		return 0, false, nil
	}
	switch {
	case a.Error != nil && first:
		return 0, true, b.refused(ctx, i.what(), i.stream, i.expect, a.Error, 0)
	case a.Error != nil:
		return 0, true, i.torn(0, a.Error)
	case a.Stream != i.stream:
		return 0, true, fmt.Errorf("appending to stream %s: the server stored the batch in stream %s: the subjects "+
			"belong there", i.stream, a.Stream)
	case a.Count == uint64(len(i.msgs)) && (i.expect.Filter != "" || a.Sequence == i.expect.Last+a.Count):
		return a.Sequence, true, nil
	}
	return 0, true, i.ended(ctx, a.Count)
}

// ended is the error of a batch that ended behind its first messages.
func (i *ingest) ended(ctx context.Context, stored uint64) error {
	var api *jetstream.APIError
	if errors.As(i.cause, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return i.bus.refused(ctx, i.what(), i.stream, i.expect, api, stored)
	}
	return i.torn(stored, i.cause)
}

// torn is the error of a batch of which a beginning may be stored.
func (i *ingest) torn(stored uint64, cause error) error {
	what := i.what()
	if stored > 0 {
		what += fmt.Sprintf(", of which the first %d are stored", stored)
	}
	var api *jetstream.APIError
	switch {
	case errors.As(cause, &api):
		return fmt.Errorf("%s: %w: %w: %s", what, ErrOutcomeUnknown, cause, advice(i.stream, api))
	case cause != nil:
		return fmt.Errorf("%s: %w: %w", what, ErrOutcomeUnknown, cause)
	}
	return fmt.Errorf("%s: %w", what, ErrOutcomeUnknown)
}

func (i *ingest) what() string {
	return fmt.Sprintf("appending %d messages to stream %s", len(i.msgs), i.stream)
}
