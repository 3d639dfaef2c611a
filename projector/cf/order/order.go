package order

import (
	"cmp"

	"github.com/daybook-billing/daybook/projector/timeline"
)

// Key is a position in the order of the API: the sequence of the message, or for a late fact its
// insertion.
type Key struct {
	Sequence uint64
	Late     *Insertion
}

// Insertion is the position of a late fact: directly after another one.
type Insertion struct {
	Sequence uint64
	After    *Insertion // nil at the root: the sequence of a fact in order
	Depth    int
	Found    timeline.Moment // the horizon when it was found
}

// UnknownRoot is the root of a late fact behind a forgotten insertion. No message has the sequence.
const UnknownRoot = 0

// Root returns the sequence of the fact in order at or before the key.
func (k Key) Root() uint64 {
	if k.Late == nil {
		return k.Sequence
	}
	p := k.Late
	for p.After != nil {
		p = p.After
	}
	return p.Sequence
}

// Compare orders keys by their roots. After a root come its insertions, the latest first: the later
// one was found between the root and the earlier one.
func (k Key) Compare(o Key) int {
	if k.Late == nil && o.Late == nil || k.Root() != o.Root() {
		return cmp.Compare(k.Root(), o.Root())
	}
	a, b := k.Late, o.Late
	if a == nil {
		return -1
	}
	if b == nil {
		return 1
	}
	for a.Depth > b.Depth {
		if a = a.After; a.Sequence == b.Sequence {
			return 1 // an insertion after a fact comes after it
		}
	}
	for b.Depth > a.Depth {
		if b = b.After; a.Sequence == b.Sequence {
			return -1
		}
	}
	for a.Depth > 0 && a.After.Sequence != b.After.Sequence {
		a, b = a.After, b.After
	}
	return cmp.Compare(b.Sequence, a.Sequence)
}
