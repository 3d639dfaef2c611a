package events

import (
	"crypto/sha1" //nolint:gosec // UUID version 5 is defined with SHA-1; it names things here, it protects nothing
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/daybook-billing/daybook/events/text"
)

// Namespace is the UUID namespace of every id of Daybook's. It must never change: the same
// fact, span and charge have the same id for ever.
const Namespace = "2f1cbb4e-9c41-5d0e-8a51-6d0f5a7d1b10"

// ID is the UUID version 5 of the parts, in order. Parts are length-prefixed: ("ab","c") and
// ("a","bc") differ. The first part names the kind of thing: "usage", "span", "charge".
func ID(parts ...string) string { return IDWith(nil, parts...) }

// IDWith is ID with one more part behind the others, unless it is nil.
func IDWith(last []byte, parts ...string) string {
	n := 20 + len(last)
	for _, p := range parts {
		n += 4 + len(p)
	}
	var scratch [512]byte // enough for nearly all
	b := scratch[:0]
	if n > len(scratch) {
		b = make([]byte, 0, n)
	}
	b = append(b, namespace[:]...)
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	if last != nil {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(last))), last...)
	}
	sum := sha1.Sum(b) //nolint:gosec // see the import
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return text.FormatID([16]byte(sum[:]))
}

// ParseID reads an id into the bytes of its UUID. ok is false for another form than that of ID.
func ParseID(id string) (raw [16]byte, ok bool) { return text.ParseID(id) }

// FormatID is the inverse of ParseID.
func FormatID(raw [16]byte) string { return text.FormatID(raw) }

var namespace = uuid.MustParse(Namespace)
