package wire

import (
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/events/text"
)

// The Append… functions write one field, or nothing when the value is absent. Key is `,"name":`.

// AppendText writes a text.
func AppendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return text.AppendString(append(b, key...), s)
}

// AppendDecimal writes 0, too: an amount is always said.
func AppendDecimal(b []byte, key string, d money.Decimal) []byte {
	b = append(append(b, key...), '"')
	return append(d.AppendText(b), '"')
}

// AppendTimestamp writes a time.
func AppendTimestamp(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(append(b, key...), '"')
	return append(text.AppendTime(b, t), '"')
}

// AppendUint32 writes a number.
func AppendUint32(b []byte, key string, n uint32) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(append(b, key...), uint64(n), 10)
}

// AppendUint64 writes a number, in quotes as proto3 JSON has it.
func AppendUint64(b []byte, key string, n uint64) []byte {
	if n == 0 {
		return b
	}
	b = append(append(b, key...), '"')
	return append(strconv.AppendUint(b, n, 10), '"')
}

// AppendTexts writes a list of texts.
func AppendTexts(b []byte, key string, texts []string) []byte {
	return AppendList(b, key, len(texts), func(b []byte, i int) []byte { return text.AppendString(b, texts[i]) })
}

// AppendList writes a list of so many elements.
func AppendList(b []byte, key string, n int, element func(b []byte, i int) []byte) []byte {
	if n == 0 {
		return b
	}
	b = append(b, key...)
	list := len(b)
	for i := range n {
		b = element(append(b, ','), i)
	}
	b[list] = '['
	return append(b, ']')
}

// CloseObject closes the fields that were written from start on, each with a comma in front: the
// first comma becomes the brace.
func CloseObject(b []byte, start int) []byte {
	if len(b) == start {
		return append(b, "{}"...)
	}
	b[start] = '{'
	return append(b, '}')
}

// Split divides a list of n elements into runs of at most room bytes, commas included, and returns
// their ends. A longer element is a run of its own; an empty list is one run.
func Split(n, room int, element func(b []byte, i int) []byte) (ends []int) {
	var scratch []byte
	begin, size := 0, 0
	for i := range n {
		scratch = element(scratch[:0], i)
		if size += len(scratch) + 1; size > room && i > begin {
			ends = append(ends, i)
			begin, size = i, len(scratch)+1
		}
	}
	return append(ends, n)
}
