// Package records keeps many short records by id, behind one another in chunks: one costs its bytes
// and some six for the index.
package records

import "hash/maphash"

// ID is the id of a record.
type ID [16]byte

// Records are records by id. A record begins with its id.
type Records struct {
	seed   maphash.Seed
	chunks [][]byte
	index  []uint32 // where records begin, plus 1, by hash of their ids; 0 for none, gone for a former one
	used   int      // slots that are not 0
	count  int
}

// Limits of the chunks.
const (
	chunkBits  = 16
	chunkBytes = 1 << chunkBits
	maxChunks  = 1<<chunkBits - 1
)

const (
	gone       = ^uint32(0)
	firstSlots = 64
)

// Max is the length in bytes of the longest record, with its id.
const Max = chunkBytes / 4

// New returns no records.
func New() *Records { return &Records{seed: maphash.MakeSeed(), index: make([]uint32, firstSlots)} }

// Len is the number of records.
func (z *Records) Len() int { return z.count }

// Bytes is the memory of the records, dropped ones included.
func (z *Records) Bytes() (n int) {
	for _, chunk := range z.chunks {
		n += len(chunk)
	}
	return n
}

// Full reports whether there is no room for another record.
func (z *Records) Full() bool { return len(z.chunks) >= maxChunks }

// record is the bytes from a place on.
func (z *Records) record(at uint32) []byte {
	return z.chunks[(at-1)>>chunkBits][(at-1)&(chunkBytes-1):]
}

// slot is where the index has an id, or else where it is to be entered.
func (z *Records) slot(id ID) (at int, found bool) {
	mask := len(z.index) - 1
	free := -1
	for at = int(maphash.Bytes(z.seed, id[:])) & mask; ; at = (at + 1) & mask {
		switch where := z.index[at]; {
		case where == 0 && free >= 0:
			return free, false
		case where == 0:
			return at, false
		case where == gone:
			if free < 0 {
				free = at
			}
		case ID(z.record(where)) == id:
			return at, true
		}
	}
}

// enter puts the place of a record into the index.
func (z *Records) enter(id ID, where uint32) {
	if (z.used+1)*5 > len(z.index)*4 {
		z.grow()
	}
	at, _ := z.slot(id)
	if z.index[at] == 0 {
		z.used++
	}
	z.index[at] = where
	z.count++
}

// grow makes the index anew, with room for some half as many more.
func (z *Records) grow() {
	old := z.index
	size := firstSlots
	for size*4 < (z.count+1)*5*3/2 {
		size *= 2
	}
	z.index, z.used, z.count = make([]uint32, size), 0, 0
	for _, where := range old {
		if where != 0 && where != gone {
			z.enter(ID(z.record(where)), where)
		}
	}
}

// Keep adds a record of at most Max bytes that begins with its id, which no other has.
func (z *Records) Keep(b []byte) {
	n := len(z.chunks) - 1
	if n < 0 || len(z.chunks[n])+len(b) > chunkBytes {
		z.chunks = append(z.chunks, make([]byte, 0, chunkBytes))
		n++
	}
	where := uint32(n)<<chunkBits + uint32(len(z.chunks[n])) + 1
	z.chunks[n] = append(z.chunks[n], b...)
	z.enter(ID(b), where)
}

// Get returns the bytes from a record on.
func (z *Records) Get(id ID) (record []byte, found bool) {
	at, found := z.slot(id)
	if !found {
		return nil, false
	}
	return z.record(z.index[at]), true
}

// Drop takes a record out. Its bytes stay until all are dropped.
func (z *Records) Drop(id ID) {
	if at, found := z.slot(id); found {
		z.index[at] = gone
		z.count--
	}
}

// All yields the bytes from each record on, in no order.
func (z *Records) All(yield func(record []byte) bool) {
	for _, where := range z.index {
		if where != 0 && where != gone && !yield(z.record(where)) {
			return
		}
	}
}
