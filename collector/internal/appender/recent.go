package appender

// Recent is a set of keys that remembers as many as it was made for, and forgets the oldest for
// each one more. A key takes about 50 bytes.
type Recent struct {
	has  map[Key]struct{}
	ring []Key
	next int
	max  int
}

// NewRecent makes a set for limit keys.
func NewRecent(limit int) *Recent {
	return &Recent{has: map[Key]struct{}{}, max: max(limit, 1)}
}

// Has reports whether the key is remembered.
func (r *Recent) Has(k Key) bool {
	_, ok := r.has[k]
	return ok
}

// Len is how many keys are remembered.
func (r *Recent) Len() int { return len(r.has) }

// Add remembers a key. A key that is remembered stays as old as it is.
func (r *Recent) Add(k Key) {
	if r.Has(k) {
		return
	}
	r.has[k] = struct{}{}
	if len(r.ring) < r.max {
		r.ring = append(r.ring, k)
		return
	}
	delete(r.has, r.ring[r.next])
	r.ring[r.next] = k
	r.next = (r.next + 1) % r.max
}
