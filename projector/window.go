package projector

import (
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file collects the changes of a window, so that all facts of a subject in one batch of a
// collector are one message. The state has every fact at once; only the messages wait. A span that
// is published and retracted within a window leaves no trace.

// Limits of a window. A batch of a collector has no more messages; a window that reaches a limit
// ends there.
const (
	maxWindowMessages = 1000
	maxWindowBytes    = 16 << 20 // of pending changes, about
)

// Limits of the memory to use again: emptied changes, and their closed spans together. A cut has
// changes of all running resources, one after the other; a late one has a span of each day.
const (
	maxFree       = maxWindowMessages
	maxFreeClosed = 8 * maxWindowMessages
)

// window is the facts since the mark of a beginning. Without one every fact is a window of its own.
type window struct {
	first    uint64 // sequence of its first message; 0 while none is open
	messages int
	bytes    int
	source   foundationKey
	pending  []*pending // by subject, in the order of their first change
	free     []*pending // emptied ones
	room     int        // of the free ones for closed spans
}

// pending is what a window changes under one subject.
type pending struct {
	f         *foundation
	sub       *subject
	cause     events.Cause // the last fact with an effect
	retracted []retraction
	closed    []closing
	anomalies []events.Anomaly
	changed   []*entry
	part      uint32 // of the next message
	left      bool   // the subject goes to another tenant: nothing runs under this one any more
}

// retraction is a span as it was published, with its publication.
type retraction struct {
	span events.Span
	of   *entry
	by   publication
}

// closing is a span to be published.
type closing struct {
	span events.Span
	of   *entry
}

// Open begins a window with the message at a sequence of USAGE. The one before, if it has no end,
// must be flushed first.
func (m *Meter) Open(sequence uint64) { m.window.first = sequence }

// Opened returns the sequence of the first message of the open window; 0 while none is open.
func (m *Meter) Opened() uint64 { return m.window.first }

// Flush ends the window, and puts out its changes.
func (m *Meter) Flush(emit func(*events.Metered)) {
	w := &m.window
	for _, p := range w.pending {
		m.put(p, emit)
		p.sub.pending = nil
		for _, e := range p.changed {
			p.f.freeze(e)
		}
		w.keep(p)
	}
	clear(w.pending)
	w.pending = w.pending[:0]
	w.first, w.messages, w.bytes, w.source = 0, 0, 0, foundationKey{}
}

// enter takes a message into the open window. It flushes a window of another source: its last part
// was never stored.
func (m *Meter) enter(key foundationKey, emit func(*events.Metered)) {
	w := &m.window
	if w.messages > 0 && w.source != key {
		m.Flush(emit)
	}
	w.source = key
	w.messages++
}

// leave ends the window where it is none, or is full.
func (m *Meter) leave(emit func(*events.Metered)) {
	if w := &m.window; w.first == 0 || w.messages >= maxWindowMessages || w.bytes >= maxWindowBytes {
		m.Flush(emit)
	}
}

// keep empties changes to be used again: the last ones first, so that the first ones go.
func (w *window) keep(p *pending) {
	if len(w.free) < maxFree {
		w.free = append(w.free, p.emptied())
		w.room += cap(p.closed)
	}
	for ; w.room > maxFreeClosed; w.free = slices.Delete(w.free, 0, 1) {
		w.room -= cap(w.free[0].closed)
	}
}

// emptied keeps the memory, and the number of parts.
func (p *pending) emptied() *pending {
	clear(p.retracted)
	clear(p.closed)
	clear(p.changed)
	*p = pending{
		retracted: p.retracted[:0], closed: p.closed[:0], anomalies: p.anomalies[:0], changed: p.changed[:0],
		part: p.part,
	}
	return p
}

// pend returns the pending changes of a subject.
func (m *Meter) pend(f *foundation, sub *subject) *pending {
	if sub.pending != nil {
		return sub.pending
	}
	w := &m.window
	p := &pending{}
	if n := len(w.free); n > 0 {
		p, w.free = w.free[n-1], w.free[:n-1]
		w.room -= cap(p.closed)
	}
	p.f, p.sub, p.part = f, sub, 0
	sub.pending = p
	w.pending = append(w.pending, p)
	return p
}

// absorb adds the meter's change, which is one timeline's, to the pending ones of its subject.
func (m *Meter) absorb(f *foundation, e *entry, cause events.Cause) {
	ch := &m.ch
	if ch.Empty() {
		return
	}
	p := m.pend(f, e.sub)
	p.cause = cause
	for i := range ch.Retracted {
		p.retract(e, &ch.Retracted[i])
	}
	for i := range ch.Closed {
		p.close(e, &ch.Closed[i])
	}
	p.anomalies = append(p.anomalies, ch.Anomalies...)
	p.change(e)
	before, crowded := e.held, e.crowded
	if m.recount(e); e.held != before {
		f.held += int(e.held) - int(before)
		m.tally.Changed = true
	}
	if e.crowded && !crowded {
		p.anomalies = append(p.anomalies, events.Anomaly{
			Code: events.AnomalyManyHolds, Resource: e.key.resource, Time: cause.Time,
			Message: fmt.Sprintf("%d parts of it are held, more than a message lists: the others are counted, and "+
				"follow when the first are decided", e.held),
		})
	}
	m.window.bytes += weight(ch)
}

// recount counts what runs and is held of a timeline.
func (m *Meter) recount(e *entry) {
	e.running, e.held, e.crowded = 0, 0, false
	if e.listed { // another one would derive its state again
		m.listing.spans, m.listing.holds = e.Running(m.listing.spans[:0]), e.Held(m.listing.holds[:0])
		e.running, e.held = uint32(len(m.listing.spans)), uint32(len(m.listing.holds)) //nolint:gosec // few
		_, more, _ := events.Fit(m.listing.holds, maxHolds, maxHeldBytes)
		e.crowded = len(more) > 0
	}
}

// weight is the memory of a change in bytes, about.
func weight(ch *timeline.Change) int {
	n := 0
	for _, spans := range [...][]events.Span{ch.Retracted, ch.Closed} {
		for i := range spans {
			n += 700 + 8*len(spans[i].Evidence)
		}
	}
	for i := range ch.Anomalies {
		n += 200 + len(ch.Anomalies[i].Message)
	}
	return n
}

// change notes that a timeline is to be listed.
func (p *pending) change(e *entry) {
	if !slices.Contains(p.changed, e) {
		p.changed = append(p.changed, e)
	}
}

// retract takes a span back: out of the pending ones, else as it was published.
func (p *pending) retract(e *entry, s *events.Span) {
	for i := range p.closed {
		if c := &p.closed[i]; c.of == e && c.span.Kind == s.Kind && c.span.Start.Equal(s.Start) {
			p.closed = slices.Delete(p.closed, i, i+1)
			return
		}
	}
	span, by, found := p.f.take(e, s.Kind, s.Start.UnixNano())
	if !found { // the derivation is at fault; the pricer says so
		span = *s
		shorten(&span)
		p.f.identify(&span)
	}
	p.retracted = append(p.retracted, retraction{span, e, by})
}

// close publishes a span, or leaves it as it was published, if that is pending to be retracted.
func (p *pending) close(e *entry, s *events.Span) {
	span := *s
	shorten(&span)
	p.f.identify(&span)
	for i := range p.retracted {
		if r := &p.retracted[i]; r.of == e && r.span.Publication != "" && sameSpan(&r.span, &span) {
			p.f.note(e, &span, r.by)
			p.retracted = slices.Delete(p.retracted, i, i+1)
			return
		}
	}
	p.closed = append(p.closed, closing{span, e})
}

// sameSpan reports whether two spans say the same. An id covers everything but names and evidence.
func sameSpan(a, b *events.Span) bool {
	return a.ID == b.ID && a.Name == b.Name && a.SpaceName == b.SpaceName && slices.Equal(a.Evidence, b.Evidence)
}
