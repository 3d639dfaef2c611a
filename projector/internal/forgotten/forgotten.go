// Package forgotten knows the resources whose timelines a foundation has dropped, in two to four
// bytes each. One of a thousand others is taken for dropped, too; a dropped one always is.
package forgotten

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/daybook-billing/daybook/projector/timeline"
)

const (
	bitsEach = 16 // of a resource at least
	probes   = 6  // bits of a resource that are set
	// minWords is the size of the smallest filter, in words of 64 bits.
	minWords = 16
	// maxWords is the size of all filters: 16 MiB, some 6 million resources. Beyond it every
	// resource may have been dropped.
	maxWords = 16 << 20 / 8
)

// Resources are the dropped resources. Their zero value has none.
type Resources struct {
	filters [][]uint64 // Bloom filters, one for each folding; a power of two of words
	words   int        // of them
	all     bool       // there was no room: every resource may be among them
}

// Add adds the resources of one folding: in any order they make the same state.
func (z *Resources) Add(keys []Key) {
	if len(keys) == 0 || z.all {
		return
	}
	words := max(minWords, 1<<bits.Len(uint(len(keys)*bitsEach/64)))
	if z.words+words > maxWords {
		*z = Resources{all: true}
		return
	}
	filter := make([]uint64, words)
	for i := range keys {
		keys[i].each(words, func(at uint64) bool {
			filter[at/64] |= 1 << (at % 64)
			return true
		})
	}
	z.filters, z.words = append(z.filters, filter), z.words+words
}

// May reports whether a resource may be among them.
func (z *Resources) May(key Key) bool {
	for _, filter := range z.filters {
		among := true
		key.each(len(filter), func(at uint64) bool {
			among = filter[at/64]&(1<<(at%64)) != 0
			return among
		})
		if among {
			return true
		}
	}
	return z.all
}

// Key is the digest of a resource's kind and id.
type Key [sha256.Size]byte

// KeyOf is the key of a resource.
func KeyOf(kind, resource string) Key { return sha256.Sum256([]byte(kind + "\x00" + resource)) }

// each gives the bits of a key in a filter of so many words, until yield reports false.
func (k *Key) each(words int, yield func(at uint64) bool) {
	first, step := binary.LittleEndian.Uint64(k[:]), binary.LittleEndian.Uint64(k[8:])|1
	mask := uint64(words)*64 - 1 //nolint:gosec // a length
	for range probes {
		if !yield(first & mask) {
			return
		}
		first += step
	}
}

// Pack writes the state into a snapshot.
func (z *Resources) Pack(p *timeline.Packer) {
	p.Bool(z.all)
	p.Length(len(z.filters))
	for _, filter := range z.filters {
		p.Length(len(filter))
		for _, word := range filter {
			p.Bytes = binary.LittleEndian.AppendUint64(p.Bytes, word)
		}
	}
}

// Unpack reads the state of a snapshot.
func (z *Resources) Unpack(r *timeline.Reader) {
	z.all = r.Bool()
	for range r.Length() {
		words := r.Length()
		if z.words += words; words < minWords || bits.OnesCount(uint(words)) != 1 || z.words > maxWords || z.all {
			r.Fail()
		}
		if r.Failed() {
			return
		}
		raw, filter := make([]byte, 8*words), make([]uint64, words)
		r.Fill(raw)
		for i := range filter {
			filter[i] = binary.LittleEndian.Uint64(raw[8*i:])
		}
		z.filters = append(z.filters, filter)
	}
}
