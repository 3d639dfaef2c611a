package wire

import "github.com/daybook-billing/daybook/events/text"

// Whole reads one object and nothing else.
func (s *Scanner) Whole(message string) error {
	if s.peek() == '{' {
		s.Skip()
	} else {
		s.failHere("an object")
	}
	return s.End(message)
}

// Raw returns the bytes of the next object, nil for null. They are a part of the message.
func (s *Scanner) Raw() []byte {
	if s.peek() != '{' {
		s.null("an object")
		return nil
	}
	start := s.i
	if !s.Fact {
		s.Skip()
	} else if end := text.ObjectEnd(s.B, s.i); end > 0 {
		s.i = end // what is inside was checked when it was stored
	} else {
		s.fail(s.i, "an object without an end")
	}
	return s.B[start:s.i]
}

// Skip reads any value and checks that it is JSON. It does not recurse: the text decides how deep
// it is nested.
func (s *Scanner) Skip() {
	var nest [maxNesting]byte // the closing brackets of the open values
	depth := 0
	for {
		opened := false
		switch c := s.peek(); c {
		case '{', '[':
			if depth == maxNesting {
				s.fail(s.i, "nested too deep")
				return
			}
			s.i++
			nest[depth] = c + 2 // '}' or ']'
			depth++
			opened = true
		default:
			s.scalar(c)
		}
		for depth > 0 && s.Err == nil {
			closing := nest[depth-1]
			c := s.peek()
			if c == closing {
				s.i++
				depth--
				opened = false
				continue
			}
			if !opened {
				if c != ',' {
					s.failHere("',' or '" + string(closing) + "'")
					return
				}
				s.i++
			}
			if closing == '}' {
				s.skipKey()
			}
			break
		}
		if depth == 0 || s.Err != nil {
			return
		}
	}
}

func (s *Scanner) skipKey() {
	if s.peek() != '"' {
		s.failHere("a field name in quotes")
		return
	}
	s.stringBytes()
	if s.peek() != ':' {
		s.failHere("':'")
		return
	}
	s.i++
}

func (s *Scanner) scalar(first byte) {
	switch {
	case first == '"':
		s.stringBytes()
	case first == '-' || first >= '0' && first <= '9':
		s.number()
	case first == 't' && s.literal("true"), first == 'f' && s.literal("false"), first == 'n' && s.literal("null"):
	default:
		s.failHere("a value")
	}
}

// number reads a JSON number.
func (s *Scanner) number() {
	if end := text.NumberEnd(s.B, s.i); end > 0 {
		s.i = end
	} else {
		s.fail(s.i, "a wrong number")
	}
}
