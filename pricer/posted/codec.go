package posted

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Tags of records.
const (
	tagText = 1 + iota
	tagGone
	tagSpan
)

// Forms of a span's record, added up.
const (
	formID         = 1 << iota // the id is a UUID, in 16 bytes
	formCause                  // the cause is
	formResource               // the resource is
	formEarlier                // the cause is that of an earlier record, so many bytes before this one
	formOwn                    // the resource stands in the record
	formSince                  // the span begins after since
	formNever                  // the span has no since
	formCorrection             // it has a correction
)

// epoch is the zero of starts, in Unix seconds: 2020-01-01.
const epoch = 1577836800

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendCount(b []byte, c events.Count) []byte {
	n, known := c.Get()
	if !known {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, uint64(n)+1)
}

// appendTime writes a number of seconds, and the nanoseconds of a second.
func appendTime(b []byte, seconds int64, nanoseconds int) []byte {
	folded := uint64(seconds)<<1 ^ uint64(seconds>>63) //nolint:gosec // zig-zag
	if nanoseconds == 0 {
		return binary.AppendUvarint(b, folded<<1)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, folded<<1|1), uint64(nanoseconds)) //nolint:gosec // below 1e9
}

// appendID writes an id, as a UUID where binary is true.
func appendID(b []byte, id string, binary bool) []byte {
	if !binary {
		return appendText(b, id)
	}
	raw, _ := events.ParseID(id) // isUUID has seen the digits
	return append(b, raw[:]...)
}

// isUUID reports whether an id is a UUID in the form of events.ID.
func isUUID(id string) bool {
	_, ok := events.ParseID(id)
	return ok
}

// reader reads a piece. After a mistake it is damaged, and reads nothing.
type reader struct {
	b       []byte
	damaged bool
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.damaged, r.b = true, nil
		return nil
	}
	part := r.b[:n:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.damaged, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() []byte { return r.take(r.uvarint()) }

func (r *reader) count() events.Count {
	n := r.uvarint()
	if n > math.MaxUint32+1 {
		r.damaged = true
	}
	if n == 0 || r.damaged {
		return events.Count{}
	}
	return events.Some(uint32(n - 1)) //nolint:gosec // as checked
}

func (r *reader) time() (seconds int64, nanoseconds int) {
	v := r.uvarint()
	if v&1 != 0 {
		ns := r.uvarint()
		if ns == 0 || ns >= 1e9 {
			r.damaged = true
			return 0, 0
		}
		nanoseconds = int(ns)
	}
	v >>= 1
	return int64(v>>1) ^ -int64(v&1), nanoseconds
}

// id reads an id.
func (r *reader) id(binary bool) string {
	if !binary {
		return string(r.text())
	}
	raw := r.take(16)
	if raw == nil {
		return ""
	}
	return events.FormatID([16]byte(raw))
}

// at is a moment so many seconds after the epoch. A damaged number of seconds is no panic.
func at(seconds int64, nanoseconds int) time.Time {
	return time.Unix(epoch+seconds, int64(nanoseconds)).UTC()
}
