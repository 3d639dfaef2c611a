package posted

import (
	"bytes"
	"errors"
	"fmt"
)

// Pieces are the parts of the log that never change, and Tail is the rest.
func (s *Spans) Pieces() []Piece { return s.pieces }

// Tail is the part of the log behind its pieces. It is good until the next change.
func (s *Spans) Tail() []byte { return s.tail }

// errDamaged: the bytes are no log of posted spans.
var errDamaged = errors.New("these are not posted spans")

// Restore is the set with a log: the inverse of Pieces and Tail. versions is how many terms
// there are. It fails for a damaged log.
func Restore(pieces []Piece, tail []byte, versions int) (*Spans, error) {
	s := New()
	for i := range pieces {
		s.tail = pieces[i].Data
		if err := s.replay(versions); err != nil {
			return nil, fmt.Errorf("piece %d: %w", i+1, err)
		}
		if len(s.tail) < pieceSize {
			return nil, fmt.Errorf("piece %d: %w: it is not whole", i+1, errDamaged)
		}
		s.pieces = append(s.pieces, pieces[i])
	}
	s.tail = bytes.Clone(tail)
	if err := s.replay(versions); err != nil {
		return nil, fmt.Errorf("the last piece: %w", err)
	}
	return s, nil
}

// replay takes the records of the tail.
func (s *Spans) replay(versions int) error {
	if len(s.tail) > offsetMask {
		return errDamaged
	}
	all := reader{b: s.tail}
	for len(all.b) > 0 {
		offset := len(s.tail) - len(all.b)
		address := Address(len(s.pieces))<<offsetBits | Address(offset) //nolint:gosec // lengths
		switch all.b[0] {
		case tagText:
			all.byte()
			if text := all.text(); !all.damaged {
				s.texts = append(s.texts, uint64(address))
				s.byText.add(s.byText.of(text), uint64(len(s.texts)-1), s.text) //nolint:gosec // a length
			}
		case tagGone:
			all.byte()
			if gone := Address(all.uvarint()); !all.damaged {
				if !s.stands(gone) {
					return errDamaged
				}
				s.gone(gone, len(s.tail)-len(all.b)-offset)
			}
		default:
			span := s.read(&all, address, true)
			if all.damaged || span.Version < -1 || span.Version >= versions || s.Has(span.ID) {
				return errDamaged
			}
			s.cause, s.causeAt = span.Cause, s.causeOf(address)
			s.byID.add(s.byID.of(s.key(span.ID)), uint64(address), s.idAt)
		}
		if all.damaged {
			return errDamaged
		}
	}
	s.bytes += len(s.tail)
	return nil
}

// stands reports whether a span that is not gone has this address.
func (s *Spans) stands(address Address) bool {
	r := s.reader(address)
	if r.damaged || r.b[0] != tagSpan {
		return false
	}
	key := s.idAt(uint64(address))
	_, found := s.byID.find(s.byID.of(key), func(number uint64) bool { return Address(number) == address })
	return found
}
