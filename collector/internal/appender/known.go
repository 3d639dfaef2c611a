package appender

import "fmt"

// Set is a set of keys.
type Set interface {
	Has(k Key) bool
	// Add fails when the set has no room. Adding a key twice changes nothing.
	Add(k Key) error
}

// All is a Set of every key, in about 30 bytes each. It refuses more than its limit.
type All struct {
	keys map[Key]struct{}
	max  int
}

// NewAll makes a set for limit keys.
func NewAll(limit int) *All { return &All{keys: map[Key]struct{}{}, max: limit} }

// Has implements Set.
func (a *All) Has(k Key) bool { _, ok := a.keys[k]; return ok }

// Add implements Set.
func (a *All) Add(k Key) error {
	if len(a.keys) >= a.max && !a.Has(k) {
		return fmt.Errorf("the foundation has more than %d messages: their ids do not fit in the memory that the "+
			"limit on known ids allows; raise it", a.max)
	}
	a.keys[k] = struct{}{}
	return nil
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
