package memory

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
)

// errDamaged: the bytes are no snapshot of a ledger.
var errDamaged = errors.New("the ledger's snapshot is damaged")

// writer writes a snapshot: numbers as uvarint, texts with their length in front, and a text that
// was written before as its number.
type writer struct {
	to     io.Writer
	b      []byte            // not written yet
	known  map[string]uint64 // numbers of the texts so far, from 1
	failed error             // the first error of to
}

// flushBytes are written together.
const flushBytes = 64 << 10

func newWriter(to io.Writer) *writer {
	return &writer{to: to, b: make([]byte, 0, 2*flushBytes), known: map[string]uint64{}}
}

// flush writes the rest.
func (w *writer) flush() error {
	if w.failed == nil {
		_, w.failed = w.to.Write(w.b)
	}
	w.b = w.b[:0]
	return w.failed
}

func (w *writer) number(n uint64) {
	if len(w.b) >= flushBytes {
		_ = w.flush() // it is told again at the end
	}
	w.b = binary.AppendUvarint(w.b, n)
}

func (w *writer) length(n int) { w.number(uint64(n)) } //nolint:gosec // a length

func (w *writer) bytes(b []byte) {
	w.length(len(b))
	if len(b) < flushBytes {
		w.b = append(w.b, b...)
	} else if w.flush() == nil {
		_, w.failed = w.to.Write(b)
	}
}

// text writes a text that is likely to come again.
func (w *writer) text(s string) {
	n := w.known[s]
	w.number(n)
	if n == 0 {
		w.known[s] = uint64(len(w.known) + 1)
		w.length(len(s))
		w.b = append(w.b, s...)
	}
}

// once writes a text that does not come again.
func (w *writer) once(s string) {
	w.length(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) decimal(d events.Decimal) {
	var text [64]byte
	w.bytes(d.AppendText(text[:0]))
}

func (w *writer) time(t time.Time) {
	var text [40]byte
	if t.IsZero() {
		w.bytes(nil)
		return
	}
	w.bytes(events.AppendTime(text[:0], t))
}

// reader reads what a writer has written. After a mistake it is damaged, and reads nothing.
type reader struct {
	b       []byte
	known   []string
	damaged bool
}

func (r *reader) fail() {
	r.b, r.damaged = nil, true
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// length reads the number of things to come, each of a byte at least.
func (r *reader) length() int {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return int(n) //nolint:gosec // at most the length
}

// small reads a number of at most 31 bits.
func (r *reader) small() int {
	n := r.number()
	if n > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.length()
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() string {
	n := r.number()
	switch {
	case r.damaged:
		return ""
	case n == 0:
		s := string(r.bytes())
		r.known = append(r.known, s)
		return s
	case n > uint64(len(r.known)):
		r.fail()
		return ""
	}
	return r.known[n-1]
}

func (r *reader) once() string { return string(r.bytes()) }

func (r *reader) decimal() events.Decimal {
	text := r.bytes()
	if d, ok := money.ParseShort(text); ok {
		return d
	}
	d, err := money.Parse(string(text))
	if err != nil {
		r.fail()
	}
	return d
}

func (r *reader) time() time.Time {
	text := r.bytes()
	if len(text) == 0 {
		return time.Time{}
	}
	t, err := events.ParseTime(string(text))
	if err != nil {
		r.fail()
	}
	return t
}
