package foreman_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

func TestPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var billed, there []reconcile.Material
		for i := range rapid.IntRange(0, 30).Draw(t, "resources") {
			m := app(fmt.Sprintf("%02d", i), uint32(rapid.IntRange(0, 3).Draw(t, "instances")))
			side := rapid.IntRange(0, 9).Draw(t, "side")
			if side != 0 {
				billed = append(billed, m)
			}
			if side == 1 {
				continue
			}
			if side == 2 {
				m.Footprint.Instances = events.Some(uint32(rapid.IntRange(0, 3).Draw(t, "now")))
			}
			there = append(there, m)
		}
		act := rapid.SampledFrom([]reconcile.Act{reconcile.Report, reconcile.Hold, reconcile.Settle}).Draw(t, "act")
		in := input(billed, there)
		in.Rules.Acts = []reconcile.ActRule{{Act: act}}
		plan := foreman.Make(in)

		shuffled := func(all []reconcile.Material) []reconcile.Material {
			all = slices.Clone(all)
			rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "order"))).Shuffle(len(all), func(i, j int) {
				all[i], all[j] = all[j], all[i]
			})
			return all
		}
		again := input(billed, there)
		again.Rules.Acts = in.Rules.Acts
		again.Blueprint.Materials = shuffled(again.Blueprint.Materials)
		again.Floorplan.Materials = shuffled(again.Floorplan.Materials)
		again.Former.Materials = shuffled(again.Former.Materials)
		slices.Reverse(again.Floorplan.Listings)
		if got, want := text(t, foreman.Make(again)), text(t, plan); got != want {
			t.Fatalf("another order gives another plan:\n%s\n%s", got, want)
		}

		lives, wasBilled := map[reconcile.Key]bool{}, map[reconcile.Key]*reconcile.Material{}
		for i := range there {
			lives[there[i].Key()] = true
		}
		for i := range billed {
			wasBilled[billed[i].Key()] = &billed[i]
		}
		for i := range plan.Remodels {
			r := &plan.Remodels[i]
			if r.Type == reconcile.MissingStop && lives[r.Key] {
				t.Fatalf("%v lives, and is stopped", r.Key)
			}
			if r.Billed != nil && r.There != nil && r.Billed.Footprint == r.There.Footprint {
				t.Fatalf("%v is equal on both sides", r.Key)
			}
			if r.At.After(plan.Seen) || r.At.Before(r.NotBefore) ||
				r.Act == reconcile.Settle && r.At.After(r.NotAfter) {
				t.Fatalf("%v changes at %s, and not within %s and %s", r.Key, r.At, r.NotBefore, r.NotAfter)
			}
			o, enacted := foreman.Observation(plan, r, nil)
			if !enacted {
				continue
			}
			if o.Finding == events.FindingGone { // as METERED would have it then
				delete(wasBilled, r.Key)
			} else {
				now := *r.There
				now.Footprint = o.Footprint
				wasBilled[r.Key] = &now
			}
		}
		if act != reconcile.Settle {
			return
		}
		var now []reconcile.Material
		for _, m := range wasBilled {
			m := *m
			m.Since = noon.Add(-48 * time.Hour)
			now = append(now, m)
		}
		after := input(now, there)
		after.Rules.Acts = in.Rules.Acts
		for _, r := range foreman.Make(after).Remodels {
			if r.Act != reconcile.Report && len(plan.Refused) == 0 {
				t.Fatalf("%v differs after the plan was enacted", r.Key)
			}
		}
	})
}

func text(t *rapid.T, plan *reconcile.Plan) string {
	b, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLargeFoundations holds a plan of a large foundation to its limits.
func TestLargeFoundations(t *testing.T) {
	g := NewWithT(t)
	all := some(100_000)
	in := input(all[50:], all[:len(all)-50])
	for key := range in.Sights { // differences alone are looked at
		if in.Blueprint.Find(key) != nil && in.Floorplan.Find(key) != nil {
			delete(in.Sights, key)
		}
	}
	in.Sights = maps.Clone(in.Sights)
	for i := range in.Former.Materials { // only its keys are kept
		m := &in.Former.Materials[i]
		*m = reconcile.Material{Kind: m.Kind, Resource: m.Resource}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	plan := foreman.Make(in)
	took := time.Since(begun)
	runtime.ReadMemStats(&after) // with all garbage since
	g.Expect(plan.Remodels).To(HaveLen(100))
	g.Expect(took).To(BeNumerically("<", 10*time.Second))
	heap := after.HeapAlloc
	t.Logf("%d resources in %s, with %d MiB in the heap, %d of them the two sides", len(all), took, heap>>20,
		before.HeapAlloc>>20)
	g.Expect(heap).To(BeNumerically("<", 300<<20))
}

func BenchmarkMake(b *testing.B) {
	all := some(100_000)
	in := input(all, all[100:])
	b.ReportAllocs()
	for b.Loop() {
		foreman.Make(in)
	}
}
