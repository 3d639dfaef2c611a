package cf_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// apiOrder puts facts in the order of the API, as readers of USAGE do: a late fact stands behind
// the fact it follows, before all older followers.
func apiOrder(facts []said) []string {
	paths := map[uint64][]uint64{}
	for _, s := range facts {
		path := []uint64{s.sequence}
		if after := s.fact.AfterSequence; after > 0 {
			parent, ok := paths[after]
			if !ok {
				parent = []uint64{after} // the head of the table
			}
			path = append(slices.Clone(parent), s.sequence)
		}
		paths[s.sequence] = path
	}
	ordered := slices.Clone(facts)
	slices.SortStableFunc(ordered, func(a, b said) int {
		p, q := paths[a.sequence], paths[b.sequence]
		for i := range min(len(p), len(q)) {
			if p[i] != q[i] {
				if i == 0 {
					return cmp.Compare(p[i], q[i])
				}
				return cmp.Compare(q[i], p[i])
			}
		}
		return cmp.Compare(len(p), len(q))
	})
	var guids []string
	for _, s := range ordered {
		guids = append(guids, s.guid())
	}
	return guids
}

var _ = Describe("the order of the API", func() {
	It("is what USAGE tells in the end, however late events are committed and whenever the collector is "+
		"killed", func() {
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 7))
		rounds := 12
		if scale.Short() {
			rounds = 3
		}
		for range rounds {
			r := newRig()
			r.settings.Complete = true
			r.settings.PageSize = 3 + random.IntN(7)
			r.restart()
			n, unreadable := 0, 0
			event := func() apiRow {
				n++
				return appEvent(fmt.Sprintf("e%03d", n), "STARTED", "STOPPED", fmt.Sprintf("p%d", n%5),
					r.now.Add(-time.Duration(random.IntN(90))*time.Second))
			}
			for range 40 {
				switch random.IntN(7) {
				case 6:
					if rows := r.tables[apps]; len(rows) > 0 && unreadable < 2 { // three could fill a page
						unreadable++
						r.insert(apps, rows[max(0, len(rows)-1-random.IntN(12))].guid, broken(unreadable))
					}
				case 0, 1:
					for range 1 + random.IntN(4) {
						r.add(apps, event())
					}
				case 2: // a transaction, open for a while
					rows := r.tables[apps]
					if len(rows) == 0 {
						continue
					}
					before := rows[max(0, len(rows)-1-random.IntN(12))].guid
					for range 1 + random.IntN(3) {
						r.insert(apps, before, event())
					}
				case 3:
					r.dies(1+random.IntN(3), []outcome{killsBefore, killsAfter}[random.IntN(2)])
				default:
					r.pass(time.Duration(random.IntN(240)) * time.Second)
					r.poll()
				}
			}
			r.pass(20 * time.Minute)
			r.poll()
			r.pass(10 * time.Minute)
			r.poll()
			var want []string
			for _, row := range r.tables[apps] {
				if !strings.HasPrefix(row.guid, "broken") {
					want = append(want, row.guid)
				}
			}
			Expect(r.quarantined()).To(HaveLen(unreadable), "random seed %d", GinkgoRandomSeed())
			Expect(apiOrder(r.facts())).To(Equal(want), "random seed %d", GinkgoRandomSeed())
		}
	})
})
