package reconcile_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Reconcile")
}

var _ = DescribeTable("A material is there in its billed size", func(kind string, billed, there events.Footprint,
	same bool,
) {
	Expect(reconcile.SameSize(kind, &billed, &there)).To(Equal(same))
},
	Entry("a flavour by its id, whatever its name and memory", events.KindInstance,
		events.Footprint{FlavorID: "10", Flavor: "m1.small", MemoryMB: events.Some(512)},
		events.Footprint{FlavorID: "10", Flavor: "m1.renamed"}, true),
	Entry("another flavour", events.KindInstance,
		events.Footprint{FlavorID: "10"}, events.Footprint{FlavorID: "2"}, false),
	Entry("a flavour of a message without its id", events.KindInstance,
		events.Footprint{Flavor: "m1.small"}, events.Footprint{FlavorID: "10", Flavor: "m1.small"}, true),
	Entry("a flavour that cannot be compared", events.KindInstance,
		events.Footprint{Flavor: "m1.small"}, events.Footprint{FlavorID: "10"}, true),
	Entry("a flavour where none is billed", events.KindInstance,
		events.Footprint{}, events.Footprint{FlavorID: "10"}, false),
	Entry("a flavour that the platform does not tell", events.KindInstance,
		events.Footprint{FlavorID: "10"}, events.Footprint{}, true),
	Entry("a place in other words", events.KindInstance,
		events.Footprint{FlavorID: "10", Region: "LOCAL_DEV", Datastore: "mysql", AvailabilityZone: "nova"},
		events.Footprint{FlavorID: "10", Region: "RegionOne", Datastore: "MySQL"}, true),
	Entry("a volume", events.KindVolume, events.Footprint{VolumeGB: events.Some(3), Region: "r"},
		events.Footprint{VolumeGB: events.Some(3)}, true),
	Entry("a larger volume", events.KindVolume, events.Footprint{VolumeGB: events.Some(3)},
		events.Footprint{VolumeGB: events.Some(5)}, false),
	Entry("a volume of a size that nobody tells", events.KindVolume, events.Footprint{VolumeGB: events.Some(3)},
		events.Footprint{}, true),
	Entry("a volume held for its size", events.KindVolume, events.Footprint{},
		events.Footprint{VolumeGB: events.Some(5)}, false),
	Entry("an app with another buildpack", events.KindApp,
		events.Footprint{Instances: events.Some(1), MemoryMB: events.Some(64), BuildpackGUID: "a"},
		events.Footprint{Instances: events.Some(1), MemoryMB: events.Some(64), BuildpackGUID: "b"}, false),
	Entry("an app whose buildpack was not looked at", events.KindApp,
		events.Footprint{Instances: events.Some(1), MemoryMB: events.Some(64), BuildpackGUID: "a"},
		events.Footprint{Instances: events.Some(1), MemoryMB: events.Some(64)}, true),
	Entry("an app with more instances", events.KindApp, events.Footprint{Instances: events.Some(1)},
		events.Footprint{Instances: events.Some(2)}, false),
	Entry("an app with no instances", events.KindApp, events.Footprint{Instances: events.Some(1)},
		events.Footprint{Instances: events.Some(0)}, false),
	Entry("a task with other memory", events.KindTask, events.Footprint{MemoryMB: events.Some(1)},
		events.Footprint{MemoryMB: events.Some(2)}, false),
	Entry("a renamed plan", events.KindService, events.Footprint{Plan: "s", PlanGUID: "p"},
		events.Footprint{Plan: "small", PlanGUID: "p"}, true),
	Entry("another plan", events.KindService, events.Footprint{Plan: "s", PlanGUID: "p"},
		events.Footprint{Plan: "s", PlanGUID: "q"}, false),
	Entry("a kind that no inventory lists", "ghost", events.Footprint{}, events.Footprint{}, false),
)

var _ = Describe("A listing", func() {
	plan := reconcile.Floorplan{Listings: []reconcile.Listing{
		{Kind: events.KindInstance, Why: "a project's token", Tenants: []string{"t1"}},
		{Kind: events.KindVolume, Complete: true},
	}}

	It("of a project is complete for this project alone", func() {
		Expect(plan.Complete(events.KindInstance)).To(BeFalse())
		Expect(plan.CompleteFor(events.KindInstance, "t1")).To(BeTrue())
		Expect(plan.CompleteFor(events.KindInstance, "t2")).To(BeFalse())
	})

	It("of all is complete for each, and one that was not made for none", func() {
		Expect(plan.CompleteFor(events.KindVolume, "t2")).To(BeTrue())
		Expect(plan.CompleteFor(events.KindApp, "t2")).To(BeFalse())
	})
})
