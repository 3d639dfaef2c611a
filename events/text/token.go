package text

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MaxToken is the length in bytes of the longest subject token to be kept as it is; longer ones
// are cut and end in a digest.
const MaxToken = 128

const emptyToken = "%"

// Token makes any string one subject token, so that no foreign value can forge, widen or break a
// subject: ASCII letters, digits, "-" and "_" stay, every other byte becomes %XX, and the empty
// string becomes "%". Different strings give different tokens. A string whose token would exceed
// MaxToken is cut and ends in "%%" and a digest of the whole.
func Token(s string) string {
	if s == "" {
		return emptyToken
	}
	plain := len(s) <= MaxToken
	for i := 0; plain && i < len(s); i++ {
		plain = tokenByte(s[i])
	}
	if plain {
		return s
	}
	b := make([]byte, 0, 3*len(s))
	for i := 0; i < len(s); i++ {
		if tokenByte(s[i]) {
			b = append(b, s[i])
		} else {
			b = append(b, '%', hexDigits[s[i]>>4], hexDigits[s[i]&15])
		}
	}
	if len(b) > MaxToken {
		sum := sha256.Sum256([]byte(s))
		digest := hex.EncodeToString(sum[:16])
		b = append(b[:MaxToken-len(digest)-2], "%%"+digest...)
	}
	return string(b)
}

// Untoken gives back the string of a token, or an error for a text Token cannot have made. A cut
// token has lost its string and is an error too.
func Untoken(token string) (string, error) {
	if token == emptyToken {
		return "", nil
	}
	if token == "" {
		return "", errors.New("empty subject token")
	}
	if len(token) > MaxToken {
		return "", fmt.Errorf("subject token %.40q… is longer than %d bytes", token, MaxToken)
	}
	if !strings.Contains(token, "%") {
		for i := 0; i < len(token); i++ {
			if !tokenByte(token[i]) {
				return "", fmt.Errorf("subject token %q holds the unescaped byte %q", token, token[i])
			}
		}
		return token, nil
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		switch {
		case tokenByte(token[i]):
			b = append(b, token[i])
		case token[i] == '%' && i+2 < len(token) && token[i+1] != '%':
			high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
			if high < 0 || low < 0 || tokenByte(byte(high<<4|low)) {
				return "", fmt.Errorf("subject token %q has a wrong escape at byte %d", token, i)
			}
			b = append(b, byte(high<<4|low))
			i += 2
		default:
			return "", fmt.Errorf("subject token %q cannot be read at byte %d", token, i)
		}
	}
	return string(b), nil
}

const hexDigits = "0123456789ABCDEF"

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
