package posted

import "hash/maphash"

// table finds numbers by the hash of their keys; the keys stay where the numbers point to. It takes
// 8 bytes a slot and is at most seven eighths full. Numbers have at most 40 bits.
type table struct {
	slots []uint64 // number plus 1 in the low 40 bits, and 24 bits of the hash; 0: free
	used  int
	seed  maphash.Seed
}

const (
	numberBits = 40
	numberMask = 1<<numberBits - 1
	leastSlots = 16
)

func newTable() table { return table{slots: make([]uint64, leastSlots), seed: maphash.MakeSeed()} }

// of is the hash of a key.
func (t *table) of(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

// find returns the number with this hash that is the right one.
func (t *table) find(hash uint64, right func(number uint64) bool) (number uint64, found bool) {
	mask := uint64(len(t.slots) - 1) //nolint:gosec // a length
	for i := hash & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if t.slots[i]>>numberBits != hash>>numberBits {
			continue
		}
		if number := t.slots[i]&numberMask - 1; right(number) {
			return number, true
		}
	}
	return 0, false
}

// add takes a number that the table does not have. key gives the key of a number.
func (t *table) add(hash, number uint64, key func(number uint64) []byte) {
	if 8*(t.used+1) > 7*len(t.slots) {
		old := t.slots
		t.slots = make([]uint64, 2*len(old))
		for _, slot := range old {
			if slot != 0 {
				t.put(t.of(key(slot&numberMask-1)), slot)
			}
		}
	}
	t.put(hash, hash>>numberBits<<numberBits|(number+1))
	t.used++
}

func (t *table) put(hash, slot uint64) {
	mask := uint64(len(t.slots) - 1) //nolint:gosec // a length
	i := hash & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

// remove takes a number out. The ones behind it move up, so that none is lost behind the gap.
func (t *table) remove(hash, number uint64, key func(number uint64) []byte) {
	mask := uint64(len(t.slots) - 1) //nolint:gosec // a length
	free := hash & mask
	for t.slots[free]&numberMask != number+1 {
		free = (free + 1) & mask
	}
	t.used--
	for i := (free + 1) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if home := t.of(key(t.slots[i]&numberMask-1)) & mask; (i-home)&mask >= (i-free)&mask {
			t.slots[free] = t.slots[i]
			free = i
		}
	}
	t.slots[free] = 0
}
