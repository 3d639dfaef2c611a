// Package sides finds the keys under which two sets of outputs differ, a stored one and a derived
// one, in the memory of a digest a key.
package sides

import "iter"

// Side is one of two sets of outputs.
type Side int

// The sides of a comparison.
const (
	Stored Side = iota
	Derived
)

// Comparison finds the keys with different outputs on the two sides, in two rounds. The first round
// keeps one digest of each side under each key, about 100 bytes. Close then drops the keys with
// equal sides. In the second round the caller meets all messages again, and keeps in full only
// those under the remaining keys.
//
// A digest of 0 stands for nothing.
type Comparison[K comparable] struct {
	digests map[K]digests
	suspect map[K]struct{}
	second  bool
}

type digests [2]uint64 // by Side

// New returns an empty comparison in its first round.
func New[K comparable]() *Comparison[K] {
	return &Comparison[K]{digests: map[K]digests{}, suspect: map[K]struct{}{}}
}

// Set replaces the digest of a side under a key.
func (c *Comparison[K]) Set(side Side, key K, digest uint64) {
	d := c.digests[key]
	d[side] = digest
	if d == (digests{}) {
		delete(c.digests, key)
		return
	}
	c.digests[key] = d
}

// Add adds to the digest of a side under a key. It is for sums over entries in any order; to
// subtract, add the negative number.
func (c *Comparison[K]) Add(side Side, key K, digest uint64) {
	c.Set(side, key, c.digests[key][side]+digest)
}

// Suspect has a key compared in full, even if the digests under it are equal.
func (c *Comparison[K]) Suspect(key K) { c.suspect[key] = struct{}{} }

// Close ends a round. again asks for a second one: some keys differ, or are suspect.
func (c *Comparison[K]) Close() (again bool) {
	if c.second {
		return false
	}
	c.second = true
	left := map[K]digests{}
	for key, d := range c.digests {
		if d[Stored] != d[Derived] {
			left[key] = d
		}
	}
	for key := range c.suspect {
		left[key] = c.digests[key]
	}
	c.digests, c.suspect = left, nil
	return len(left) > 0
}

// Second reports whether the first round is over.
func (c *Comparison[K]) Second() bool { return c.second }

// Differs reports, in the second round, whether a key differs or is suspect.
func (c *Comparison[K]) Differs(key K) bool {
	_, ok := c.digests[key]
	return ok
}

// Digest returns the digest of a side under a key. In the second round equal keys have none.
func (c *Comparison[K]) Digest(side Side, key K) uint64 { return c.digests[key][side] }

// Keys gives, in the second round, the different and suspect keys, in no order.
func (c *Comparison[K]) Keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for key := range c.digests {
			if !yield(key) {
				return
			}
		}
	}
}
