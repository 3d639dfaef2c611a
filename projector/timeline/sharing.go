package timeline

import "hash/maphash"

// Sharing gives equal values the same memory. It holds a fixed number; a new one takes the place of
// an old one.
type Sharing[T comparable] struct {
	seed  maphash.Seed
	slots []*T
}

// NewSharing returns a sharing of at most 2^bits values.
func NewSharing[T comparable](bits int) *Sharing[T] {
	return &Sharing[T]{seed: maphash.MakeSeed(), slots: make([]*T, 1<<bits)}
}

// Of returns v in shared memory; near are values that may be equal, or nil.
func (s *Sharing[T]) Of(v *T, near ...*T) *T {
	for _, n := range near {
		if n != nil && *n == *v {
			return n
		}
	}
	slot := &s.slots[maphash.Comparable(s.seed, *v)&uint64(len(s.slots)-1)] //nolint:gosec // not negative
	if *slot == nil || **slot != *v {
		kept := *v
		*slot = &kept
	}
	return *slot
}
