package jsondoc

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// Parse reads src: one JSON object with nothing but white space around it. An error is a
// *SyntaxError. The document keeps src; it must not change while the document is in use.
func (d *Document) Parse(src []byte) error {
	d.src, d.nodes = src, d.nodes[:0]
	if len(src) > math.MaxInt32 {
		return &SyntaxError{1, "the line is too long"}
	}
	if !utf8.Valid(src) {
		return &SyntaxError{invalidUTF8(src) + 1, "found a byte that is not UTF-8, expected JSON in UTF-8"}
	}
	return d.scan()
}

// scan reads src, valid UTF-8.
func (d *Document) scan() error {
	src := d.src
	s := scanner{d: d, src: src}
	s.space()
	if s.pos >= len(src) || src[s.pos] != '{' {
		return s.fail("a JSON object, which begins with {")
	}
	if err := s.value(node{}, 0); err != nil {
		return err
	}
	s.space()
	if s.pos < len(src) {
		return s.fail("the end of the line after one JSON object")
	}
	return nil
}

func invalidUTF8(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(src)
}

type scanner struct {
	d   *Document
	src []byte
	pos int
}

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) fail(expected string) error {
	if s.pos >= len(s.src) {
		return &SyntaxError{s.pos + 1, "the line ends where " + expected + " is expected: it is incomplete"}
	}
	r, _ := utf8.DecodeRune(s.src[s.pos:])
	return &SyntaxError{s.pos + 1, fmt.Sprintf("found %q, expected %s", r, expected)}
}

// value reads the value at pos into n, which holds its key already, and appends n and all below it.
func (s *scanner) value(n node, depth int) error {
	if depth > MaxDepth {
		return &SyntaxError{s.pos + 1, fmt.Sprintf("found more than %d levels of nesting", MaxDepth)}
	}
	if len(s.d.nodes) >= MaxNodes {
		return &SyntaxError{s.pos + 1, fmt.Sprintf("found more than %d values", MaxNodes)}
	}
	if s.pos >= len(s.src) {
		return s.fail("a value")
	}
	n.start = uint32(s.pos) //nolint:gosec // Parse bounds the length
	at := len(s.d.nodes)
	var err error
	switch c := s.src[s.pos]; {
	case c == '"':
		n.kind = String
		n.escaped, err = s.text()
	case c == '{' || c == '[':
		n.kind = Array
		if c == '{' {
			n.kind = Object
		}
		s.d.nodes = append(s.d.nodes, n)
		if err = s.members(at, depth); err == nil {
			s.d.nodes[at].end = uint32(s.pos) //nolint:gosec // as above
		}
		return err
	case c == 't':
		n.kind, err = Bool, s.literal("true")
	case c == 'f':
		n.kind, err = Bool, s.literal("false")
	case c == 'n':
		n.kind, err = Null, s.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		n.kind, err = Number, s.number()
	default:
		err = s.fail("a value")
	}
	n.end = uint32(s.pos) //nolint:gosec // as above
	s.d.nodes = append(s.d.nodes, n)
	return err
}

// members reads the object or array that the node at is, from its opening bracket to its closing
// one.
func (s *scanner) members(at, depth int) error {
	closing, object := byte(']'), s.d.nodes[at].kind == Object
	if object {
		closing = '}'
	}
	s.pos++
	s.space()
	if s.pos < len(s.src) && s.src[s.pos] == closing {
		s.pos++
		return nil
	}
	seen := keys{s: s, parent: at}
	last := 0
	for {
		var n node
		if object {
			if err := s.key(&n); err != nil {
				return err
			}
		}
		this := len(s.d.nodes)
		if object {
			if seen.add(&n) {
				return &SyntaxError{int(n.keyStart) + 1, fmt.Sprintf("found the key %.100s twice in one object",
					s.src[n.keyStart:n.keyEnd])}
			}
		}
		if err := s.value(n, depth+1); err != nil {
			return err
		}
		if last == 0 {
			s.d.nodes[at].child = int32(this) //nolint:gosec // MaxNodes
		} else {
			s.d.nodes[last].next = int32(this) //nolint:gosec // MaxNodes
		}
		last = this
		s.space()
		if s.pos < len(s.src) && s.src[s.pos] == closing {
			s.pos++
			return nil
		}
		if s.pos >= len(s.src) || s.src[s.pos] != ',' {
			return s.fail("',' or '" + string(closing) + "'")
		}
		s.pos++
		s.space()
	}
}

func (s *scanner) key(n *node) error {
	if s.pos >= len(s.src) || s.src[s.pos] != '"' {
		return s.fail("a key in double quotes")
	}
	n.keyStart = uint32(s.pos) //nolint:gosec // Parse bounds the length
	escaped, err := s.text()
	if err != nil {
		return err
	}
	n.keyEnd, n.keyEscaped = uint32(s.pos), escaped //nolint:gosec // as above
	s.space()
	if s.pos >= len(s.src) || s.src[s.pos] != ':' {
		return s.fail("':'")
	}
	s.pos++
	s.space()
	return nil
}

func (s *scanner) literal(word string) error {
	for i := 0; i < len(word); i++ {
		if s.pos >= len(s.src) || s.src[s.pos] != word[i] {
			return s.fail(word)
		}
		s.pos++
	}
	return nil
}

func (s *scanner) number() error {
	if s.src[s.pos] == '-' {
		s.pos++
	}
	switch {
	case s.pos < len(s.src) && s.src[s.pos] == '0':
		s.pos++
	case !s.digits():
		return s.fail("a digit")
	}
	if s.pos < len(s.src) && s.src[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return s.fail("a digit")
		}
	}
	if s.pos < len(s.src) && (s.src[s.pos] == 'e' || s.src[s.pos] == 'E') {
		s.pos++
		if s.pos < len(s.src) && (s.src[s.pos] == '+' || s.src[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return s.fail("a digit")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.src) && s.src[s.pos] >= '0' && s.src[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
