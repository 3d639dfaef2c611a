// Package reply reads what a JetStream server tells of a message in its reply subject.
package reply

import (
	"strconv"
	"strings"
)

// Meta is the content of a delivered message's reply subject.
type Meta struct {
	Stream, Consumer uint64 // sequences
	Pending          uint64 // messages still to come
	Time             int64  // of storing, in nanoseconds since 1970
}

// Parse reads $JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer
// seq>.<time>.<pending>, or the longer form $JS.ACK.<domain>.<account>.<stream>…<pending>.<token>.
// Source: NATS ADR-15.
func Parse(reply string) (m Meta, ok bool) {
	rest, ok := strings.CutPrefix(reply, "$JS.ACK.")
	if !ok {
		return m, false
	}
	var skip int // tokens before the stream sequence
	switch dots := strings.Count(rest, "."); {
	case dots == 6:
		skip = 3
	case dots >= 8:
		skip = 5
	default:
		return m, false
	}
	for range skip {
		_, rest, _ = strings.Cut(rest, ".")
	}
	var numbers [4]uint64
	for i := range numbers {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		n, err := strconv.ParseUint(token, 10, 63)
		if err != nil {
			return m, false
		}
		numbers[i] = n
	}
	at := int64(numbers[2]) //nolint:gosec // parsed with 63 bits
	return Meta{Stream: numbers[0], Consumer: numbers[1], Time: at, Pending: numbers[3]}, true
}

// LastSequence reads N out of the server's "wrong last sequence: N".
func LastSequence(description string) (uint64, bool) {
	_, number, ok := strings.Cut(description, "wrong last sequence: ")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
	return n, err == nil
}
