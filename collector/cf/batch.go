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

// place says where in the order a fact goes.
type place uint8

const (
	asNext   place = iota // behind all
	asLate                // where AfterGUID says
	asListed              // it is no new fact
)

// batch is what is published at once.
type batch struct {
	msgs   []bus.Message
	facts  []published
	buf    []byte
	size   int
	gap    *openGap  // is the first message, unless nil
	cursor *mark     // after the batch, where a fact in order does not set it: an event that is no new fact
	reach  time.Time // how far the list has been collected with it; zero when that is not known
}

// published is a fact in a batch.
type published struct {
	mark        mark
	id          appender.Key
	place       place
	kind, state string
}

// answered is what appending a batch came to.
type answered struct {
	first uint64 // sequence of the first message
	err   error
}

func (b *batch) clear() {
	clear(b.msgs)
	clear(b.facts)
	*b = batch{msgs: b.msgs[:0], facts: b.facts[:0], buf: b.buf[:0]}
}

func (b *batch) message(id, kind, origin, at, subject string, buffer []byte) {
	start := len(b.buf)
	b.buf = buffer
	body := b.buf[start:len(b.buf):len(b.buf)]
	b.size += len(body)
	b.msgs = append(b.msgs, bus.Message{Subject: subject, Header: appender.Header(id, kind, origin, at), Data: body})
}

// add puts a fact into the batch, and the pending gap in front of the first. after is the id of the
// fact that it follows.
func (l *list) add(ctx context.Context, u *events.Usage, k appender.Key, m *mark, where place, after string) error {
	if len(l.batch.msgs) >= bus.MaxBatch || l.batch.size >= appender.MaxBatchBytes {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	l.addGap()
	b := l.batch
	buffer := u.AppendJSON(b.buf)
	if size := len(buffer) - len(b.buf); size > appender.MaxMessage {
		err := fmt.Errorf("the event has %d bytes with its envelope: a message holds at most %d", size,
			appender.MaxMessage)
		if where == asNext {
			b.cursor = m
		}
		return l.f.quarantine.put(ctx, l.name, &cfapi.Event{GUID: m.guid, Created: m.created, Raw: u.Raw}, after, err,
			events.FormatTime(u.Time))
	}
	subject := events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource())
	b.message(u.ID, events.TypeUsage, l.f.origin, events.FormatTime(u.Time), subject, buffer)
	b.facts = append(b.facts, published{*m, k, where, u.Kind, u.Event})
	if where == asNext {
		b.cursor = nil
		l.after = u.ID
	}
	return nil
}

// addGap puts the pending gap into an empty batch.
func (l *list) addGap() {
	b := l.batch
	if l.pending == nil || len(b.msgs) > 0 {
		return
	}
	b.gap, l.pending = l.pending, nil
	g := &b.gap.Gap
	b.message(g.ID, events.TypeGap, l.f.origin, events.FormatTime(b.gap.said), events.UsageGapSubject(events.SourceCF,
		l.f.Name), g.AppendJSON(b.buf))
}

// flush begins to append the batch, when the one before is stored. What the list knows moves when
// settle has the answer.
func (l *list) flush(ctx context.Context) error {
	l.addGap()
	if err := l.settle(); err != nil {
		return err
	}
	if err := l.f.quarantine.flush(ctx); err != nil {
		return err
	}
	l.sent, l.batch, l.spare = l.batch, l.spare, nil
	if len(l.sent.msgs) == 0 {
		l.answers <- answered{}
		return nil
	}
	go func(b *batch) { // ends with the append, which is bounded
		first, err := l.f.writer.append(ctx, b.msgs)
		l.answers <- answered{first, err}
	}(l.sent)
	return nil
}

// settle waits until nothing is being appended, and takes note of what was.
func (l *list) settle() error {
	if l.sent == nil {
		return nil
	}
	a, b := <-l.answers, l.sent
	if a.err == nil {
		l.stored(b, a.first)
	}
	b.clear()
	l.sent, l.spare = nil, b
	return a.err
}

// drain appends all that there is, and waits for it.
func (l *list) drain(ctx context.Context) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	return l.settle()
}

// stored takes note of a batch that is in USAGE.
func (l *list) stored(b *batch, first uint64) {
	if b.gap != nil {
		b.gap.sequence = first
		l.gap = b.gap
		l.f.gapSaid(&b.gap.Gap)
		first++
	}
	for i := range b.facts {
		x := &b.facts[i]
		x.mark.sequence = first + uint64(i)
		if l.known != nil {
			l.known[x.id] = x.mark.sequence
		}
		switch x.place {
		case asNext:
			if len(l.window.order) == 0 {
				l.window.start(x.mark.sequence)
			}
			l.window.push(&x.mark, x.id, true)
			l.cursor, l.gap, l.reread = &mark{}, nil, nil
			*l.cursor = x.mark
		case asLate:
			l.window.push(&x.mark, x.id, false)
			l.f.metrics.late.WithLabelValues(l.f.Name, l.name).Inc()
		case asListed:
		}
		if x.place != asListed {
			l.f.metrics.events.WithLabelValues(l.f.Name, l.name, x.kind, x.state).Inc()
		}
	}
	if b.cursor != nil {
		l.cursor = b.cursor
	}
	if !b.reach.IsZero() {
		l.window.forget(l.cutoff(l.date))
		l.reach(b.reach)
	}
}
