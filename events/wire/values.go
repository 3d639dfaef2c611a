package wire

import (
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/events/text"
)

// Quoted reads a string, or null and reports false.
func (s *Scanner) Quoted(want string) ([]byte, bool) {
	if s.peek() != '"' {
		s.null(want)
		return nil, false
	}
	b := s.stringBytes()
	return b, s.Err == nil
}

// Text reads a string. Old is what the field held before: successive messages share much, and an
// equal text need not be allocated again.
func (s *Scanner) Text(old string) string {
	b, ok := s.Quoted("a string")
	switch {
	case !ok || len(b) == 0:
		return ""
	case string(b) == old:
		return old
	case s.Keep != nil:
		return s.Keep.share(b)
	}
	return string(b)
}

// Name reads a string of this message alone, such as an id: it is not worth a place in
// Keep.
func (s *Scanner) Name() string {
	b, _ := s.Quoted("a string")
	return string(b)
}

// Timestamp reads an RFC 3339 time.
func (s *Scanner) Timestamp() time.Time {
	at := s.i
	b, ok := s.Quoted("a time in quotes")
	if !ok {
		return time.Time{}
	}
	if t, ok := text.ParseUTC(string(b)); ok {
		return t
	}
	t, err := text.ParseTime(string(b))
	if err != nil {
		s.fail(at, err.Error())
	}
	return t
}

// Decimal reads a decimal in quotes.
func (s *Scanner) Decimal() money.Decimal {
	at := s.i
	b, ok := s.Quoted("a decimal number in quotes")
	if !ok {
		return money.Decimal{}
	}
	if d, ok := money.ParseShort(b); ok {
		return d
	}
	d, err := money.Parse(string(b))
	if err != nil {
		s.fail(at, err.Error())
	}
	return d
}

// Uint reads a whole number up to limit, bare or in quotes: the proto3 JSON mapping reads both.
func (s *Scanner) Uint(limit uint64) (uint64, bool) {
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
		digits = s.B[start:s.i]
	}
	if s.Err != nil {
		return 0, false
	}
	n, ok := text.ParseUint(digits)
	if !ok || n > limit {
		s.fail(at, fmt.Sprintf("want a whole number from 0 to %d", limit))
		return 0, false
	}
	return n, true
}

// Uint32 reads a whole number of 32 bits.
func (s *Scanner) Uint32() uint32 {
	n, _ := s.Uint(1<<32 - 1)
	return uint32(n) //nolint:gosec // uint keeps the limit
}

// Bool reads true, false or null.
func (s *Scanner) Bool() bool {
	switch s.peek() {
	case 't':
		if s.Err == nil && s.literal("true") {
			return true
		}
	case 'f':
		if s.Err == nil && s.literal("false") {
			return false
		}
	}
	s.null("true or false")
	return false
}

// Uint64 reads a whole number of 64 bits.
func (s *Scanner) Uint64() uint64 {
	n, _ := s.Uint(1<<64 - 1)
	return n
}

// Uint64s always returns new memory: spans are copied by value and kept.
func (s *Scanner) Uint64s() []uint64 {
	var room [8]uint64
	list := room[:0]
	for ok := s.List(); ok && s.Element(); {
		list = append(list, s.Uint64())
	}
	if len(list) == 0 {
		return nil
	}
	return append([]uint64(nil), list...)
}

// Texts appends a list of strings.
func (s *Scanner) Texts(list []string) []string {
	for ok := s.List(); ok && s.Element(); {
		b, _ := s.Quoted("a string")
		list = append(list, string(b))
	}
	return list
}

// ReadList reads a list.
func ReadList[T any](s *Scanner, read func(*Scanner) T) (list []T) {
	for ok := s.List(); ok && s.Element(); {
		list = append(list, read(s))
	}
	return list
}
