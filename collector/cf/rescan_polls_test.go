package cf_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("a rescan that takes long", func() {
	var r *rig
	var known []string
	BeforeEach(func() {
		r = newRig()
		r.settings.Complete, r.settings.Retries = true, 1
		r.restart()
		known = nil
		for i := range 20 {
			known = append(known, fmt.Sprintf("a%d", i))
			r.add(apps, startedAt(known[i], "p-"+known[i], noon.Add(-40*time.Hour+time.Duration(i)*time.Hour)))
		}
		r.add(apps, stopped("last", "p-a0", noon.Add(-20*time.Hour)))
		r.poll()
		Expect(r.story()).To(Equal(append(known, "last")))
		r.keep(apps, func(row apiRow) bool { return row.guid != "last" })
		r.add(apps, started("n", 20, noon)...)
		r.pass(time.Hour)
	})
	want := func() []string {
		all := append(slices.Clone(known), "last", "gap app")
		for _, guid := range known {
			all = append(all, guid+" listed")
		}
		for i := range 20 {
			all = append(all, fmt.Sprintf("n%d", i))
		}
		return all
	}

	It("comes to its end over several polls, each of which gets a part of the list only", func() {
		polls := 1
		for r.breaks(4); r.current.Poll(context.Background()) != nil; r.breaks(4) {
			if polls++; polls == 3 {
				Expect(r.status().Details).To(HaveKeyWithValue("app rescan", HavePrefix("reading the list from its "+
					"start, at 2026-04-30T")))
			}
			Expect(polls).To(BeNumerically("<", 30))
			r.pass(time.Minute)
		}
		Expect(polls).To(BeNumerically(">", 3))
		Expect(r.story()).To(Equal(want()))
		Expect(r.gaps()).To(HaveLen(1))
		Expect(r.status().Details).To(BeEmpty())
		Expect(r.count("daybook_cf_rescans_total", "app")).To(Equal(2.0), "the first collection was one, too")
	})

	It("is killed at any time, as one that takes a poll", func() {
		for n := 1; ; n++ {
			r.breaks(n)
			if r.current.Poll(context.Background()) == nil {
				break
			}
			if n%2 == 0 {
				r.restart()
			}
		}
		Expect(r.story()).To(Equal(want()))
	})

	It("begins anew when what it has read is removed meanwhile", func() {
		r.breaks(12)
		Expect(r.current.Poll(context.Background())).NotTo(Succeed())
		r.keep(apps, func(apiRow) bool { return false })
		r.add(apps, appEvent("p-a7", "STARTED", "STARTED", "p-a7", noon.Add(30*time.Minute)))
		r.heal()
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("changed while it was read")))
		r.poll()
		Expect(r.story()[21:]).To(Equal([]string{"gap app", "p-a7"}))
	})

	It("does not believe an ending that is listed no more: what was younger may be gone with it", func() {
		r.keep(apps, func(row apiRow) bool { return row.guid != "a19" })
		r.insert(apps, "n0", appEvent("end", "STOPPED", "STARTED", "p-a1", noon.Add(-19*time.Hour)))
		r.restart()
		r.settings.PageSize = 1000
		r.restart()
		r.poll()
		r.settings.PageSize = 3
		r.restart()
		story := len(r.story())
		r.keep(apps, func(row apiRow) bool { return row.guid != "n19" })
		r.add(apps, started("m", 9, noon.Add(time.Hour))...)
		r.pass(2 * time.Hour)
		r.breaks(12)
		Expect(r.current.Poll(context.Background())).NotTo(Succeed())
		r.keep(apps, func(row apiRow) bool { return row.guid != "end" && row.guid != "m0" })
		r.heal()
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("changed while it was read")))
		r.poll()
		Expect(r.story()[story]).To(Equal("gap app"))
	})

	// A gap covers the events pruned before the rescan could go on, the first gap or another.
	DescribeTable("does not believe what it has read when younger rows are gone before it goes on", func(asksFor string,
		passes time.Duration, prepare func(),
	) {
		prepare()
		r.hook(func(w http.ResponseWriter, q *http.Request) bool {
			if q.URL.Path != "/v3/"+apps || q.URL.Query().Get("after_guid") != asksFor {
				return false
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		})
		Expect(r.current.Poll(context.Background())).NotTo(Succeed())
		r.heal()
		r.pass(passes)
		r.keep(apps, func(row apiRow) bool {
			return row.guid[0] == 'a' || slices.Contains([]string{"n15", "n16", "n17", "n18", "n19"}, row.guid)
		})
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("changed while it was read")))
		r.poll()
		story := r.story()
		Expect(story[len(story)-5:]).To(Equal([]string{"n15", "n16", "n17", "n18", "n19"}))
		gaps := r.gaps()
		Expect(gaps[len(gaps)-1].To).To(BeTemporally(">", noon.Add(14*time.Minute)))
	},
		Entry("beginnings that were superseded, before the walk", "a19", 40*day, func() {}),
		Entry("beginnings that were superseded, before it reads the known rows again", "-", 40*day, func() {
			var asked atomic.Int64
			r.hook(func(w http.ResponseWriter, q *http.Request) bool {
				if q.URL.Path != "/v3/"+apps || q.URL.Query().Get("after_guid") != "" || asked.Add(1) == 1 {
					return false
				}
				w.WriteHeader(http.StatusBadGateway)
				return true
			})
		}),
		Entry("an ending, before the walk", "a19", time.Minute, func() {
			r.insert(apps, "n2", stopped("end", "p-n1", noon.Add(2*time.Minute)))
		}),
	)

	It("comes to its end although the other list never gets on", func() {
		r.add(services, broken(1), broken(2), broken(3), broken(4))
		polls := 1
		for ; len(r.story()) < len(want()); polls++ {
			Expect(polls).To(BeNumerically("<", 30))
			r.breaks(4)
			Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("of the service list")))
			r.pass(time.Minute)
		}
		Expect(r.story()).To(Equal(want()))
	})

	It("says no gap as long as it cannot be finished, however often it is tried", func() {
		r.settings.PageSize = 5000
		r.restart()
		for i := range 11 {
			r.insert(apps, "a7", started("l"+string(rune('a'+i)), 1000, noon.Add(-30*time.Hour))...)
		}
		r.insert(apps, "a3", started("early", 1200, noon.Add(-35*time.Hour))...)
		for range 3 {
			Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("CF_API_ADDRESS")))
			r.pass(40 * day)
		}
		Expect(r.gaps()).To(BeEmpty())
		Expect(r.story()).To(HaveLen(21))
	})

	It("says no gap as long as it cannot read the known rows again", func() {
		var asked sync.Map
		for range 3 {
			r.hook(func(w http.ResponseWriter, q *http.Request) bool {
				if q.URL.Path != "/v3/"+apps || q.URL.Query().Get("after_guid") != "" {
					return false
				}
				if _, again := asked.LoadOrStore("head", true); !again {
					return false
				}
				w.WriteHeader(http.StatusBadGateway)
				return true
			})
			Expect(r.current.Poll(context.Background())).NotTo(Succeed())
			r.heal()
			asked.Clear()
			r.restart()
			r.pass(40 * day)
		}
		Expect(r.gaps()).To(BeEmpty())
		r.poll()
		Expect(r.gaps()).To(HaveLen(1))
	})

	It("is shown no longer when another collector has done it", func() {
		r.breaks(4)
		Expect(r.current.Poll(context.Background())).NotTo(Succeed())
		r.heal()
		slow := r.current
		defer slow.Close()
		r.current = nil
		r.restart()
		r.poll()
		r.pass(10 * time.Minute)
		Expect(slow.Poll(context.Background())).To(Succeed())
		Expect(r.story()).To(Equal(want()))
		Expect(r.status().Details).To(BeEmpty())
	})

	It("gets to its end in one poll under steady errors", func() {
		var asked atomic.Int64
		r.hook(func(w http.ResponseWriter, q *http.Request) bool {
			if q.URL.Path != "/v3/"+apps || asked.Add(1)%2 == 0 {
				return false
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		})
		r.poll()
		Expect(r.story()).To(Equal(want()))
		Expect(r.count("daybook_cf_retries_total", "server_error")).To(BeNumerically(">", 20))
	})

	It("keeps the minimum wait between its pages", func() {
		r.settings.MinWait = time.Hour
		r.restart()
		r.asked()
		// The request for the second page would come after the deadline, and fails at once.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		Expect(r.current.Poll(ctx)).To(MatchError(ContainSubstring("would exceed context deadline")))
		Expect(pages(r.asked())).To(HaveLen(1))
	})
})
