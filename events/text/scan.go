package text

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// StringEnd returns the index of the closing quote of a string with its text at i, or -1.
func StringEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := w^every01*'"', w^every01*'\\'
		m := ((quote-every01)&^quote | (backslash-every01)&^backslash) & every80
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) / 8
		if b[i] == '"' {
			return i
		}
		i += 2
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// ObjectEnd returns the index behind the object with its opening bracket at i, or -1. It goes by
// brackets and strings alone: what is inside must be JSON.
func ObjectEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i = StringEnd(b, i+1); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// UnescapeRune reads the escape at the start of b and returns its length, 0 when it is none. Half a
// surrogate pair is none: it is no character, and proto3 JSON refuses it.
func UnescapeRune(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r := hexRune(b)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if r = utf16.DecodeRune(r, hexRune(b[6:])); r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hexRune reads \uXXXX, or returns -1.
func hexRune(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return -1
		}
	}
	return r
}

// NumberEnd returns the index behind the JSON number at i, -1 where there is none: no leading
// zeros, no NaN, no infinities. At i is a digit or a minus.
func NumberEnd(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	whole := i
	i = digitsEnd(b, i)
	if i == whole || i > whole+1 && b[whole] == '0' {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		fraction := i + 1
		if i = digitsEnd(b, fraction); i == fraction {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		exponent := i + 1
		if exponent < len(b) && (b[exponent] == '+' || b[exponent] == '-') {
			exponent++
		}
		if i = digitsEnd(b, exponent); i == exponent {
			return -1
		}
	}
	return i
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

// ParseUint reads decimal digits without a leading zero.
func ParseUint(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	if len(b) == 20 { // may not fit
		n, err := strconv.ParseUint(string(b), 10, 64)
		return n, err == nil
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
