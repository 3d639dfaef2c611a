package text

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	every01 = 0x0101010101010101
	every80 = 0x8080808080808080
)

// Special marks the first byte of w with a meaning in a JSON string (a quote, a backslash, a
// control character, or a byte beyond ASCII) by the lowest set bit of its result. It is 0 when
// there is none. Bits above the lowest one mean nothing.
func Special(w uint64) uint64 {
	quote := (w ^ every01*'"') - every01
	backslash := (w ^ every01*'\\') - every01
	control := w - every01*' '
	return (w | quote | backslash | control) & every80
}

// AppendString writes a JSON string. What is not UTF-8 becomes U+FFFD, as in encoding/json: a text
// for people is better damaged than lost.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if Special(word(s[i:])) != 0 {
			return appendEscaped(b, s)
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, s...)
	return append(b, '"')
}

// word is the first 8 bytes of s, which has them; the compiler makes one load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}

// Plain returns the index of the first byte from i on with a meaning in a JSON string, or
// len(b).
func Plain(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := Special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}
