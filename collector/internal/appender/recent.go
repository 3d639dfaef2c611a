package appender

// Recent is a set of keys that remembers as many as it was made for, and forgets the oldest for each one more. A key takes
// about 60 bytes.
type Recent struct {
	at   map[Key]uint64 // the sequence that the key was added with
	ring []Key
	next int
	max  int
}

// NewRecent makes a set for limit keys.
func NewRecent(limit int) *Recent {
	return &Recent{at: map[Key]uint64{}, max: max(limit, 1)}
}

// Has reports whether the key is remembered.
func (r *Recent) Has(k Key) bool {
	_, ok := r.at[k]
	return ok
}

// Sequence is what the key was added with; 0 when it is not remembered.
func (r *Recent) Sequence(k Key) uint64 { return r.at[k] }

// Len is how many keys are remembered.
func (r *Recent) Len() int { return len(r.at) }

// Add remembers a key and its sequence. A key that is remembered stays as old as it is.
func (r *Recent) Add(k Key, sequence uint64) {
	if _, ok := r.at[k]; ok {
		r.at[k] = sequence
		return
	}
	r.at[k] = sequence
	if len(r.ring) < r.max {
		r.ring = append(r.ring, k)
		return
	}
	delete(r.at, r.ring[r.next])
	r.ring[r.next] = k
	r.next = (r.next + 1) % r.max
}
