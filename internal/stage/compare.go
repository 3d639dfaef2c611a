package stage

import (
	"fmt"
	"iter"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Comparer adds up an output stream and the outputs of today's processor, and tells the difference.
// It is for one replay.
type Comparer interface {
	// Stored takes one of the stage's own messages, in order.
	Stored(m *bus.Stored) error
	// Derived takes an output of the processor, in order, after all stored messages. It must not
	// keep the body.
	Derived(out *Output) error
	// Compare is called after the last message. again asks for a second round of both, to keep the
	// differing parts in full.
	Compare() (again bool, err error)
	// Difference puts out the messages to turn the stored outputs into the derived ones. The cause
	// is the replay. It counts spans, or entries: reversed (retracted) and posted (closed).
	Difference(cause events.Cause, emit func(Output)) (reversed, posted int, err error)
}

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

// NewComparison returns an empty comparison in its first round.
func NewComparison[K comparable]() *Comparison[K] {
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

// Unreadable is a Comparer's error about a damaged stored message.
func Unreadable(stream string, m *bus.Stored, err error) error {
	return fmt.Errorf("cannot be read: %w. Remove it (nats stream rmm %s %d) and run the replay again", err, stream,
		m.Sequence)
}
