package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/events/text"
)

const (
	// maxFields bounds the nesting of our own messages: metered.closed[0].footprint.memory_mb has
	// four levels.
	maxFields = 8
	// maxNesting bounds the nesting of skipped values: the upstream's JSON and unknown fields.
	maxNesting = 200
)

// Scanner reads one JSON text into Daybook's own types. The first error sticks: from then on
// nothing more is read and every loop over fields or elements ends, so callers check only once, in
// End.
//
// It allocates nothing for a repeated string. internal/jsondoc and internal/cfapi read documents of
// other people, with other needs; events may import neither.
type Scanner struct {
	B     []byte   // the text
	Key   []byte   // name of the field being read
	Keep  *Strings // strings to share; nil for none
	Fact  bool     // skip Usage.Raw instead of reading it
	Err   *DecodeError
	fresh bool // an object or list was just opened: its next field or element has no comma in front
	i     int
	depth int
	// path holds the current field or element of each open object or list.
	path    [maxFields]step
	scratch []byte // a string with its escapes resolved; valid until the next string
}

// step is one level of the path: a field, or else the index of an element.
type step struct {
	key   []byte
	index int
}

// fail notes the first problem.
func (s *Scanner) fail(at int, problem string) {
	if s.Err != nil {
		return
	}
	var path strings.Builder
	for _, p := range s.path[:s.depth] {
		switch {
		case p.key == nil && p.index < 0: // opened, and nothing in it yet
		case p.key == nil:
			path.WriteString("[" + strconv.Itoa(p.index) + "]")
		case path.Len() > 0:
			path.WriteByte('.')
			fallthrough
		default:
			fmt.Fprintf(&path, "%.40s", bytes.ToValidUTF8(p.key, []byte("\uFFFD")))
		}
	}
	s.Err = &DecodeError{Path: path.String(), Offset: at, Problem: problem}
}

// failHere fails with the wanted and the actual text.
func (s *Scanner) failHere(want string) {
	if s.i >= len(s.B) {
		s.fail(len(s.B), "want "+want+", but the text ends")
		return
	}
	s.fail(s.i, fmt.Sprintf("want %s, not %q", want, s.B[s.i]))
}

// End returns the error of the whole text, which must end here.
func (s *Scanner) End(message string) error {
	if s.Err == nil && s.peek() != 0 {
		s.failHere("nothing more")
	} else if s.Err == nil && s.i < len(s.B) {
		s.fail(s.i, "want nothing more, not a zero byte")
	}
	if s.Err == nil {
		return nil
	}
	s.Err.Type = message
	return s.Err
}

// peek skips white space and returns the next byte, or 0 at the end and after an error.
func (s *Scanner) peek() byte {
	for s.i < len(s.B) {
		switch c := s.B[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			if s.Err != nil {
				return 0
			}
			return c
		}
	}
	return 0
}

// Object opens an object and reports whether there is one; null stands for none. Its fields follow:
//
//	for ok := s.Object(); ok && s.Field(); {
//		switch string(s.Key) { … }
//	}
func (s *Scanner) Object() bool { return s.open('{', "an object") }

// Message opens the outermost object: null is no message.
func (s *Scanner) Message() bool {
	if s.peek() != '{' {
		s.failHere("an object")
		return false
	}
	return s.Object()
}

// List opens a list, as Object does. Its elements follow: for ok := s.List(); ok && s.Element(); {
// … }.
func (s *Scanner) List() bool { return s.open('[', "a list") }

func (s *Scanner) open(bracket byte, want string) bool {
	if s.peek() != bracket {
		s.null(want)
		return false
	}
	if s.depth == maxFields {
		s.fail(s.i, "nested too deep")
		return false
	}
	s.i++
	s.path[s.depth] = step{index: -1}
	s.depth++
	s.fresh = true
	return true
}

// next goes to the next field or element, and reports whether there is one.
func (s *Scanner) next(bracket byte) bool {
	c := s.peek()
	switch {
	case c == bracket:
		s.i++
		s.depth--
		s.fresh = false
		return false
	case s.fresh:
		s.fresh = false
		return s.Err == nil
	case c == ',':
		s.i++
		return true
	}
	s.failHere("',' or '" + string(bracket) + "'")
	return false
}

// Field reads the name of the next field into s.Key.
func (s *Scanner) Field() bool {
	if s.fieldAsWritten() {
		return true
	}
	if !s.next('}') {
		return false
	}
	if s.peek() != '"' {
		s.failHere("a field name in quotes")
		return false
	}
	start := s.i
	s.Key = s.stringBytes()
	if len(s.Key)+2 < s.i-start { // had escapes: the next string takes its memory
		s.Key = bytes.Clone(s.Key)
	}
	s.path[s.depth-1].key = s.Key
	if s.peek() != ':' {
		s.failHere("':'")
		return false
	}
	s.i++
	return true
}

// fieldAsWritten is Field for the text of our own writers, without white space and escapes. It
// reads all or nothing.
func (s *Scanner) fieldAsWritten() bool {
	i := s.i
	if s.fresh {
		i--
	}
	if i+2 >= len(s.B) || s.B[i+1] != '"' || !s.fresh && s.B[i] != ',' || s.Err != nil {
		return false
	}
	start := i + 2
	end := text.Plain(s.B, start)
	if end+1 >= len(s.B) || s.B[end] != '"' || s.B[end+1] != ':' {
		return false
	}
	s.fresh = false
	s.Key = s.B[start:end]
	s.path[s.depth-1].key = s.Key
	s.i = end + 2
	return true
}

// Element goes to the next element of a list.
func (s *Scanner) Element() bool {
	if !s.next(']') {
		return false
	}
	s.path[s.depth-1].index++
	if s.peek() == 'n' { // as a field null is an absent value, as an element it is nothing
		s.fail(s.i, "null in a list")
	}
	return s.Err == nil
}

// null reads null, the absent value, or fails.
func (s *Scanner) null(want string) {
	s.peek()
	if s.Err == nil && !s.literal("null") {
		s.failHere(want)
	}
}

func (s *Scanner) literal(word string) bool {
	if s.Err != nil || len(s.B)-s.i < len(word) || string(s.B[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

// stringBytes reads the string here. The result is valid until the next one is read.
func (s *Scanner) stringBytes() []byte {
	start := s.i + 1
	i := start
	for ; i+8 <= len(s.B); i += 8 {
		if m := text.Special(binary.LittleEndian.Uint64(s.B[i:])); m != 0 {
			i += bits.TrailingZeros64(m) / 8
			if s.B[i] == '"' {
				s.i = i + 1
				return s.B[start:i]
			}
			break
		}
	}
	return s.specialBytes(start, i)
}

// specialBytes is stringBytes from i on, where the text is not plain, or near the end of the
// text.
func (s *Scanner) specialBytes(start, i int) []byte {
	ascii := true
	for i = text.Plain(s.B, i); ; i = text.Plain(s.B, i) {
		switch {
		case i >= len(s.B):
			s.fail(s.i, "a string without an end")
			return nil
		case s.B[i] == '"':
			if !ascii && !utf8.Valid(s.B[start:i]) {
				s.fail(s.i, "a string that is not UTF-8")
				return nil
			}
			s.i = i + 1
			return s.B[start:i]
		case s.B[i] == '\\':
			return s.unescape(start, i)
		case s.B[i] < ' ':
			s.fail(i, fmt.Sprintf("a control character %q in a string", s.B[i]))
			return nil
		default:
			ascii = false
			for i < len(s.B) && s.B[i] >= utf8.RuneSelf {
				i++
			}
		}
	}
}

// unescape reads the rest of a string from its first backslash, at i, on.
func (s *Scanner) unescape(start, i int) []byte {
	out := append(s.scratch[:0], s.B[start:i]...)
	for i < len(s.B) {
		switch c := s.B[i]; {
		case c == '"':
			s.scratch = out
			if !utf8.Valid(out) {
				s.fail(s.i, "a string that is not UTF-8")
				return nil
			}
			s.i = i + 1
			return out
		case c == '\\':
			r, size := text.UnescapeRune(s.B[i:])
			if size == 0 {
				s.fail(i, "a wrong escape in a string")
				return nil
			}
			out = utf8.AppendRune(out, r)
			i += size
		case c < ' ':
			s.fail(i, fmt.Sprintf("a control character %q in a string", c))
			return nil
		default:
			next := text.Plain(s.B, i)
			next = max(next, i+1) // over a byte beyond ASCII
			out = append(out, s.B[i:next]...)
			i = next
		}
	}
	s.fail(s.i, "a string without an end")
	return nil
}
