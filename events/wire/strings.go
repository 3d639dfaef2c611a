package wire

import "hash/maphash"

// maxKept is the length in bytes of the longest string that Strings keeps.
const maxKept = 128

// Strings gives equal strings the same memory. It holds a fixed number of strings, a new one takes
// the place of an old one.
type Strings struct {
	seed  maphash.Seed
	slots []string
}

// NewStrings returns room for up to 2^bits strings of at most 128 bytes.
func NewStrings(bits uint8) *Strings {
	return &Strings{seed: maphash.MakeSeed(), slots: make([]string, 1<<min(bits, 24))}
}

func (k *Strings) share(b []byte) string {
	if len(b) > maxKept {
		return string(b)
	}
	slot := &k.slots[maphash.Bytes(k.seed, b)&uint64(len(k.slots)-1)] //nolint:gosec // not negative
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}
