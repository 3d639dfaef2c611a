package cf_test

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
)

const day = 24 * time.Hour

// pruned keeps the rows younger than an age, and the newest.
func (r *rig) prune(age time.Duration, kept ...string) {
	newest := r.tables[apps][len(r.tables[apps])-1].guid
	cutoff := r.now.Add(-age)
	r.keep(apps, func(row apiRow) bool {
		return !row.created.Before(cutoff) || row.guid == newest || slices.Contains(kept, row.guid)
	})
}

func stopped(guid, process string, at time.Time) apiRow {
	return appEvent(guid, "STOPPED", "STARTED", process, at)
}

func startedAt(guid, process string, at time.Time) apiRow {
	return appEvent(guid, "STARTED", "STOPPED", process, at)
}

var _ = Describe("a cursor that is lost", func() {
	var r *rig
	BeforeEach(func() {
		r = newRig()
		r.settings.Complete = true
		r.restart()
		r.add(apps, startedAt("a1", "a", noon.Add(-3*time.Hour)), stopped("a2", "a", noon.Add(-2*time.Hour)),
			startedAt("b1", "b", noon.Add(-time.Hour)))
		r.poll()
		Expect(r.story()).To(Equal([]string{"a1", "a2", "b1"}))
	})
	horizon := noon.Add(-5 * time.Minute) // after the first poll

	It("to pruning leads to a gap up to where the list begins", func() {
		r.add(apps, stopped("b2", "b", noon.Add(day)), startedAt("c1", "c", noon.Add(20*day)), startedAt("d1", "d",
			noon.Add(40*day)))
		r.pass(50 * day)
		r.prune(31 * day)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app", "c1", "d1"}))
		g := r.gaps()[0]
		Expect(g.Cursor).To(Equal("b1"))
		Expect(g.From).To(Equal(horizon.Add(-30 * time.Minute)))
		Expect(g.To).To(Equal(noon.Add(20 * day)))
		Expect(g.Reason).To(ContainSubstring("nothing was collected"))
		r.restart()
		r.poll()
		Expect(r.story()).To(HaveLen(6))
	})

	It("leads to a gap that begins where any collector had come, whatever its name", func() {
		r.settings.Collector = "another"
		r.restart()
		r.add(apps, startedAt("c1", "c", noon.Add(20*day)))
		r.pass(50 * day)
		r.prune(31 * day)
		r.poll()
		Expect(r.gaps()[0].From).To(Equal(horizon.Add(-30 * time.Minute)))
	})

	It("is no gap when an ending that is known is still listed", func() {
		r.add(apps, startedAt("c1", "c", noon))
		r.keep(apps, func(row apiRow) bool { return row.guid != "b1" })
		r.pass(time.Hour)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"c1"}))
	})

	It("lets what nobody understands follow what it follows", func() {
		r.add(apps, apiRow{
			"odd", noon,
			`{"guid":"odd","created_at":"2026-05-01T12:00:00Z","state":{"current":"EVACUATED"}}`,
		})
		r.keep(apps, func(row apiRow) bool { return row.guid != "b1" })
		r.pass(time.Hour)
		r.poll()
		Expect(r.quarantined()[0].AfterID).To(Equal(r.facts()[1].id), "a2")
	})

	It("publishes again what is still listed, where the API keeps what runs", func() {
		r.add(apps, startedAt("c1", "c", noon.Add(2*day)), stopped("c2", "c", noon.Add(40*day)))
		r.pass(60 * day)
		r.keep(apps, func(row apiRow) bool { return row.guid == "a1" || row.guid == "c1" || row.guid == "c2" })
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app", "a1 listed", "c1", "c2"}))
		g := r.gaps()[0]
		Expect(g.To).To(Equal(noon.Add(29*day)), "a row that is older than the retention does not show that its "+
			"neighbours are there")
		listed := r.usage()
		i := slices.IndexFunc(listed, func(s said) bool { return !s.fact.Listed.IsZero() })
		Expect(listed[i].fact.Listed).To(Equal(g.To), "its ending would be listed if it was younger than the end of "+
			"the gap")
	})

	It("is found out although it is still listed, when it is a beginning that the API keeps", func() {
		r.add(apps, startedAt("c1", "c", noon.Add(20*day)), stopped("c2", "c", noon.Add(40*day)))
		r.pass(50 * day)
		r.keep(apps, func(row apiRow) bool { return row.guid != "a1" && row.guid != "a2" })
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app", "b1 listed", "c1", "c2"}))
		Expect(r.gaps()[0].To).To(Equal(noon.Add(20 * day)))
		r.pass(time.Minute)
		r.poll()
		Expect(r.gaps()).To(HaveLen(1))
	})

	It("to a purge leads to a gap and the reseeded rows", func() {
		r.pass(time.Hour)
		r.keep(apps, func(apiRow) bool { return false })
		r.add(apps, appEvent("b", "STARTED", "STARTED", "b", noon.Add(50*time.Minute)))
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app", "b"}))
		Expect(r.gaps()[0].To).To(Equal(noon.Add(50 * time.Minute)))
		Expect(r.gaps()[0].Reason).To(ContainSubstring("purged and reseeded"))

		By("purging once more: the guid is the same, the event is not")
		r.keep(apps, func(apiRow) bool { return false })
		r.pass(time.Hour)
		r.add(apps, appEvent("b", "STARTED", "STARTED", "b", noon.Add(100*time.Minute)))
		r.poll()
		Expect(r.story()[5:]).To(Equal([]string{"gap app", "b"}))
		Expect(r.gaps()[1].Cursor).To(Equal("b"))
	})

	It("holds the horizon while the reseeded rows are too young", func() {
		r.keep(apps, func(apiRow) bool { return false })
		r.pass(time.Hour)
		r.add(apps, appEvent("b", "STARTED", "STARTED", "b", noon.Add(59*time.Minute)))
		r.poll()
		Expect(r.story()).To(HaveLen(3))
		Expect(r.horizon()).To(Equal(horizon))
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app", "b"}))
	})

	It("to a purge that left nothing leads to a gap at once, and another when something comes", func() {
		r.keep(apps, func(apiRow) bool { return false })
		for range 5 {
			r.pass(time.Minute)
			r.poll()
		}
		Expect(r.story()[3:]).To(Equal([]string{"gap app"}))
		Expect(r.gaps()[0].To).To(Equal(noon.Add(time.Minute)))
		Expect(r.horizon()).To(Equal(noon))
		r.restart()
		r.pass(time.Minute)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app"}))
		r.add(apps, startedAt("n1", "n", noon.Add(7*time.Minute)))
		r.pass(10 * time.Minute)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app", "gap app", "n1"}))
	})

	It("to a purge that left nothing leads to one gap, though the minimum age and the schedule exceed the "+
		"overlap", func() {
		r.settings.Overlap, r.settings.OverlapEvery, r.settings.Schedule = 2*time.Minute, time.Minute, 4*time.Minute
		r.restart()
		r.keep(apps, func(apiRow) bool { return false })
		for range 3 {
			r.pass(r.settings.Schedule)
			r.poll()
		}
		r.restart()
		r.pass(r.settings.Schedule)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app"}))
		Expect(r.horizon()).To(Equal(noon.Add(11 * time.Minute)))

		By("not looking for long: what came and went meanwhile is not known")
		r.pass(time.Hour)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"gap app", "gap app"}))
		Expect(r.gaps()[1].To).To(Equal(r.now))
	})

	It("does not end the search for late events among those before it", func() {
		r.add(apps, startedAt("c1", "c", noon.Add(2*time.Minute)), stopped("c2", "c", noon.Add(3*time.Minute)),
			startedAt("d1", "d", noon.Add(4*time.Minute)))
		r.pass(10 * time.Minute)
		r.poll()
		r.keep(apps, func(row apiRow) bool { return row.guid != "d1" })
		r.add(apps, startedAt("e1", "e", noon.Add(5*time.Minute)))
		r.pass(time.Minute)
		r.poll()
		Expect(r.story()[3:]).To(Equal([]string{"c1", "c2", "d1", "e1"}))
		r.insert(apps, "c1", startedAt("x", "x", noon.Add(time.Minute)))
		r.insert(apps, "e1", startedAt("y", "y", noon.Add(3*time.Minute)))
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()[7:]).To(Equal([]string{"x after b1", "y after c2"}))
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()).To(HaveLen(9))
	})

	It("is not believed of a token that lost its scope", func() {
		r.scope = false
		r.pass(time.Hour)
		err := r.current.Poll(context.Background())
		Expect(err).To(MatchError(ContainSubstring("cloud_controller.global_auditor")))
		Expect(r.story()).To(HaveLen(3))
		Expect(r.horizon()).To(Equal(horizon))
		Expect(r.current.Ready(r.name)).NotTo(Succeed())
		r.scope = true
		r.poll()
		Expect(r.current.Ready(r.name)).To(Succeed())
	})

	It("does not disturb the other list", func() {
		r.add(services, serviceEvent("s0", "CREATED", "i", noon.Add(-time.Hour)))
		r.poll()
		r.keep(apps, func(apiRow) bool { return false })
		r.add(services, serviceEvent("s1", "DELETED", "i", noon.Add(time.Minute)))
		r.pass(10 * time.Minute)
		r.poll()
		Expect(r.story()[3:]).To(ConsistOf("s0", "gap app", "s1"))
		Expect(r.gaps()[0].List).To(Equal(events.ListApp))
	})

	// In each case the rescan publishes several batches; it is killed before and
	// after each of them.
	DescribeTable("is got over wherever the collector is killed", func(change func(), want []string) {
		change()
		for _, how := range []outcome{killsBefore, killsAfter, killsBefore, killsAfter} {
			for n := 1; n <= 2 && r.dies(n, how); n++ {
			}
		}
		r.poll()
		var once []string
		for _, word := range r.story()[3:] {
			if !slices.Contains(once, word) {
				once = append(once, word)
			}
		}
		Expect(once).To(Equal(want))
		facts := map[string]int{}
		for _, s := range r.usage() {
			facts[s.id]++
		}
		for id, n := range facts {
			Expect(n).To(Equal(1), id)
		}
	},
		Entry("pruned", func() {
			rows := started("n", 7, noon.Add(40*day))
			r.add(apps, rows...)
			r.pass(50 * day)
			r.prune(31 * day)
		}, []string{"gap app", "n0", "n1", "n2", "n3", "n4", "n5", "n6"}),
		Entry("kept while running", func() {
			r.add(apps, started("n", 7, noon.Add(40*day))...)
			r.pass(50 * day)
			r.prune(31*day, "a1")
		}, []string{"gap app", "a1 listed", "n0", "n1", "n2", "n3", "n4", "n5", "n6"}),
	)
})

var _ = Describe("the first collection of a table that was pruned", func() {
	It("knows nothing of the time before the oldest ending, where beginnings are kept", func() {
		r := newRig()
		r.add(apps, startedAt("old", "a", noon.Add(-300*day)), startedAt("b", "b", noon.Add(-40*day)),
			stopped("c", "c", noon.Add(-30*day)), startedAt("d", "d", noon.Add(-day)))
		r.poll()
		Expect(r.story()).To(Equal([]string{"gap app", "old", "b", "c", "d"}))
		Expect(r.gaps()[0].To).To(Equal(noon.Add(-31 * day)))
	})

	It("knows all from the first event on, where that is within the retention", func() {
		r := newRig()
		r.add(apps, startedAt("b", "b", noon.Add(-20*day)), stopped("c", "c", noon.Add(-10*day)))
		r.poll()
		Expect(r.gaps()[0].To).To(Equal(noon.Add(-20 * day)))
	})

	It("does not believe what it has read when the oldest ending is gone before it goes on", func() {
		r := newRig()
		r.settings.Retries, r.settings.PageSize = 1, 10
		r.restart()
		r.add(apps, startedAt("old", "a", noon.Add(-300*day)), stopped("b", "b", noon.Add(-32*day)), startedAt("c", "c",
			noon.Add(-31*day-time.Hour)),
			startedAt("d", "d", noon.Add(-day)))
		r.breaks(1) // the walk gets nothing
		Expect(r.current.Poll(context.Background())).NotTo(Succeed())
		r.heal()
		r.keep(apps, func(row apiRow) bool { return row.guid == "old" || row.guid == "d" })
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("changed while it was read")))
		r.poll()
		Expect(r.story()).To(Equal([]string{"gap app", "old", "d"}))
		Expect(r.gaps()[0].To).To(Equal(noon.Add(-31 * day)))
	})

	It("names the baselines", func() {
		r := newRig()
		r.add(apps, appEvent("w", "WAS_RUNNING", "", "a", noon.Add(-day)))
		r.poll()
		Expect(r.gaps()[0].Reason).To(ContainSubstring("WAS_RUNNING"))
	})
})

// breaks answers all but the first n requests for the list of app usage events with an error.
func (r *rig) breaks(n int) {
	var asked atomic.Int64
	r.heal()
	r.hook(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Path != "/v3/"+apps || asked.Add(1) <= int64(n) {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
}
