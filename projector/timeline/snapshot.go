package timeline

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// ErrSnapshot is the error of bytes that no Packer wrote.
var ErrSnapshot = errors.New("what it holds makes no sense")

// tables are the repeated values of a snapshot, by the type of value.
type tables map[any]any

// Packer writes a snapshot: numbers as varints; texts, footprints and the values of Known once, and
// then by their number.
type Packer struct {
	Bytes []byte
	// Alone: a timeline has nothing in common with its foundation, and is read into another one.
	Alone  bool
	tables tables
}

// NewPacker returns a packer of a snapshot that begins with form. Up to room bytes it is never
// copied.
func NewPacker(form string, room int) *Packer {
	return &Packer{Bytes: append(make([]byte, 0, room), form...), tables: tables{}}
}

// Uint writes a number.
func (p *Packer) Uint(n uint64) { p.Bytes = binary.AppendUvarint(p.Bytes, n) }

// Int writes a number with a sign.
func (p *Packer) Int(n int64) { p.Bytes = binary.AppendVarint(p.Bytes, n) }

// Length writes the number of things to follow, each of at least one byte.
func (p *Packer) Length(n int) { p.Uint(uint64(n)) } //nolint:gosec // lengths are not negative

// Moment writes a moment.
func (p *Packer) Moment(m Moment) { p.Int(int64(m)) }

// Bool writes a truth value.
func (p *Packer) Bool(v bool) {
	if v {
		p.Bytes = append(p.Bytes, 1)
	} else {
		p.Bytes = append(p.Bytes, 0)
	}
}

// Raw writes a unique text.
func (p *Packer) Raw(s string) {
	p.Length(len(s))
	p.Bytes = append(p.Bytes, s...)
}

// Text writes a text that may be repeated.
func (p *Packer) Text(s string) {
	if !Known(p, s) {
		p.Raw(s)
	}
}

// noTime is one more than the nanoseconds of a second: the zero time.
const noTime = 1_000_000_000

// Time writes a time as seconds and nanoseconds of Unix time.
func (p *Packer) Time(t time.Time) {
	if t.IsZero() {
		p.Uint(noTime)
		return
	}
	p.Uint(uint64(t.Nanosecond())) //nolint:gosec // 0 to 999,999,999
	p.Int(t.Unix())
}

// Count writes a count.
func (p *Packer) Count(c events.Count) {
	n, ok := c.Get()
	if !ok {
		p.Uint(0)
		return
	}
	p.Uint(uint64(n) + 1)
}

// Footprint writes a footprint.
func (p *Packer) Footprint(f *events.Footprint) {
	if Known(p, *f) {
		return
	}
	for _, c := range footprintCounts(f) {
		p.Count(*c)
	}
	for _, t := range footprintTexts(f) {
		p.Text(*t)
	}
}

func footprintCounts(f *events.Footprint) [3]*events.Count {
	return [...]*events.Count{&f.Instances, &f.MemoryMB, &f.VolumeGB}
}

func footprintTexts(f *events.Footprint) [15]*string {
	return [...]*string{
		&f.ProcessType, &f.Buildpack, &f.BuildpackGUID, &f.Plan, &f.PlanGUID, &f.Offering, &f.OfferingGUID, &f.Broker,
		&f.BrokerGUID, &f.Flavor, &f.FlavorID, &f.Datastore, &f.DatastoreID, &f.Region, &f.AvailabilityZone,
	}
}

// Decisions writes decisions.
func (p *Packer) Decisions(decisions Decisions) {
	p.Length(len(decisions))
	for i := range decisions {
		d := &decisions[i]
		p.Text(d.Hold)
		p.Text(d.ID)
		p.Time(d.At)
		p.Bool(d.Release)
		p.Footprint(&d.Footprint)
	}
}

// LateFacts writes late facts.
func (p *Packer) LateFacts(late []LateFact) {
	p.Length(len(late))
	for i := range late {
		l := &late[i]
		p.Text(l.ID)
		p.Text(l.Event)
		p.Time(l.At)
		p.Footprint(&l.Footprint)
		p.Text(l.Lacks)
	}
}

// Known writes the number of a value. It reports false for a new value: the caller writes it then.
func Known[K comparable](p *Packer, value K) bool {
	seen, ok := p.tables[(*K)(nil)].(map[K]uint64)
	if !ok {
		seen = map[K]uint64{}
		p.tables[(*K)(nil)] = seen
	}
	if n, ok := seen[value]; ok {
		p.Uint(n)
		return true
	}
	seen[value] = uint64(len(seen)) + 1
	p.Uint(0)
	return false
}

// Reader reads a snapshot. After an error it reads zeros, and Failed reports true.
type Reader struct {
	b      []byte
	failed bool
	tables tables
}

// NewReader returns a reader of the bytes of a Packer without its form.
func NewReader(b []byte) *Reader { return &Reader{b: b, tables: tables{}} }

// Fail notes an error: the snapshot makes no sense.
func (r *Reader) Fail() { r.b, r.failed = nil, true }

// Failed reports whether the snapshot makes no sense so far.
func (r *Reader) Failed() bool { return r.failed }

// End returns ErrSnapshot unless everything has been read and makes sense.
func (r *Reader) End() error {
	if r.failed || len(r.b) > 0 {
		return ErrSnapshot
	}
	return nil
}

// Uint reads a number.
func (r *Reader) Uint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// Below reads a number less than a limit.
func (r *Reader) Below(limit uint64) uint64 {
	n := r.Uint()
	if n >= limit {
		r.Fail()
		return 0
	}
	return n
}

// Int reads a number with a sign.
func (r *Reader) Int() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// Length reads the number of things to follow: at most the number of bytes left.
func (r *Reader) Length() int {
	n := r.Uint()
	if n > uint64(len(r.b)) {
		r.Fail()
		return 0
	}
	return int(n) //nolint:gosec // at most len(r.b)
}

// Moment reads a moment.
func (r *Reader) Moment() Moment { return Moment(r.Int()) }

// Bool reads a truth value.
func (r *Reader) Bool() bool { return r.Below(2) == 1 }

// Fill reads as many bytes as b has.
func (r *Reader) Fill(b []byte) {
	if len(r.b) < len(b) {
		r.Fail()
		return
	}
	r.b = r.b[copy(b, r.b):]
}

// Raw reads a text of Packer.Raw.
func (r *Reader) Raw() string {
	n := r.Length()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// Text reads a text of Packer.Text.
func (r *Reader) Text() string {
	if s := Seen(r, func() *string { s := r.Raw(); return &s }); s != nil {
		return *s
	}
	return ""
}

// Time reads a time.
func (r *Reader) Time() time.Time {
	nanoseconds := r.Uint()
	if nanoseconds == noTime {
		return time.Time{}
	}
	seconds := r.Int()
	if nanoseconds > noTime || seconds < math.MinInt32*10 || seconds > math.MaxInt32*10 {
		r.Fail()
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

// Count reads a count.
func (r *Reader) Count() events.Count {
	n := r.Below(math.MaxUint32 + 2)
	if n == 0 {
		return events.Count{}
	}
	return events.Some(uint32(n - 1)) //nolint:gosec // below 2^32
}

// Footprint reads a footprint. Equal ones share their memory.
func (r *Reader) Footprint() *events.Footprint {
	f := Seen(r, func() *events.Footprint {
		var f events.Footprint
		for _, c := range footprintCounts(&f) {
			*c = r.Count()
		}
		for _, t := range footprintTexts(&f) {
			*t = r.Text()
		}
		return &f
	})
	if f == nil {
		f = &events.Footprint{}
	}
	return f
}

// Decisions reads decisions.
func (r *Reader) Decisions() (decisions Decisions) {
	for range r.Length() {
		decisions = append(decisions, Decision{
			Hold: r.Text(), ID: r.Text(), At: r.Time(), Release: r.Bool(),
			Footprint: *r.Footprint(),
		})
	}
	return decisions
}

// LateFacts reads late facts.
func (r *Reader) LateFacts() (late []LateFact) {
	for range r.Length() {
		late = append(late, LateFact{
			ID: r.Text(), Event: r.Text(), At: r.Time(), Footprint: *r.Footprint(), Lacks: r.Text(),
		})
	}
	return late
}

// Seen reads a value of Known: by its number, or with `read` if it is new. It returns nil after an
// error.
func Seen[V any](r *Reader, read func() *V) *V {
	list, ok := r.tables[(*V)(nil)].(*[]*V)
	if !ok {
		list = &[]*V{}
		r.tables[(*V)(nil)] = list
	}
	n := r.Uint()
	if r.failed || n > uint64(len(*list)) {
		r.Fail()
		return nil
	}
	if n > 0 {
		return (*list)[n-1]
	}
	v := read()
	*list = append(*list, v)
	return v
}

// Table returns the reader's map of a type of keys and values.
func Table[K comparable, V any](r *Reader) map[K]V {
	key := (*map[K]V)(nil)
	table, ok := r.tables[key].(map[K]V)
	if !ok {
		table = map[K]V{}
		r.tables[key] = table
	}
	return table
}
