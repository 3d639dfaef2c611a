package events

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

// scanner reads one JSON text into Daybook's own types. The first error sticks: from then on
// nothing more is read and every loop over fields or elements ends, so callers check only once, in
// end.
//
// It allocates nothing for a repeated string. internal/jsondoc and internal/cfapi read documents of
// other people, with other needs; events may import neither.
type scanner struct {
	b     []byte
	i     int
	fresh bool // an object or list was just opened: its next field or element has no comma in front
	fact  bool // skip Usage.Raw instead of reading it
	// path holds the current field or element of each open object or list.
	path    [maxFields]step
	depth   int
	key     []byte // name of the field being read
	scratch []byte // a string with its escapes resolved; valid until the next string
	keep    *Interner
	err     *DecodeError
	without meteredParts
	base    *shape // what spans without it have; nil for nothing
}

// meteredParts are the spans of a Metered message to pass over.
type meteredParts struct{ changes, running bool }

// spansUnless reads a list of spans, or passes over it.
func (s *scanner) spansUnless(skip bool, into []Span) []Span {
	if skip {
		s.skip()
		return into
	}
	return readList(s, into)
}

// step is one level of the path: a field, or else the index of an element.
type step struct {
	key   []byte
	index int
}

// fail notes the first problem.
func (s *scanner) fail(at int, problem string) {
	if s.err != nil {
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
	s.err = &DecodeError{Path: path.String(), Offset: at, Problem: problem}
}

// failHere fails with the wanted and the actual text.
func (s *scanner) failHere(want string) {
	if s.i >= len(s.b) {
		s.fail(len(s.b), "want "+want+", but the text ends")
		return
	}
	s.fail(s.i, fmt.Sprintf("want %s, not %q", want, s.b[s.i]))
}

// end returns the error of the whole text, which must end here.
func (s *scanner) end(message string) error {
	if s.err == nil && s.peek() != 0 {
		s.failHere("nothing more")
	} else if s.err == nil && s.i < len(s.b) {
		s.fail(s.i, "want nothing more, not a zero byte")
	}
	if s.err == nil {
		return nil
	}
	s.err.Type = message
	return s.err
}

// peek skips white space and returns the next byte, or 0 at the end and after an error.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			if s.err != nil {
				return 0
			}
			return c
		}
	}
	return 0
}

// object opens an object and reports whether there is one; null stands for none. Its fields follow:
//
//	for ok := s.object(); ok && s.field(); {
//		switch string(s.key) { … }
//	}
func (s *scanner) object() bool { return s.open('{', "an object") }

// message opens the outermost object: null is no message.
func (s *scanner) message() bool {
	if s.peek() != '{' {
		s.failHere("an object")
		return false
	}
	return s.object()
}

// list opens a list, as object does. Its elements follow: for ok := s.list(); ok && s.element(); {
// … }.
func (s *scanner) list() bool { return s.open('[', "a list") }

func (s *scanner) open(bracket byte, want string) bool {
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
func (s *scanner) next(bracket byte) bool {
	c := s.peek()
	switch {
	case c == bracket:
		s.i++
		s.depth--
		s.fresh = false
		return false
	case s.fresh:
		s.fresh = false
		return s.err == nil
	case c == ',':
		s.i++
		return true
	}
	s.failHere("',' or '" + string(bracket) + "'")
	return false
}

// field reads the name of the next field into s.key.
func (s *scanner) field() bool {
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
	s.key = s.stringBytes()
	if len(s.key)+2 < s.i-start { // had escapes: the next string takes its memory
		s.key = bytes.Clone(s.key)
	}
	s.path[s.depth-1].key = s.key
	if s.peek() != ':' {
		s.failHere("':'")
		return false
	}
	s.i++
	return true
}

// fieldAsWritten is field for the text of our own writers, without white space and escapes. It
// reads all or nothing.
func (s *scanner) fieldAsWritten() bool {
	i := s.i
	if s.fresh {
		i--
	}
	if i+2 >= len(s.b) || s.b[i+1] != '"' || !s.fresh && s.b[i] != ',' || s.err != nil {
		return false
	}
	start := i + 2
	end := text.Plain(s.b, start)
	if end+1 >= len(s.b) || s.b[end] != '"' || s.b[end+1] != ':' {
		return false
	}
	s.fresh = false
	s.key = s.b[start:end]
	s.path[s.depth-1].key = s.key
	s.i = end + 2
	return true
}

// element goes to the next element of a list.
func (s *scanner) element() bool {
	if !s.next(']') {
		return false
	}
	s.path[s.depth-1].index++
	if s.peek() == 'n' { // as a field null is an absent value, as an element it is nothing
		s.fail(s.i, "null in a list")
	}
	return s.err == nil
}

// null reads null, the absent value, or fails.
func (s *scanner) null(want string) {
	s.peek()
	if s.err == nil && !s.literal("null") {
		s.failHere(want)
	}
}

func (s *scanner) literal(word string) bool {
	if s.err != nil || len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

// stringBytes reads the string here. The result is valid until the next one is read.
func (s *scanner) stringBytes() []byte {
	start := s.i + 1
	i := start
	for ; i+8 <= len(s.b); i += 8 {
		if m := text.Special(binary.LittleEndian.Uint64(s.b[i:])); m != 0 {
			i += bits.TrailingZeros64(m) / 8
			if s.b[i] == '"' {
				s.i = i + 1
				return s.b[start:i]
			}
			break
		}
	}
	return s.specialBytes(start, i)
}

// specialBytes is stringBytes from i on, where the text is not plain, or near the end of the
// text.
func (s *scanner) specialBytes(start, i int) []byte {
	ascii := true
	for i = text.Plain(s.b, i); ; i = text.Plain(s.b, i) {
		switch {
		case i >= len(s.b):
			s.fail(s.i, "a string without an end")
			return nil
		case s.b[i] == '"':
			if !ascii && !utf8.Valid(s.b[start:i]) {
				s.fail(s.i, "a string that is not UTF-8")
				return nil
			}
			s.i = i + 1
			return s.b[start:i]
		case s.b[i] == '\\':
			return s.unescape(start, i)
		case s.b[i] < ' ':
			s.fail(i, fmt.Sprintf("a control character %q in a string", s.b[i]))
			return nil
		default:
			ascii = false
			for i < len(s.b) && s.b[i] >= utf8.RuneSelf {
				i++
			}
		}
	}
}

// unescape reads the rest of a string from its first backslash, at i, on.
func (s *scanner) unescape(start, i int) []byte {
	out := append(s.scratch[:0], s.b[start:i]...)
	for i < len(s.b) {
		switch c := s.b[i]; {
		case c == '"':
			s.scratch = out
			if !utf8.Valid(out) {
				s.fail(s.i, "a string that is not UTF-8")
				return nil
			}
			s.i = i + 1
			return out
		case c == '\\':
			r, size := text.UnescapeRune(s.b[i:])
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
			next := text.Plain(s.b, i)
			next = max(next, i+1) // over a byte beyond ASCII
			out = append(out, s.b[i:next]...)
			i = next
		}
	}
	s.fail(s.i, "a string without an end")
	return nil
}
