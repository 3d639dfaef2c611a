package jsondoc

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// text passes the string at pos, which is at its opening quote, and reports whether it holds
// escapes.
func (s *scanner) text() (escaped bool, err error) {
	src, i := s.src, s.pos+1
	for {
		if i = Plain(src, i); i >= len(src) {
			s.pos = len(src)
			return escaped, s.fail("a closing double quote")
		}
		switch c := src[i]; c {
		case '"':
			s.pos = i + 1
			return escaped, nil
		case '\\':
			escaped = true
			if i+1 < len(src) && src[i+1] == '"' { // most are: texts hold JSON more often than anything else
				i += 2
				continue
			}
			n, err := escape(src, i)
			if err != nil {
				return true, err
			}
			i += n
		default:
			return escaped, &SyntaxError{i + 1, fmt.Sprintf("found the control character %#02x in a string, expected "+
				"it escaped", c)}
		}
	}
}

// Plain returns the first position from i on that holds a quote, a backslash or a control
// character, eight bytes at a time.
func Plain(src []byte, i int) int {
	for ; i+8 <= len(src); i += 8 {
		if hit := special(binary.LittleEndian.Uint64(src[i:])); hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(src); i++ {
		if c := src[i]; c < 0x20 || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// special sets the high bit of the first byte in a word that is a quote, a backslash or a control
// character, and no bit below it.
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^(ones*'"'), w^(ones*'\\')
	// A byte's high bit is set when it is below 0x20, or equal to one of the two. Borrows can only
	// set bits above a true hit, so that the lowest is exact; bytes from 0x80 on are cleared by
	// their own high bit.
	return ((w-ones*0x20)&^w | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
}

// escape checks the escape sequence at i and returns its length; a surrogate pair is one sequence.
func escape(src []byte, i int) (int, error) {
	if i+1 >= len(src) {
		return 0, &SyntaxError{len(src) + 1, "the line ends inside a string: it is incomplete"}
	}
	switch src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	case 'u':
	default:
		return 0, &SyntaxError{i + 1, fmt.Sprintf("found the escape \\%c, which JSON does not know", src[i+1])}
	}
	r, ok := hex4(src, i+2)
	switch {
	case !ok:
		return 0, &SyntaxError{i + 1, "found \\u without four hexadecimal digits"}
	case r == 0:
		return 0, &SyntaxError{i + 1, "found \\u0000, which cannot be stored"}
	case !utf16.IsSurrogate(r):
		return 6, nil
	}
	if i+7 < len(src) && src[i+6] == '\\' && src[i+7] == 'u' {
		if low, ok := hex4(src, i+8); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
			return 12, nil
		}
	}
	return 0, &SyntaxError{i + 1, "found half a surrogate pair, which is no character"}
}

func hex4(src []byte, i int) (rune, bool) {
	if i+4 > len(src) {
		return 0, false
	}
	var r rune
	for _, c := range src[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unquote decodes the inside of a string after text has passed it.
func unquote(src []byte, escaped bool) string {
	if !escaped {
		return string(src)
	}
	return string(appendUnquoted(make([]byte, 0, len(src)+8), src))
}

// appendUnquoted appends the meaning of the inside of a string after text has passed it. The two do
// not overlap.
func appendUnquoted(b, src []byte) []byte {
	b = slices.Grow(b, len(src)+8) // no escape is shorter than its meaning; a word is written whole
	n := len(b)
	to := b[:cap(b)]
	for i := 0; i < len(src); {
		if i+8 <= len(src) {
			w := binary.LittleEndian.Uint64(src[i:])
			binary.LittleEndian.PutUint64(to[n:], w)
			hit := special(w)
			if hit == 0 {
				i, n = i+8, n+8
				continue
			}
			before := bits.TrailingZeros64(hit) / 8
			i, n = i+before, n+before
		} else if src[i] != '\\' {
			to[n] = src[i]
			i, n = i+1, n+1
			continue
		}
		if c := src[i+1]; c == 'u' {
			r, length := unicodeEscape(src[i:])
			n += utf8.EncodeRune(to[n:], r)
			i += length
		} else {
			to[n] = meant(c)
			i, n = i+2, n+1
		}
	}
	return b[:n]
}

// meant is the character for a backslash and c.
func meant(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// unicodeEscape decodes the \u sequence at the start of src; a surrogate pair is one.
func unicodeEscape(src []byte) (r rune, length int) {
	r, _ = hex4(src, 2)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, _ := hex4(src, 8)
	return utf16.DecodeRune(r, low), 12
}

// appendText appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendText(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
