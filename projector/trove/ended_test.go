package trove

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEndedIDs: whatever their form, ids keep their ends.
func TestEndedIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, want := newEndedIDs(), map[string]time.Time{}
		for range rapid.IntRange(0, 9).Draw(t, "ids") {
			id := rapid.SampledFrom([]string{
				"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3", "1F0C9B8A-7E6D-4C5B-A493-827160F5E4D3",
				"1f0c9b8a7e6d4c5ba493827160f5e4d3", "db", "", "1f0c9b8a-7e6d-4c5b-a493-827160f5e4dx",
			}).Draw(t, "id")
			want[id] = time.Unix(0, rapid.Int64Range(1, 1e18).Draw(t, "end")).UTC()
			e.add(id, want[id])
		}
		if e.len() != len(want) {
			t.Fatalf("%d ids of %d", e.len(), len(want))
		}
		for id, end := range e.sorted {
			if !want[id].Equal(end) {
				t.Fatalf("%q ended at %s, not at %s", id, want[id], end)
			}
		}
		for id, end := range want {
			if got := e.take(id); !got.Equal(end) || !e.take(id).IsZero() {
				t.Fatalf("%q ended at %s, not at %s", id, end, got)
			}
		}
	})
}

// TestEndedIDsAreSmall: an id costs at most 64 bytes, at any number of them.
func TestEndedIDsAreSmall(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, n := range []int{100_000, 115_000, 150_000} { // a map grows in steps
		before := heap()
		e := newEndedIDs()
		for i := range n {
			e.add(fmt.Sprintf("%08x-aaaa-4d42-893c-360e42a300b6", i), time.Unix(int64(i+1), 0))
		}
		if each := float64(heap()-before) / float64(n); each > 64 {
			t.Errorf("%d ids cost %.1f bytes each", n, each)
		} else {
			t.Logf("%d ids cost %.1f bytes each", n, each)
		}
		runtime.KeepAlive(e)
	}
}
