package projector

import (
	"encoding/binary"

	"github.com/daybook-billing/daybook/events"
)

// This file is the form of records in memory.

// Bits at the beginning of a record.
const (
	recordVolume  = 1 << iota // of kind volume, whatever the timeline's kind
	recordByCuts              // see record.byCuts
	recordSeries              // last is not first
	recordSeconds             // all times are whole seconds
	recordID                  // its publication has an id of its own
	recordFlags               // where the flags begin
)

// append appends a record.
func (p *published) append(b []byte, r *record, own string) []byte {
	unit := int64(1)
	head := uint64(r.flags) * recordFlags
	if r.start%1e9 == 0 && r.first%1e9 == 0 && r.last%1e9 == 0 && r.since%1e9 == 0 {
		unit, head = 1e9, head|recordSeconds
	}
	if r.kind != own {
		head |= recordVolume
	}
	if r.byCuts {
		head |= recordByCuts
	}
	if r.last != r.first {
		head |= recordSeries
	}
	if r.by.id != noID {
		head |= recordID
	}
	b = binary.AppendUvarint(b, head)
	b = binary.AppendVarint(b, r.start/unit)
	b = binary.AppendVarint(b, (r.first-r.start)/unit)
	if r.last != r.first {
		b = binary.AppendVarint(b, (r.last-r.first)/unit)
	}
	b = binary.AppendVarint(b, (r.start-r.since)/unit)
	b = binary.AppendUvarint(b, p.number(r.look))
	b = binary.AppendUvarint(b, r.by.sequence)
	b = binary.AppendUvarint(b, uint64(r.by.part))
	b = binary.AppendUvarint(b, uint64(r.by.correction))
	if r.by.id != noID {
		b = append(b, r.by.id[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.evidence)))
	before := r.by.sequence
	for _, sequence := range r.evidence {
		b = binary.AppendVarint(b, int64(sequence-before)) //nolint:gosec // wraps around, and back in decode
		before = sequence
	}
	return b
}

// decode reads the record at an offset, and returns where the next one begins.
func (p *published) decode(at int, own string) (r record, next int) {
	in := recordReader{b: p.bytes[at:]}
	head := in.uint()
	unit := int64(1)
	if head&recordSeconds != 0 {
		unit = 1e9
	}
	r.kind = own
	if head&recordVolume != 0 {
		r.kind = events.KindVolume
	}
	r.flags, r.byCuts = events.Flags(head/recordFlags), head&recordByCuts != 0 //nolint:gosec // three bits
	r.start = in.int() * unit
	r.first = r.start + in.int()*unit
	r.last = r.first
	if head&recordSeries != 0 {
		r.last += in.int() * unit
	}
	r.since = r.start - in.int()*unit
	r.look = p.looks[in.uint()]
	r.by.sequence, r.by.part = in.uint(), uint32(in.uint()) //nolint:gosec // as it was written
	r.by.correction = uint32(in.uint())                     //nolint:gosec // as it was written
	if head&recordID != 0 {
		in.b = in.b[copy(r.by.id[:], in.b):]
	}
	r.evidence = make([]uint64, in.uint())
	before := r.by.sequence
	for i := range r.evidence {
		before += uint64(in.int()) //nolint:gosec // see append
		r.evidence[i] = before
	}
	return r, len(p.bytes) - len(in.b)
}

// recordReader reads the numbers of a record.
type recordReader struct{ b []byte }

func (r *recordReader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	r.b = r.b[size:]
	return n
}

func (r *recordReader) int() int64 {
	n, size := binary.Varint(r.b)
	r.b = r.b[size:]
	return n
}

// number is the number of a look. Few are in use at once: the newest is looked for first.
func (p *published) number(l look) uint64 {
	for i := len(p.looks) - 1; i >= 0; i-- {
		if p.looks[i].same(l) {
			return uint64(i)
		}
	}
	p.looks = append(p.looks, l)
	return uint64(len(p.looks) - 1) //nolint:gosec // not negative
}
