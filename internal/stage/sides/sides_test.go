package sides_test

import (
	"maps"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/stage/sides"
)

func TestSides(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Sides")
}

var _ = Describe("Comparing two sides by their digests", func() {
	It("finds the keys that differ, whatever comes in which order", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			c := sides.New[string]()
			sums, suspect := [2]map[string]uint64{{}, {}}, map[string]bool{}
			key := rapid.SampledFrom([]string{"a", "b", "c", "d"})
			for range rapid.IntRange(0, 30).Draw(t, "steps") {
				k := key.Draw(t, "key")
				side := sides.Side(rapid.IntRange(0, 1).Draw(t, "side"))
				digest := rapid.Uint64Range(0, 2).Draw(t, "digest")
				switch rapid.IntRange(0, 5).Draw(t, "what") {
				case 0:
					c.Suspect(k)
					suspect[k] = true
				case 1:
					c.Set(side, k, digest)
					sums[side][k] = digest
				case 2:
					c.Add(side, k, -digest)
					sums[side][k] -= digest
				default:
					c.Add(side, k, digest)
					sums[side][k] += digest
				}
			}
			var want []string
			for _, k := range []string{"a", "b", "c", "d"} {
				if sums[sides.Stored][k] != sums[sides.Derived][k] || suspect[k] {
					want = append(want, k)
				}
			}
			if c.Second() {
				t.Fatal("the first round is over before it is closed")
			}
			if again := c.Close(); again != (len(want) > 0) || !c.Second() {
				t.Fatalf("again %v, want %v", again, want)
			}
			if got := slices.Sorted(c.Keys()); !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for k := range maps.Keys(sums[sides.Stored]) {
				if c.Differs(k) != slices.Contains(want, k) {
					t.Fatalf("%s differs: %v", k, c.Differs(k))
				}
				if c.Differs(k) && c.Digest(sides.Stored, k) != sums[sides.Stored][k] {
					t.Fatalf("%s has the digest %d", k, c.Digest(sides.Stored, k))
				}
			}
			if c.Close() {
				t.Fatal("there is a third round")
			}
		})
	})
})
