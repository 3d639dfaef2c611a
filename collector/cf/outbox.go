package cf

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// order says where in the API's order a fact stands.
type order uint8

const (
	behindAll   order = iota
	behindKnown       // behind the fact in AfterGUID
	stillListed       // nowhere: it is no new fact
)

// published is a fact in a batch.
type published struct {
	entry       entry
	id          appender.Key
	order       order
	kind, state string
}

// batch is a number of messages for one append.
type batch struct {
	msgs   []bus.Message
	facts  []published
	buf    []byte
	size   int
	gap    *openGap  // is the first message, unless nil
	cursor *entry    // after the batch, where no fact in order sets it: an event without a new fact
	reach  time.Time // end of the collected time with it; zero when unknown
}

func (b *batch) clear() {
	clear(b.msgs)
	clear(b.facts)
	*b = batch{msgs: b.msgs[:0], facts: b.facts[:0], buf: b.buf[:0]}
}

func (b *batch) message(id, kind, origin, subject string, buffer []byte) {
	start := len(b.buf)
	b.buf = buffer
	body := b.buf[start:len(b.buf):len(b.buf)]
	b.size += len(body)
	header := events.AppendHeaders(nil, id, kind, origin)
	b.msgs = append(b.msgs, bus.Message{Subject: subject, Header: header, Data: body})
}

// reply is the outcome of an append.
type reply struct {
	first uint64 // sequence of the first message
	err   error
}

// outbox puts the messages of a list together and appends them, one batch while the next is filled.
// It belongs to the goroutine of the list's poll. Only the append runs elsewhere, and reads nothing
// but the messages of the batch.
type outbox struct {
	l       *list
	batch   *batch   // is being filled
	spare   *batch   // takes its place while it is appended
	sent    *batch   // is being appended; nil when nothing is
	gap     *openGap // goes in front of the next message; nil when there is none
	after   string   // id of the newest fact in order, stored or not
	replies chan reply
}

func newOutbox(l *list) *outbox {
	return &outbox{l: l, batch: &batch{}, spare: &batch{}, replies: make(chan reply, 1)}
}

// reset forgets everything but a batch under way. after is the id of the list's last fact.
func (o *outbox) reset(after string) {
	o.gap, o.after = nil, after
	o.batch.clear()
}

// add puts a fact into the batch, and the gap in front of the first. after is the id of the fact
// before it in the API's order.
func (o *outbox) add(ctx context.Context, u *events.Usage, k appender.Key, x *entry, where order, after string) error {
	if len(o.batch.msgs) >= appender.MaxBatch || o.batch.size >= appender.MaxBatchBytes {
		if err := o.flush(ctx); err != nil {
			return err
		}
	}
	o.addGap()
	b, f := o.batch, o.l.f
	buffer := u.AppendJSON(b.buf)
	if size := len(buffer) - len(b.buf); size > appender.MaxMessage {
		err := fmt.Errorf("the event has %d bytes with its envelope: a message holds at most %d", size,
			appender.MaxMessage)
		if where == behindAll {
			b.cursor = x
		}
		return f.refusals.put(ctx, o.l.name, &cfapi.Event{GUID: x.guid, Created: x.created, Raw: u.Raw}, after, err)
	}
	subject := events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource())
	b.message(u.ID, events.TypeUsage, f.origin, subject, buffer)
	b.facts = append(b.facts, published{*x, k, where, u.Kind, u.Event})
	if where == behindAll {
		b.cursor = nil
		o.after = u.ID
	}
	return nil
}

// skip moves the cursor behind an event without a new fact. id is its fact's; empty when it has
// none.
func (o *outbox) skip(x *entry, id string) {
	o.batch.cursor = x
	if id != "" {
		o.after = id
	}
}

// addGap puts the gap into an empty batch.
func (o *outbox) addGap() {
	b := o.batch
	if o.gap == nil || len(b.msgs) > 0 {
		return
	}
	b.gap, o.gap = o.gap, nil
	g := &b.gap.Gap
	subject := events.UsageGapSubject(events.SourceCF, o.l.f.Name)
	b.message(g.ID, events.TypeGap, o.l.f.origin, subject, g.AppendJSON(b.buf))
}

// flush begins to append the batch, when the one before is stored. The list's cursor moves when
// await has the reply.
func (o *outbox) flush(ctx context.Context) error {
	o.addGap()
	if err := o.await(); err != nil {
		return err
	}
	if err := o.l.f.refusals.flush(ctx); err != nil {
		return err
	}
	o.sent, o.batch, o.spare = o.batch, o.spare, nil
	if len(o.sent.msgs) == 0 {
		o.replies <- reply{}
		return nil
	}
	go func(b *batch) { // ends with the append; writer.append bounds it
		first, err := o.l.f.writer.append(ctx, b.msgs)
		o.replies <- reply{first, err}
	}(o.sent)
	return nil
}

// await waits until nothing is being appended, and has the list follow a stored batch.
func (o *outbox) await() error {
	if o.sent == nil {
		return nil
	}
	r, b := <-o.replies, o.sent
	if r.err == nil {
		o.l.follow(b, r.first)
	}
	b.clear()
	o.sent, o.spare = nil, b
	return r.err
}

// drain appends everything, and waits for it.
func (o *outbox) drain(ctx context.Context) error {
	if err := o.flush(ctx); err != nil {
		return err
	}
	return o.await()
}
