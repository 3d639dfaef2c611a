package events

import (
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/events/text"
)

// quoted reads a string, or null and reports false.
func (s *scanner) quoted(want string) ([]byte, bool) {
	if s.peek() != '"' {
		s.null(want)
		return nil, false
	}
	b := s.stringBytes()
	return b, s.err == nil
}

// text reads a string. Old is what the field held before: successive messages share much, and an
// equal text need not be allocated again.
func (s *scanner) text(old string) string {
	b, ok := s.quoted("a string")
	switch {
	case !ok || len(b) == 0:
		return ""
	case string(b) == old:
		return old
	case s.keep != nil:
		return s.keep.intern(b)
	}
	return string(b)
}

// name reads a string of this message alone, such as an id: it is not worth a place in the
// Interner.
func (s *scanner) name() string {
	b, _ := s.quoted("a string")
	return string(b)
}

// timestamp reads an RFC 3339 time.
func (s *scanner) timestamp() time.Time {
	at := s.i
	b, ok := s.quoted("a time in quotes")
	if !ok {
		return time.Time{}
	}
	if t, ok := text.ParseUTC(string(b)); ok {
		return t
	}
	t, err := ParseTime(string(b))
	if err != nil {
		s.fail(at, err.Error())
	}
	return t
}

// decimal reads a decimal in quotes.
func (s *scanner) decimal() Decimal {
	at := s.i
	b, ok := s.quoted("a decimal number in quotes")
	if !ok {
		return Decimal{}
	}
	if d, ok := money.ParseShort(b); ok {
		return d
	}
	d, err := ParseDecimal(string(b))
	if err != nil {
		s.fail(at, err.Error())
	}
	return d
}

// uint reads a whole number up to limit, bare or in quotes: the proto3 JSON mapping reads both.
func (s *scanner) uint(limit uint64) (uint64, bool) {
	at := s.i
	c := s.peek()
	quoted := c == '"'
	if !quoted && (c < '0' || c > '9') {
		if c != '-' {
			s.null("a whole number")
			return 0, false
		}
		s.fail(s.i, fmt.Sprintf("want a whole number from 0 to %d", limit))
		return 0, false
	}
	var digits []byte
	if quoted {
		digits = s.stringBytes()
	} else {
		start := s.i
		s.number()
		digits = s.b[start:s.i]
	}
	if s.err != nil {
		return 0, false
	}
	n, ok := text.ParseUint(digits)
	if !ok || n > limit {
		s.fail(at, fmt.Sprintf("want a whole number from 0 to %d", limit))
		return 0, false
	}
	return n, true
}

func (s *scanner) uint32() uint32 {
	n, _ := s.uint(1<<32 - 1)
	return uint32(n) //nolint:gosec // uint keeps the limit
}

// bool reads true, false or null.
func (s *scanner) bool() bool {
	switch s.peek() {
	case 't':
		if s.err == nil && s.literal("true") {
			return true
		}
	case 'f':
		if s.err == nil && s.literal("false") {
			return false
		}
	}
	s.null("true or false")
	return false
}

func (s *scanner) uint64() uint64 {
	n, _ := s.uint(1<<64 - 1)
	return n
}

func (s *scanner) count() Count {
	n, ok := s.uint(1<<32 - 1)
	return Count{uint32(n), ok} //nolint:gosec // uint keeps the limit
}

// flags reads a list of names. Unknown names belong to a newer version, and are ignored
// like its fields.
func (s *scanner) flags() Flags {
	var f Flags
	for ok := s.list(); ok && s.element(); {
		b, _ := s.quoted("a string")
		for _, n := range flagNames() {
			if string(b) == n.name {
				f |= n.flag
			}
		}
	}
	return f
}

// uint64s always returns new memory: spans are copied by value and kept.
func (s *scanner) uint64s() []uint64 {
	var room [8]uint64
	list := room[:0]
	for ok := s.list(); ok && s.element(); {
		list = append(list, s.uint64())
	}
	if len(list) == 0 {
		return nil
	}
	return append([]uint64(nil), list...)
}

func (s *scanner) texts(list []string) []string {
	for ok := s.list(); ok && s.element(); {
		b, _ := s.quoted("a string")
		list = append(list, string(b))
	}
	return list
}

func readList[T any, P interface {
	*T
	read(s *scanner)
}](s *scanner, list []T) []T {
	for ok := s.list(); ok && s.element(); {
		list = grow(list)
		P(&list[len(list)-1]).read(s)
	}
	return list
}

// grow adds an element, with the former content of its memory: read takes strings from there.
func grow[T any](list []T) []T {
	if len(list) < cap(list) {
		return list[:len(list)+1]
	}
	var zero T
	return append(list, zero)
}
