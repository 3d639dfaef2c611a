package timeline

import (
	"encoding/binary"

	"github.com/daybook-billing/daybook/events"
)

// Freezer is a Timeline with a small form for the simplest and most frequent case. The meter keeps
// unlisted timelines in it, and thaws one when something is told of it.
type Freezer interface {
	Timeline
	// Freeze appends the small form, and reports whether the timeline has one.
	Freeze(b []byte, d *Dictionary) ([]byte, bool)
	// Thaw reads the small form into a timeline without facts, and returns the bytes behind it.
	Thaw(b []byte, d *Dictionary) []byte
	// Whole returns the span of the small form, from the first fact to the last, and the sequence
	// of the last fact.
	Whole() (span events.Span, last uint64)
	// StartsBefore and EndsBefore report whether the first and the last fact count before a time.
	StartsBefore(at Moment) bool
	EndsBefore(at Moment) bool
}

// Labels are the texts that many frozen timelines share.
type Labels struct{ App, Tenant, Space, SpaceName string }

// maxNames is how many names a dictionary keeps: further ones stand in each timeline.
const maxNames = 1024

// Dictionary numbers the values that frozen timelines share. It only grows.
type Dictionary struct {
	labels  []Labels
	sizes   []*events.Footprint
	names   []string
	labelOf map[Labels]uint64
	sizeOf  map[events.Footprint]uint64
	nameOf  map[string]uint64
}

// NewDictionary returns an empty dictionary.
func NewDictionary() *Dictionary {
	return &Dictionary{
		labelOf: map[Labels]uint64{}, sizeOf: map[events.Footprint]uint64{}, nameOf: map[string]uint64{},
	}
}

// Labels appends the number of labels.
func (d *Dictionary) Labels(b []byte, l Labels) []byte {
	n, known := d.labelOf[l]
	if !known {
		n = uint64(len(d.labels))
		d.labels = append(d.labels, l)
		d.labelOf[l] = n
	}
	return binary.AppendUvarint(b, n)
}

// Size appends the number of a footprint.
func (d *Dictionary) Size(b []byte, f *events.Footprint) []byte {
	n, known := d.sizeOf[*f]
	if !known {
		n = uint64(len(d.sizes))
		d.sizes = append(d.sizes, f)
		d.sizeOf[*f] = n
	}
	return binary.AppendUvarint(b, n)
}

// Name appends the number of a name, or the name.
func (d *Dictionary) Name(b []byte, name string) []byte {
	n, known := d.nameOf[name]
	if !known && len(d.names) < maxNames {
		n, known = uint64(len(d.names)), true
		d.names = append(d.names, name)
		d.nameOf[name] = n
	}
	if known {
		return binary.AppendUvarint(b, n<<1)
	}
	b = binary.AppendUvarint(b, uint64(len(name))<<1|1)
	return append(b, name...)
}

// Frozen reads the small form of timelines, as it was written.
type Frozen struct {
	B  []byte
	Of *Dictionary
}

// Uint reads a number.
func (r *Frozen) Uint() uint64 {
	n, size := binary.Uvarint(r.B)
	r.B = r.B[size:]
	return n
}

// Int reads a number with a sign.
func (r *Frozen) Int() int64 {
	n, size := binary.Varint(r.B)
	r.B = r.B[size:]
	return n
}

// Labels reads labels.
func (r *Frozen) Labels() Labels { return r.Of.labels[r.Uint()] }

// Size reads a footprint.
func (r *Frozen) Size() *events.Footprint { return r.Of.sizes[r.Uint()] }

// Name reads a name.
func (r *Frozen) Name() string {
	n := r.Uint()
	if n&1 == 0 {
		return r.Of.names[n>>1]
	}
	name := string(r.B[:n>>1])
	r.B = r.B[n>>1:]
	return name
}
