package posted

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/daybook-billing/daybook/events"
)

const (
	// pieceSize is the number of bytes from which on a piece is whole. A snapshot writes the last,
	// smaller one anew each time.
	pieceSize = 512 << 10
	// an address is the number of a piece and a place in it. A piece is longer than pieceSize by
	// one record at the most, and a record is far shorter: its strings have a limit
	// (internal/limit).
	offsetBits = 24
	offsetMask = 1<<offsetBits - 1
	// decodedTexts is how many places, footprints and names are kept decoded.
	decodedTexts = 64
	// nowhere is the address of no record: its piece does not exist.
	nowhere = Address(1<<numberBits - 1)
)

// Address is the place of a span in the log. It is good until the next Tidy.
type Address uint64

// Piece is a part of the log that never changes.
type Piece struct {
	Digest [sha256.Size]byte // of Data
	Data   []byte
}

// Spans is a set of posted spans.
type Spans struct {
	pieces []Piece  // whole ones
	tail   []byte   // the piece that grows
	texts  []uint64 // their addresses, by number
	byText table    // numbers of texts
	byID   table    // addresses of spans

	bytes int // of the log
	dead  int // of the records of spans that are gone, and of those that say so

	cause   string // of the last record
	causeAt Address

	places     [decodedTexts]decoded[place] // by the last bits of the number
	footprints [decodedTexts]decoded[size]
	names      [decodedTexts]decoded[string]
	scratch    []byte
	written    []byte // a text to be numbered
}

// decoded is a text in the form of its use.
type decoded[T any] struct {
	number uint64 // plus 1
	value  T
}

// New returns an empty set.
func New() *Spans {
	return &Spans{byText: newTable(), byID: newTable(), causeAt: nowhere}
}

// Len is the number of spans.
func (s *Spans) Len() int { return s.byID.used }

// Size is how many bytes the log and its indexes take.
func (s *Spans) Size() int {
	n := cap(s.tail) + 8*(cap(s.texts)+len(s.byText.slots)+len(s.byID.slots))
	for _, p := range s.pieces {
		n += cap(p.Data) + sha256.Size
	}
	return n
}

// Find returns the span with an id.
func (s *Spans) Find(id string) (Span, bool) {
	address, ok := s.find(id)
	if !ok {
		return Span{}, false
	}
	return s.At(address), true
}

// Has reports whether there is a span with this id.
func (s *Spans) Has(id string) bool {
	_, ok := s.find(id)
	return ok
}

func (s *Spans) find(id string) (Address, bool) {
	key := s.key(id)
	address, ok := s.byID.find(s.byID.of(key), func(number uint64) bool {
		return bytes.Equal(s.idAt(number), key)
	})
	return Address(address), ok
}

// key is an id as it stands in a record: 16 bytes for a UUID, else its text.
func (s *Spans) key(id string) []byte {
	s.scratch = append(s.scratch[:0], id...)
	if isUUID(id) {
		s.scratch = appendID(s.scratch[:0], id, true)
	}
	return s.scratch
}

// Put adds a span, or replaces the one with its id.
func (s *Spans) Put(span *Span) {
	s.Remove(span.ID)
	p := placeOf(span)
	s.written = p.append(s.written[:0])
	placed := s.number(s.written)
	s.written = append(s.written[:0], span.Name...)
	named := s.number(s.written)
	s.written = appendSize(s.written[:0], &span.Span)
	sized := s.number(s.written)
	address := s.end()
	s.tail = s.append(s.tail, span, address, [...]uint64{placed, named, sized})
	s.cause, s.causeAt = span.Cause, s.causeOf(address)
	key := s.key(span.ID)
	s.byID.add(s.byID.of(key), uint64(address), s.idAt)
	s.seal(address)
}

// append writes the record of a span.
func (s *Spans) append(b []byte, span *Span, address Address, numbers [3]uint64) []byte {
	earlier := span.Cause == s.cause && s.causeAt>>offsetBits == address>>offsetBits
	form := byte(0)
	set := func(is bool, bit byte) bool {
		if is {
			form |= bit
		}
		return is
	}
	set(isUUID(span.ID), formID)
	set(earlier, formEarlier)
	set(!earlier && isUUID(span.Cause), formCause)
	own := set(span.Kind == events.KindTask, formOwn)
	set(own && isUUID(span.Resource), formResource)
	never := set(span.Since.IsZero(), formNever)
	since := set(!never && !span.Since.Equal(span.Start), formSince)
	set(span.Correction != "", formCorrection)
	b = append(b, tagSpan, byte(span.Flags), form)
	b = appendID(b, span.ID, form&formID != 0)
	if earlier {
		b = binary.AppendUvarint(b, uint64(address-s.causeAt))
	} else {
		b = appendID(b, span.Cause, form&formCause != 0)
	}
	if own {
		b = appendID(b, span.Resource, form&formResource != 0)
	}
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	start := span.Start.Unix()
	b = appendTime(b, start-epoch, span.Start.Nanosecond())
	b = appendTime(b, span.End.Unix()-start, span.End.Nanosecond())
	if since {
		b = appendTime(b, start-span.Since.Unix(), span.Since.Nanosecond())
	}
	b = binary.AppendUvarint(b, uint64(span.Version+1)) //nolint:gosec // never below -1
	if span.Correction != "" {
		b = appendText(b, span.Correction)
	}
	return b
}

// Remove takes a span out, and reports whether it was there.
func (s *Spans) Remove(id string) bool {
	address, ok := s.find(id)
	if !ok {
		return false
	}
	at := s.end()
	s.tail = binary.AppendUvarint(append(s.tail, tagGone), uint64(address))
	s.gone(address, len(s.tail)-int(at&offsetMask))
	s.seal(at)
	return true
}

// gone takes a span out of the index; said is the length of the record that says so.
func (s *Spans) gone(address Address, said int) {
	s.byID.remove(s.byID.of(s.idAt(uint64(address))), uint64(address), s.idAt)
	r := s.reader(address)
	before := len(r.b)
	_ = s.read(&r, address, false)
	s.dead += before - len(r.b) + said
}

// number is the number of a text; a new one gets a record.
func (s *Spans) number(text []byte) uint64 {
	hash := s.byText.of(text)
	n, ok := s.byText.find(hash, func(n uint64) bool { return bytes.Equal(s.text(n), text) })
	if ok {
		return n
	}
	at := s.end()
	s.tail = append(binary.AppendUvarint(append(s.tail, tagText), uint64(len(text))), text...)
	n = uint64(len(s.texts))
	s.texts = append(s.texts, uint64(at))
	s.byText.add(hash, n, s.text)
	s.seal(at)
	return n
}

// end is the address of the next record.
func (s *Spans) end() Address {
	return Address(len(s.pieces))<<offsetBits | Address(len(s.tail))
}

// seal counts the record at an address, the last, and ends the piece where it is whole.
func (s *Spans) seal(from Address) {
	s.bytes += len(s.tail) - int(from&offsetMask)
	if len(s.tail) < pieceSize {
		return
	}
	data := slices.Clip(bytes.Clone(s.tail))
	s.pieces = append(s.pieces, Piece{sha256.Sum256(data), data})
	s.tail = s.tail[:0]
}

// Tidy writes a new log where more than half of this one is dead. Addresses change.
func (s *Spans) Tidy() {
	if s.dead >= pieceSize && 2*s.dead >= s.bytes {
		s.rewrite()
	}
}

// Shrink is Tidy behind the removal of many spans: a quarter is enough.
func (s *Spans) Shrink() {
	if 4*s.dead >= s.bytes && s.dead > 0 {
		s.rewrite()
	}
}

// rewrite writes the live spans to a new log.
func (s *Spans) rewrite() {
	list := s.All()
	slices.Sort(list)
	fresh := New()
	for _, address := range list {
		span := s.At(address)
		fresh.Put(&span)
	}
	*s = *fresh
}
