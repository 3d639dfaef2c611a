package appender

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Set is a set of keys.
type Set interface {
	Has(k Key) bool
	// Add fails when the set has no room. Adding a key twice changes nothing.
	Add(k Key) error
}

// All is a Set of every key, in 20 to 30 bytes each. It refuses more than its limit. A key stays
// where it is: to grow costs the index alone, a quarter of the memory.
type All struct {
	chunks [][]Key  // the keys in the order of their coming, chunkKeys in each
	index  []uint32 // places plus 1, in a key's own slot or in the next free one; 0: free
	n      uint32   // keys
	max    uint32
}

// NewAll makes a set for limit keys.
func NewAll(limit int) *All {
	return &All{max: uint32(max(0, min(limit, math.MaxUint32)))}
}

const (
	// minSlots is the number of slots at first. With four of five taken there are half more.
	minSlots  = 1 << 10
	chunkKeys = 1 << 10
)

// find is the slot of a key, or the free one where it belongs.
func (a *All) find(k Key) (slot *uint32, found bool) {
	const spread = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio: keys that are near come far apart
	hash := (binary.LittleEndian.Uint64(k[:8]) ^ binary.LittleEndian.Uint64(k[8:])) * spread
	at, _ := bits.Mul64(hash, uint64(len(a.index)))
	for {
		switch place := a.index[at]; {
		case place == 0:
			return &a.index[at], false
		case *a.key(place) == k:
			return &a.index[at], true
		}
		if at++; at == uint64(len(a.index)) {
			at = 0
		}
	}
}

// key is the key at a place of the index.
func (a *All) key(place uint32) *Key { return &a.chunks[(place-1)/chunkKeys][(place-1)%chunkKeys] }

// Has implements Set.
func (a *All) Has(k Key) bool {
	if a.n == 0 {
		return false
	}
	_, found := a.find(k)
	return found
}

// Len is the number of keys.
func (a *All) Len() int { return int(a.n) }

// Add implements Set.
func (a *All) Add(k Key) error {
	switch {
	case a.Has(k):
		return nil
	case a.n >= a.max:
		return fmt.Errorf("the foundation has more than %d messages: their ids do not fit in the memory that the "+
			"limit on known ids allows; raise it", a.max)
	}
	if 5*int(a.n) >= 4*len(a.index) {
		a.grow()
	}
	if a.n%chunkKeys == 0 {
		a.chunks = append(a.chunks, make([]Key, 0, chunkKeys))
	}
	last := &a.chunks[len(a.chunks)-1]
	*last = append(*last, k)
	a.n++
	slot, _ := a.find(k)
	*slot = a.n
	return nil
}

// grow makes the index again, half as large again.
func (a *All) grow() {
	a.index = make([]uint32, max(minSlots, len(a.index)*3/2))
	for place := range a.n {
		slot, _ := a.find(*a.key(place + 1))
		*slot = place + 1
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
