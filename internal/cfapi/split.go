package cfapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// splitter finds the end of each value of a JSON document. It checks no more than it needs for
// that. jsondoc, the strict reader, parses each event later.
type splitter struct {
	b []byte
	i int
}

func (s *splitter) damaged(expected string) error {
	if s.i >= len(s.b) {
		return fmt.Errorf("%w: it ends after %d bytes, expected %s", errDamaged, len(s.b), expected)
	}
	return fmt.Errorf("%w: found %q at byte %d, expected %s", errDamaged, s.b[s.i], s.i, expected)
}

func (s *splitter) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\r' || s.b[s.i] == '\t') {
		s.i++
	}
}

// take moves past a byte, with the white space around it.
func (s *splitter) take(c byte) bool {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != c {
		return false
	}
	s.i++
	s.space()
	return true
}

func (s *splitter) object(member func(key []byte) error) error {
	if !s.take('{') {
		return s.damaged("a JSON object")
	}
	if s.take('}') {
		return nil
	}
	for {
		start := s.i
		if err := s.text(); err != nil {
			return err
		}
		key := s.b[start:s.i]
		if !s.take(':') {
			return s.damaged("':'")
		}
		if err := member(key); err != nil {
			return err
		}
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.damaged("',' or '}'")
		}
	}
}

func (s *splitter) array(element func() error) error {
	if !s.take('[') {
		return s.damaged("a list")
	}
	if s.take(']') {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.damaged("',' or ']'")
		}
	}
}

// text moves past a string.
func (s *splitter) text() error {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return s.damaged("a string")
	}
	for i := s.i + 1; ; {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			s.i = len(s.b)
			return s.damaged("the end of a string")
		}
		i += n
		escapes := 0
		for s.b[i-1-escapes] == '\\' {
			escapes++ // ends at the opening quote at the latest
		}
		i++
		if escapes%2 == 0 {
			s.i = i
			return nil
		}
	}
}

// value moves past any value.
func (s *splitter) value() error {
	start, depth := s.i, 0
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case '"':
			if err := s.text(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			s.i++
		case '}', ']':
			if depth == 0 {
				if s.i == start {
					return s.damaged("a value")
				}
				return nil
			}
			depth--
			s.i++
		case ',':
			if depth == 0 {
				return nil
			}
			s.i++
		default:
			s.i++
			continue
		}
		if depth == 0 {
			return nil
		}
	}
	return s.damaged("the end of a value")
}

// event moves past an event, and reads its guid and created_at.
func (s *splitter) event() (Event, error) {
	start := s.i
	if start < len(s.b) && s.b[start] != '{' {
		if err := s.value(); err != nil {
			return Event{}, err
		}
		return s.odd(start)
	}
	var guid, created []byte
	err := s.object(func(key []byte) error {
		at := s.i
		err := s.value()
		switch string(key) {
		case `"guid"`:
			guid = s.b[at:s.i]
		case `"created_at"`:
			created = s.b[at:s.i]
		}
		return err
	})
	if err != nil {
		return Event{}, err
	}
	for s.b[s.i-1] != '}' {
		s.i-- // white space behind it
	}
	e := Event{Raw: s.b[start:s.i]}
	if plain(guid) && plain(created) {
		var ok bool
		if e.Created, ok = createdAt(string(created[1 : len(created)-1])); ok {
			e.GUID = string(guid[1 : len(guid)-1])
			return e, nil
		}
	}
	return s.odd(start)
}

// odd identifies the event between start and here, when it is no object with a plain guid and
// created_at.
func (s *splitter) odd(start int) (Event, error) {
	e := identify(bytes.TrimRight(s.b[start:s.i], " \t\r\n"))
	if e.Unreadable != nil && !json.Valid(e.Raw) {
		return Event{}, fmt.Errorf("%w: an event in it is no JSON", errDamaged)
	}
	return e, nil
}

// plain reports whether the value is a string without escapes, and is not empty.
func plain(v []byte) bool {
	if len(v) < 3 || v[0] != '"' || v[len(v)-1] != '"' {
		return false
	}
	for _, c := range v {
		if c < ' ' || c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}
