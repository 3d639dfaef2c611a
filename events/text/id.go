package text

import "encoding/hex"

const idLength = 36

// ParseID reads a UUID in the one form that FormatID writes: 36 characters, hexadecimal digits in
// lower case. ok is false for every other text, the same UUID in capital letters included.
func ParseID(s string) (id [16]byte, ok bool) {
	if len(s) != idLength {
		return id, false
	}
	n := 0 // digits so far
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return id, false
			}
			continue
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return id, false
		}
		id[n/2] = id[n/2]<<4 | c
		n++
	}
	return id, true
}

// FormatID writes a UUID: 8, 4, 4, 4 and 12 hexadecimal digits in lower case, with dashes between.
func FormatID(id [16]byte) string {
	var text [idLength]byte
	b, from := text[:0], 0
	for i, to := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[from:to])
		from = to
	}
	return string(b)
}
