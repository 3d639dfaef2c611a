package appender_test

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/collector/internal/appender"
)

// TestAll: a set has the keys that were added, however they stand to each other, and no others; it
// refuses a new one beyond its limit alone.
func TestAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 5000).Draw(t, "limit")
		stride := rapid.Uint64().Draw(t, "stride")
		key := func(i int) (k appender.Key) {
			binary.BigEndian.PutUint64(k[8*rapid.IntRange(0, 1).Draw(t, "half"):], stride*uint64(i))
			return k
		}
		all, want := appender.NewAll(limit), map[appender.Key]bool{}
		for i := range rapid.IntRange(0, 6000).Draw(t, "keys") {
			k := key(i / 2)
			if err := all.Add(k); (err != nil) != (!want[k] && len(want) == limit) {
				t.Fatalf("%d keys of %d: %v", len(want), limit, err)
			} else if err == nil {
				want[k] = true
			}
			if all.Len() != len(want) {
				t.Fatalf("%d keys, not %d", all.Len(), len(want))
			}
		}
		for k := range want {
			if !all.Has(k) {
				t.Fatalf("%x is gone", k)
			}
		}
		for i := range 100 {
			if k := key(10_000 + i); all.Has(k) != want[k] {
				t.Fatalf("%x was never added", k)
			}
		}
	})
}

func BenchmarkAll(b *testing.B) {
	all := appender.NewAll(b.N + 1)
	for i := range b.N {
		var k appender.Key
		binary.LittleEndian.PutUint64(k[:], uint64(i)*0x2545f4914f6cdd1d)
		_ = all.Add(k)
	}
}
