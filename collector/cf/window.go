package cf

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
)

// window holds the newest events of a list in the API's order: enough to find late commits.
type window struct {
	order []entry                 // in order, oldest first; the first may be the head of the table
	ids   map[appender.Key]uint64 // sequence in USAGE of these and of late ones between them
	keys  []appender.Key          // of ids, oldest first
	times []time.Time             // of keys
}

// start begins a window at the head of the table, before the message with the sequence.
func (w *window) start(sequence uint64) {
	w.clear()
	w.order = append(w.order, entry{sequence: max(sequence, 2) - 1})
}

// clear forgets everything.
func (w *window) clear() { *w = window{ids: map[appender.Key]uint64{}} }

// push adds a published event; inOrder: behind all others.
func (w *window) push(e *entry, id appender.Key, inOrder bool) {
	if _, ok := w.ids[id]; !ok {
		w.keys, w.times = append(w.keys, id), append(w.times, e.created)
	}
	w.ids[id] = e.sequence
	if inOrder {
		w.order = append(w.order, *e)
	}
}

// forget drops the events before the cutoff, but for the newest of them, where an overlap begins.
func (w *window) forget(cutoff time.Time) {
	n := 0
	for n+1 < len(w.order) && (w.order[n+1].created.Before(cutoff) || len(w.order)-n > MaxWindow) {
		n++
	}
	w.order = cutFront(w.order, n)
	// Late events stand among their neighbours by the time of their publication: an id may stay a
	// little longer than its time.
	n = 0
	for n < len(w.keys) && (w.times[n].Before(cutoff) && w.ids[w.keys[n]] < w.oldest() || len(w.keys)-n > 2*MaxWindow) {
		delete(w.ids, w.keys[n])
		n++
	}
	w.keys, w.times = cutFront(w.keys, n), cutFront(w.times, n)
}

// replace takes the order of another window, made from the table as it is listed: an overlap has to
// begin at a listed event, or at the head of the table. The ids of both are known. lowest is the
// sequence of the table's first known event.
func (w *window) replace(listed *window, lowest uint64) {
	w.order = listed.order
	if len(w.order) > 0 && w.order[0].guid == "" {
		w.order[0].sequence = max(lowest, 2) - 1
	}
	for i, id := range listed.keys {
		w.push(&entry{created: listed.times[i], sequence: listed.ids[id]}, id, false)
	}
}

func (w *window) oldest() uint64 {
	if len(w.order) == 0 {
		return 0
	}
	return w.order[0].sequence
}

// cutFront drops the first n. It leaves the array behind when most of it is unused, or appending
// would grow it for ever.
func cutFront[T any](s []T, n int) []T {
	if n == 0 {
		return s
	}
	if rest := s[n:]; len(rest) > cap(s)/4 {
		return rest
	}
	return slices.Clone(s[n:])
}

// anchor is the start of an overlap over everything from the cutoff on.
func (w *window) anchor(cutoff time.Time) (entry, bool) {
	if len(w.order) == 0 {
		return entry{}, false
	}
	i := 0
	for i+1 < len(w.order) && w.order[i+1].created.Before(cutoff) {
		i++
	}
	return w.order[i], true
}
