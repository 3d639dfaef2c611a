package pricer

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// place is a source and a foundation.
type place struct{ source, foundation string }

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.source, o.source), cmp.Compare(p.foundation, o.foundation))
}

// tally is what the outputs tell a person on duty. It is part of the state: after a restart it goes
// on.
type tally struct {
	anomalies map[string]uint64   // by code
	through   map[place]time.Time // horizons of BILLING
	changed   bool
}

func newTally() tally { return tally{anomalies: map[string]uint64{}, through: map[place]time.Time{}} }

// count takes the body of an output.
func (t *tally) count(body any) {
	switch x := body.(type) {
	case *events.Horizon:
		t.through[place{x.Source, x.Foundation}] = x.Time
		t.changed = true
	case *events.AnomalyNotice:
		t.anomalies[x.Anomaly.Code]++
		t.changed = true
	}
}

// append appends the tally, and the number of unrated parts, to a snapshot.
func (t *tally) append(b []byte, unrated int) []byte {
	b = binary.AppendUvarint(b, uint64(unrated)) //nolint:gosec // not negative
	b = binary.AppendUvarint(b, uint64(len(t.anomalies)))
	for _, code := range slices.Sorted(maps.Keys(t.anomalies)) {
		b = binary.AppendUvarint(appendText(b, code), t.anomalies[code])
	}
	b = binary.AppendUvarint(b, uint64(len(t.through)))
	for _, at := range slices.SortedFunc(maps.Keys(t.through), place.compare) {
		b = appendText(appendText(b, at.source), at.foundation)
		b = binary.AppendVarint(b, t.through[at].UnixNano())
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
