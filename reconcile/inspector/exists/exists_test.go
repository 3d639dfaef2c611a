package exists_test

import (
	"iter"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/exists"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Exists")
}

func at(minute int) time.Time { return time.Date(2026, 11, 1, 10, minute, 0, 0, time.UTC) }

// report is an exists of a database of flavour 10, with its audit period ended a second before.
func report(resource string, minute int, edit ...func(u *events.Usage)) events.Usage {
	u := events.Usage{
		Source: events.SourceTrove, Foundation: "os", Tenant: "t1", Kind: events.KindInstance, Resource: resource,
		Event: events.EventTroveExists, Time: at(minute).Add(-time.Second), Observed: at(minute), State: "active",
		Name:      "db " + resource,
		Footprint: events.Footprint{FlavorID: "10", Region: "LOCAL_DEV", Datastore: "mysql"},
		Raw:       []byte(`{}`),
	}
	for _, e := range edit {
		e(&u)
	}
	return u
}

func flavor(id string) func(u *events.Usage) {
	return func(u *events.Usage) { u.Footprint.FlavorID = id }
}
func state(s string) func(u *events.Usage) { return func(u *events.Usage) { u.State = s } }

func deleted(u *events.Usage) {
	u.Event, u.Time = events.EventTroveDelete, u.Observed
}

func all(facts ...events.Usage) iter.Seq2[uint64, *events.Usage] {
	return func(yield func(uint64, *events.Usage) bool) {
		for i := range facts {
			if !yield(uint64(i)+100, &facts[i]) {
				return
			}
		}
	}
}

func resources(plan *reconcile.Floorplan) (names []string) {
	for i := range plan.Materials {
		names = append(names, plan.Materials[i].Resource)
	}
	return names
}

var _ = Describe("A floorplan of exists notifications", func() {
	It("has each database that was reported, with its newest flavour and its proof", func() {
		plan := exists.Floorplan("os", all(report("b", 1), report("a", 2), report("a", 3, flavor("2")),
			report("a", 4, flavor("2"))), at(0), at(10))
		Expect(resources(plan)).To(Equal([]string{"a", "b"}))
		a := plan.Materials[0]
		Expect(a.Footprint.FlavorID).To(Equal("2"))
		Expect(a.Since).To(Equal(at(3)), "the first report of it in a row")
		Expect(a.Proof).To(Equal(at(4).Add(-time.Second)))
		Expect(a.Key()).To(Equal(reconcile.Key{Kind: events.KindInstance, Resource: "a"}))
		Expect([]time.Time{plan.Begun, plan.Seen}).To(Equal([]time.Time{at(0), at(4)}))
		Expect(plan.AfterSequence).To(Equal(uint64(103)))
	})

	DescribeTable("leaves out", func(facts ...events.Usage) {
		plan := exists.Floorplan("os", all(append(facts, report("living", 5))...), at(0), at(10))
		Expect(resources(plan)).To(Equal([]string{"living"}))
	},
		Entry("a report of before the window", report("a", 0)),
		Entry("a report of after the window", report("a", 11)),
		Entry("a build", report("a", 1, state("build"))),
		Entry("an error", report("a", 1), report("a", 2, state("error"))),
		Entry("a database without a server", report("a", 1, func(u *events.Usage) { u.NoServer = true })),
		Entry("a deleted one", report("a", 1), report("a", 2, deleted)),
		Entry("one of another foundation", report("a", 1, func(u *events.Usage) { u.Foundation = "clone" })),
		Entry("what is no report", report("a", 1, func(u *events.Usage) { u.Event = events.EventTroveCreate })),
	)

	It("proves the absence of nothing, however many others are reported", func() {
		plan := exists.Floorplan("os", all(report("a", 1), report("b", 1)), at(0), at(10))
		for _, kind := range []string{events.KindInstance, events.KindVolume} {
			Expect(plan.Complete(kind)).To(BeFalse())
			Expect(plan.CompleteFor(kind, "t1")).To(BeFalse())
		}
		Expect(plan.Listings).To(HaveExactElements(
			reconcile.Listing{Kind: events.KindInstance, Count: 2, Why: exists.Why},
			reconcile.Listing{Kind: events.KindVolume, Why: exists.WhyVolume}))
	})

	It("is the same in whatever order the facts come", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			facts := rapid.Permutation([]events.Usage{
				report("a", 1), report("a", 2, flavor("2")), report("a", 3, flavor("2")), report("b", 1),
				report("c", 2), report("c", 4, deleted),
			}).Draw(t, "facts")
			plan := exists.Floorplan("os", all(facts...), at(0), at(10))
			Expect(resources(plan)).To(Equal([]string{"a", "b"}))
			Expect(plan.Materials[0].Since).To(Equal(at(2)))
			Expect(plan.Seen).To(Equal(at(3)))
		})
	})
})
