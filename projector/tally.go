package projector

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// tally counts what the outputs of a meter tell a person on duty. It is part of the state: after a
// restart it goes on.
type tally struct {
	anomalies map[string]uint64 // by code
	gaps      map[foundationKey]uint64
	changed   bool // or a horizon, the number of holds, or what has ended
}

func newTally() tally { return tally{anomalies: map[string]uint64{}, gaps: map[foundationKey]uint64{}} }

// count takes the body of an output.
func (t *tally) count(body any) {
	switch x := body.(type) {
	case *events.Metered:
		for i := range x.Anomalies {
			t.anomalies[x.Anomalies[i].Code]++
			t.changed = true
		}
	case *events.AnomalyNotice:
		t.anomalies[x.Anomaly.Code]++
		t.changed = true
	case *events.Gap:
		t.gaps[foundationKey{x.Source, x.Foundation}]++
		t.changed = true
	case *events.Horizon:
		t.changed = true
	}
}

func (k foundationKey) compare(other foundationKey) int {
	return cmp.Or(cmp.Compare(k.Source, other.Source), cmp.Compare(k.Foundation, other.Foundation))
}

func (t *tally) pack(p *timeline.Packer) {
	p.Length(len(t.anomalies))
	for _, code := range slices.Sorted(maps.Keys(t.anomalies)) {
		p.Text(code)
		p.Uint(t.anomalies[code])
	}
	p.Length(len(t.gaps))
	for _, key := range slices.SortedFunc(maps.Keys(t.gaps), foundationKey.compare) {
		p.Text(key.Source)
		p.Text(key.Foundation)
		p.Uint(t.gaps[key])
	}
}

func (t *tally) unpack(r *timeline.Reader) {
	for range r.Length() {
		code := r.Text()
		t.anomalies[code] = r.Uint()
	}
	for range r.Length() {
		key := foundationKey{r.Text(), r.Text()}
		t.gaps[key] = r.Uint()
	}
}
