package posted

import (
	"time"

	"github.com/daybook-billing/daybook/events"
)

func (s *Spans) reader(address Address) reader {
	piece, offset := uint64(address>>offsetBits), uint64(address&offsetMask)
	data := s.tail
	if piece < uint64(len(s.pieces)) {
		data = s.pieces[piece].Data
	}
	if piece > uint64(len(s.pieces)) || offset >= uint64(len(data)) {
		return reader{damaged: true}
	}
	return reader{b: data[offset:]}
}

// text is a text by its number.
func (s *Spans) text(number uint64) []byte {
	r := s.reader(Address(s.texts[number]))
	r.byte()
	return r.text()
}

// idAt is the key of the span at an address.
func (s *Spans) idAt(address uint64) []byte {
	r := s.reader(Address(address))
	r.byte()
	r.byte()
	if r.byte()&formID != 0 {
		return r.take(16)
	}
	return r.text()
}

// At is the span at an address.
func (s *Spans) At(address Address) Span {
	r := s.reader(address)
	return s.read(&r, address, true)
}

// startAt is the start and the key of a span.
func (s *Spans) startAt(address Address) (time.Time, []byte) {
	r := s.reader(address)
	return s.read(&r, address, false).Start, s.idAt(uint64(address))
}

// read reads the record of a span, without its strings unless whole.
func (s *Spans) read(r *reader, address Address, whole bool) (span Span) {
	if r.byte() != tagSpan {
		r.damaged = true
		return span
	}
	span.Flags = events.Flags(r.byte())
	form := r.byte()
	id := func(binary bool) string {
		switch {
		case whole:
			return r.id(binary)
		case binary:
			r.take(16)
		default:
			r.text()
		}
		return ""
	}
	span.ID = id(form&formID != 0)
	if form&formEarlier != 0 {
		if back := Address(r.uvarint()); whole {
			span.Cause = s.causeAgo(r, address, back)
		}
	} else {
		span.Cause = id(form&formCause != 0)
	}
	if form&formOwn != 0 {
		span.Resource = id(form&formResource != 0)
	}
	placed, named, sized := r.uvarint(), r.uvarint(), r.uvarint()
	start, ns := r.time()
	span.Start = at(start, ns)
	length, ns := r.time()
	span.End = at(start+length, ns)
	switch {
	case form&formSince != 0:
		before, ns := r.time()
		span.Since = at(start-before, ns)
	case form&formNever == 0:
		span.Since = span.Start
	}
	span.Version = int(r.uvarint()) - 1 //nolint:gosec // Restore checks it
	if form&formCorrection != 0 {
		span.Correction = string(r.text())
	}
	if whole && !r.damaged {
		s.fill(r, &span, placed, named, sized)
	}
	return span
}

// fill puts the texts into a span.
func (s *Spans) fill(r *reader, span *Span, placed, named, sized uint64) {
	if n := uint64(len(s.texts)); placed >= n || named >= n || sized >= n {
		r.damaged = true
		return
	}
	of := func(number uint64) reader { return reader{b: s.text(number)} }
	if c := &s.places[placed%uint64(len(s.places))]; c.number != placed+1 {
		text := of(placed)
		c.value.read(&text)
		c.number = placed + 1
		r.damaged = r.damaged || text.damaged || len(text.b) > 0
	}
	if c := &s.footprints[sized%uint64(len(s.footprints))]; c.number != sized+1 {
		text := of(sized)
		c.value, c.number = readSize(&text), sized+1
		r.damaged = r.damaged || text.damaged || len(text.b) > 0
	}
	if c := &s.names[named%uint64(len(s.names))]; c.number != named+1 {
		c.value, c.number = string(s.text(named)), named+1
	}
	p := &s.places[placed%uint64(len(s.places))].value
	span.Source, span.Foundation, span.Subject, span.Kind = p.source, p.foundation, p.subject, p.kind
	span.Tenant, span.App, span.Space, span.SpaceName = p.tenant, p.app, p.space, p.spaceName
	if p.resource != "" {
		span.Resource = p.resource
	}
	span.Name = s.names[named%uint64(len(s.names))].value
	size := &s.footprints[sized%uint64(len(s.footprints))].value
	span.Footprint, span.Earlier = size.footprint, size.earlier
}

// causeOf is the address of the record with the cause of a record.
func (s *Spans) causeOf(address Address) Address {
	r := s.reader(address)
	r.byte()
	r.byte()
	form := r.byte()
	if form&formEarlier == 0 {
		return address
	}
	if form&formID != 0 {
		r.take(16)
	} else {
		r.text()
	}
	return address - Address(r.uvarint())
}

// causeAgo is the cause in the record so many bytes before an address.
func (s *Spans) causeAgo(r *reader, address, back Address) string {
	if back > address&offsetMask {
		r.damaged = true
		return ""
	}
	earlier := s.reader(address - back)
	tag, _, form := earlier.byte(), earlier.byte(), earlier.byte()
	if tag != tagSpan || form&formEarlier != 0 {
		r.damaged = true
		return ""
	}
	earlier.id(form&formID != 0)
	cause := earlier.id(form&formCause != 0)
	r.damaged = r.damaged || earlier.damaged
	return cause
}
