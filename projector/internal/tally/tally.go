// Package tally counts the outputs of the projector. It is pure: it reads and writes nothing, and a
// crash is nothing to it, for it is part of the projector's state.
package tally

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Key is a source in a foundation.
type Key struct{ Source, Foundation string }

// Tally counts what the outputs of a meter tell a person on duty. It is part of the state: after a
// restart it goes on.
type Tally struct {
	Anomalies map[string]uint64 // by code
	Gaps      map[Key]uint64
	Changed   bool // or a horizon, the number of holds, or what has ended
}

// New returns a tally of nothing.
func New() Tally { return Tally{Anomalies: map[string]uint64{}, Gaps: map[Key]uint64{}} }

// Count takes the body of an output.
func (t *Tally) Count(body any) {
	switch x := body.(type) {
	case *events.Metered:
		for i := range x.Anomalies {
			t.Anomalies[x.Anomalies[i].Code]++
			t.Changed = true
		}
	case *events.AnomalyNotice:
		t.Anomalies[x.Anomaly.Code]++
		t.Changed = true
	case *events.Gap:
		t.Gaps[Key{x.Source, x.Foundation}]++
		t.Changed = true
	case *events.Horizon:
		t.Changed = true
	}
}

// Compare orders keys by source, then foundation.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Source, other.Source), cmp.Compare(k.Foundation, other.Foundation))
}

// Pack writes the tally into a snapshot.
func (t *Tally) Pack(p *timeline.Packer) {
	p.Length(len(t.Anomalies))
	for _, code := range slices.Sorted(maps.Keys(t.Anomalies)) {
		p.Text(code)
		p.Uint(t.Anomalies[code])
	}
	p.Length(len(t.Gaps))
	for _, key := range slices.SortedFunc(maps.Keys(t.Gaps), Key.Compare) {
		p.Text(key.Source)
		p.Text(key.Foundation)
		p.Uint(t.Gaps[key])
	}
}

// Unpack reads it.
func (t *Tally) Unpack(r *timeline.Reader) {
	for range r.Length() {
		code := r.Text()
		t.Anomalies[code] = r.Uint()
	}
	for range r.Length() {
		key := Key{Source: r.Text(), Foundation: r.Text()}
		t.Gaps[key] = r.Uint()
	}
}
