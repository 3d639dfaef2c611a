package forgotten

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/projector/timeline"
)

func key(n int) Key { return KeyOf("task", fmt.Sprint(n)) }

func keys(from, to int) (all []Key) {
	for n := from; n < to; n++ {
		all = append(all, key(n))
	}
	return all
}

func packed(z *Resources) []byte {
	p := timeline.NewPacker("", 0)
	z.Pack(p)
	return p.Bytes
}

// A resource that was dropped is among the dropped ones, behind a snapshot, too, and the order
// within a folding leaves no trace.
func TestDroppedAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var z, other Resources
		end := 0
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 300), 0, 6).Draw(t, "foldings") {
			of := keys(end, end+n)
			z.Add(of)
			slices.Reverse(of)
			other.Add(of)
			end += n
		}
		if !slices.Equal(packed(&z), packed(&other)) {
			t.Fatal("the order within a folding shows")
		}
		var again Resources
		r := timeline.NewReader(packed(&z))
		if again.Unpack(r); r.End() != nil || !slices.Equal(packed(&again), packed(&z)) {
			t.Fatal("a snapshot is another state: ", r.End())
		}
		for n := range end {
			if !z.May(key(n)) || !again.May(key(n)) {
				t.Fatalf("resource %d of %d is lost", n, end)
			}
		}
	})
}

// Others are rarely taken for dropped, and a resource takes at most four bytes.
func TestOthersAreRare(t *testing.T) {
	const folded, foldings, others = 10_000, 12, 20_000
	var z Resources
	for i := range foldings {
		z.Add(keys(i*folded, (i+1)*folded))
	}
	if each := 8 * z.words / (folded * foldings); each > 4 {
		t.Errorf("%d bytes a resource", each)
	}
	wrong := 0
	for n := range others {
		if z.May(key(-1 - n)) {
			wrong++
		}
	}
	if wrong > others*foldings/1000 {
		t.Errorf("%d of %d others are taken for dropped", wrong, others)
	}
}

// Beyond the limit every resource may have been dropped, and the memory is given back.
func TestBeyondTheLimit(t *testing.T) {
	z := Resources{words: maxWords}
	z.Add(keys(0, 1))
	if !z.May(key(7)) || z.words != 0 || z.filters != nil {
		t.Errorf("%+v", z)
	}
	z.Add(keys(1, 2))
	var again Resources
	r := timeline.NewReader(packed(&z))
	if again.Unpack(r); r.End() != nil || !again.May(key(7)) || again.words != 0 {
		t.Errorf("%+v, %v", again, r.End())
	}
}

// Bytes of no snapshot are refused.
func TestDamagedBytes(t *testing.T) {
	for _, wrong := range [][]byte{{2}, {0, 1, 17}, {0, 1, 3, 1, 2, 3}, {1, 1, 16}, {0, 1, 16, 1, 2}} {
		var z Resources
		r := timeline.NewReader(wrong)
		if z.Unpack(r); !r.Failed() {
			t.Errorf("%v is read as %+v", wrong, z)
		}
	}
}
