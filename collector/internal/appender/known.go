package appender

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Set is a set of keys.
type Set interface {
	Has(k Key) bool
	// Add fails when the set has no room. Adding a key twice changes nothing.
	Add(k Key) error
}

// All is a Set of every key, in 20 to 30 bytes each. It refuses more than its limit.
type All struct {
	slots []Key // a key stands in its own slot, or in the next free one behind it; free ones are zero
	zero  bool  // the key of zeros is in it
	n     int   // keys in slots
	max   int
}

// NewAll makes a set for limit keys.
func NewAll(limit int) *All { return &All{max: limit} }

// minSlots is the number of slots at first. With four of five taken there are half as many again.
const minSlots = 1 << 10

// find is the slot of a key, or the free one where it belongs.
func (a *All) find(k Key) *Key {
	const spread = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio: keys that are near come far apart
	hash := (binary.LittleEndian.Uint64(k[:8]) ^ binary.LittleEndian.Uint64(k[8:])) * spread
	at, _ := bits.Mul64(hash, uint64(len(a.slots)))
	for a.slots[at] != k && a.slots[at] != (Key{}) {
		if at++; at == uint64(len(a.slots)) {
			at = 0
		}
	}
	return &a.slots[at]
}

// Has implements Set.
func (a *All) Has(k Key) bool {
	if k == (Key{}) {
		return a.zero
	}
	return a.n > 0 && *a.find(k) == k
}

// Len is the number of keys.
func (a *All) Len() int {
	if a.zero {
		return a.n + 1
	}
	return a.n
}

// Add implements Set.
func (a *All) Add(k Key) error {
	switch {
	case a.Has(k):
		return nil
	case a.Len() >= a.max:
		return fmt.Errorf("the foundation has more than %d messages: their ids do not fit in the memory that the "+
			"limit on known ids allows; raise it", a.max)
	case k == Key{}:
		a.zero = true
		return nil
	}
	if 5*a.n >= 4*len(a.slots) {
		a.grow()
	}
	*a.find(k) = k
	a.n++
	return nil
}

func (a *All) grow() {
	before := a.slots
	a.slots = make([]Key, max(minSlots, len(before)*3/2))
	for _, k := range before {
		if k != (Key{}) {
			*a.find(k) = k
		}
	}
}

// Recent is a Set of the newest keys, in about 50 bytes each, and forgets the oldest key
// for each one above its limit.
type Recent struct {
	keys map[Key]struct{}
	ring []Key
	next int
	max  int
}

// NewRecent makes a set for limit keys.
func NewRecent(limit int) *Recent {
	return &Recent{keys: map[Key]struct{}{}, max: max(limit, 1)}
}

// Has implements Set.
func (r *Recent) Has(k Key) bool {
	_, ok := r.keys[k]
	return ok
}

// Add implements Set; it never fails. A known key stays as old as it is.
func (r *Recent) Add(k Key) error {
	if r.Has(k) {
		return nil
	}
	r.keys[k] = struct{}{}
	if len(r.ring) < r.max {
		r.ring = append(r.ring, k)
		return nil
	}
	delete(r.keys, r.ring[r.next])
	r.ring[r.next] = k
	r.next = (r.next + 1) % r.max
	return nil
}
