package sim

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"time"
)

// guid is a random (version 4) UUID.
type guid [16]byte

func newGUID(random *rand.Rand) guid {
	var g guid
	binary.BigEndian.PutUint64(g[:8], random.Uint64())
	binary.BigEndian.PutUint64(g[8:], random.Uint64())
	g[6] = g[6]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g
}

func (g guid) append(b []byte) []byte {
	b = hex.AppendEncode(b, g[0:4])
	b = append(b, '-')
	b = hex.AppendEncode(b, g[4:6])
	b = append(b, '-')
	b = hex.AppendEncode(b, g[6:8])
	b = append(b, '-')
	b = hex.AppendEncode(b, g[8:10])
	b = append(b, '-')
	return hex.AppendEncode(b, g[10:16])
}

func (g guid) String() string { return string(g.append(make([]byte, 0, 36))) }

// plain is the UUID as 32 hex digits, as OpenStack writes project ids.
func (g guid) plain() string { return hex.EncodeToString(g[:]) }

// quote is s as a JSON string.
func quote(s string) string { return string(appendQuoted(nil, s)) }

// appendQuoted appends s as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			whole, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always marshals
			}
			return append(b, whole...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// quoteOrNull is quote, with null for the empty string: Cloud Controller's presenter turns "" into
// null.
func quoteOrNull(s string) string { return string(appendQuotedOrNull(nil, s)) }

func appendQuotedOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendQuoted(b, s)
}

// stamps writes times; consecutive events often share a second, so the last one is kept.
type stamps struct {
	second int64
	text   [20]byte // 2006-01-02T15:04:05Z
}

func (s *stamps) at(second int64) []byte {
	if s.second != second || s.text[0] == 0 {
		s.second = second
		time.Unix(second, 0).UTC().AppendFormat(s.text[:0], "2006-01-02T15:04:05Z")
	}
	return s.text[:]
}
