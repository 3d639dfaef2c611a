package events

import (
	"strconv"

	"github.com/daybook-billing/daybook/events/text"
)

// The codec is written by hand: a tokenizer such as go-faster/jx takes lone surrogates and invalid
// UTF-8, and does not name the field of an error.

// closeList closes elements that were written from start on, each with a comma in front: the first
// comma becomes the bracket.
func closeList(b []byte, start int) []byte {
	b[start] = '['
	return append(b, ']')
}

// The append… functions are for types of this package, as those of wire are for all.

// appendList appends a field with a list of objects; an empty list is left out. Lists are read by
// one function a type: through a type parameter that measured slower.
func appendList[T any, P interface {
	*T
	appendJSON(b []byte) []byte
}](b []byte, key string, list []T) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, key...)
	start := len(b)
	for i := range list {
		b = P(&list[i]).appendJSON(append(b, ','))
	}
	return closeList(b, start)
}

func appendCount(b []byte, key string, c Count) []byte {
	if !c.ok {
		return b
	}
	return strconv.AppendUint(append(b, key...), uint64(c.n), 10)
}

// appendTrue writes true, and nothing for false.
func appendTrue(b []byte, key string, v bool) []byte {
	if !v {
		return b
	}
	return append(append(b, key...), "true"...)
}

func appendQuoted(b []byte, n uint64) []byte {
	b = append(b, '"')
	b = strconv.AppendUint(b, n, 10)
	return append(b, '"')
}

func appendFlags(b []byte, key string, f Flags) []byte {
	if f&(InferredStart|InferredEnd|ProvisionalEnd) == 0 {
		return b
	}
	b = append(b, key...)
	start := len(b)
	for _, n := range flagNames() {
		if f&n.flag != 0 {
			b = text.AppendString(append(b, ','), n.name)
		}
	}
	return closeList(b, start)
}

func appendUint64s(b []byte, key string, numbers []uint64) []byte {
	if len(numbers) == 0 {
		return b
	}
	b = append(b, key...)
	start := len(b)
	for _, n := range numbers {
		b = appendQuoted(append(b, ','), n)
	}
	return closeList(b, start)
}
