package trove

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"
	"time"
)

// endedIDs are the ids of forgotten instances, with the end of their last span: a later fact must
// not bring one back to life. They are never dropped, and an id costs at most 64 bytes.
type endedIDs struct {
	uuids  map[uuid]int64   // nanoseconds of Unix time; noEnd for none
	others map[string]int64 // the same of ids in another form
}

type uuid [16]byte

const noEnd = -1 << 63

func newEndedIDs() *endedIDs { return &endedIDs{uuids: map[uuid]int64{}, others: map[string]int64{}} }

// parseUUID reads the one form that String writes.
func parseUUID(text string) (id uuid, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text[:8]+text[9:13]+text[14:18]+text[19:23]+text[24:]))
	return id, err == nil && id.String() == text // capital letters are another form
}

func (id uuid) String() string {
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func (e *endedIDs) add(id string, at time.Time) {
	end := int64(noEnd)
	if !at.IsZero() {
		end = at.UnixNano()
	}
	if short, ok := parseUUID(id); ok {
		e.uuids[short] = end
	} else {
		e.others[id] = end
	}
}

// take removes an id, and returns its end; zero for none.
func (e *endedIDs) take(id string) time.Time {
	end, known := e.others[id]
	if short, ok := parseUUID(id); ok {
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
	for _, id := range slices.SortedFunc(maps.Keys(e.uuids), func(a, b uuid) int {
		return cmp.Compare(string(a[:]), string(b[:]))
	}) {
		if !yield(id.String(), at(e.uuids[id])) {
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
