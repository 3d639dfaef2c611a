package trove

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// endedIDs are the ids of forgotten instances, with the end of their last span: a later fact must
// not bring one back to life. They are never dropped, and an id costs at most 64 bytes.
type endedIDs struct {
	uuids  map[[16]byte]int64 // nanoseconds of Unix time; noEnd for none
	others map[string]int64   // the same of ids in another form
}

const noEnd = -1 << 63

func newEndedIDs() *endedIDs {
	return &endedIDs{uuids: map[[16]byte]int64{}, others: map[string]int64{}}
}

func (e *endedIDs) add(id string, at time.Time) {
	end := int64(noEnd)
	if !at.IsZero() {
		end = at.UnixNano()
	}
	if short, ok := events.ParseID(id); ok {
		e.uuids[short] = end
	} else {
		e.others[id] = end
	}
}

// take removes an id, and returns its end; zero for none.
func (e *endedIDs) take(id string) time.Time {
	end, known := e.others[id]
	if short, ok := events.ParseID(id); ok {
		end, known = e.uuids[short]
		delete(e.uuids, short)
	} else {
		delete(e.others, id)
	}
	if !known || end == noEnd {
		return time.Time{}
	}
	return time.Unix(0, end).UTC()
}

// sorted yields the ids with their ends, in a fixed order.
func (e *endedIDs) sorted(yield func(string, time.Time) bool) {
	at := func(end int64) time.Time {
		if end == noEnd {
			return time.Time{}
		}
		return time.Unix(0, end).UTC()
	}
	for _, id := range slices.SortedFunc(maps.Keys(e.uuids), func(a, b [16]byte) int {
		return cmp.Compare(string(a[:]), string(b[:]))
	}) {
		if !yield(events.FormatID(id), at(e.uuids[id])) {
			return
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.others)) {
		if !yield(id, at(e.others[id])) {
			return
		}
	}
}

func (e *endedIDs) len() int { return len(e.uuids) + len(e.others) }
