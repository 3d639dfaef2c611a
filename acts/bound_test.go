package acts_test

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("A hold between two bounds", func() {
	of := func(instances uint32) events.Footprint {
		return events.Footprint{Instances: events.Some(instances), MemoryMB: events.Some(512)}
	}
	plan := func(name string) events.Footprint { return events.Footprint{Plan: name, PlanGUID: name + "-guid"} }
	scaled := events.Hold{Kind: "app", Code: "lost_change", Footprint: of(5), Lower: of(2)}
	stopped := events.Hold{Kind: "app", Code: "lost_change", Footprint: of(5), Lower: of(0)}
	service := events.Hold{Kind: "service", Code: "lost_change", Footprint: plan("small"), Lower: plan("large")}
	gap := events.Hold{Kind: "app", Code: "gap", Footprint: of(5)}
	costs := func(prices map[string]string) func(*events.Footprint) (events.Decimal, error) {
		return func(f *events.Footprint) (events.Decimal, error) { return events.ParseDecimal(prices[f.Plan]) }
	}
	problem := func(err error) acts.Problem {
		var refused *acts.NotReleasableError
		Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
		return refused.Problem
	}

	It("is not released without a word on which", func() {
		Expect(problem(acts.Releasable(&scaled, &events.Footprint{}))).To(Equal(acts.BoundsOpen))
		size := of(3)
		Expect(acts.Releasable(&scaled, &size)).To(Succeed())
	})
	It("is billed by its smaller or its larger size", func() {
		Expect(acts.At(&scaled, acts.LowerBound, nil)).To(Equal(acts.Word{Action: "release", Footprint: of(2)}))
		Expect(acts.At(&scaled, acts.HigherBound, nil)).To(Equal(acts.Word{Action: "release", Footprint: of(5)}))
	})
	It("is not billed at all where the lower bound is that it did not run", func() {
		Expect(acts.At(&stopped, acts.LowerBound, nil)).To(Equal(acts.Word{Action: "discard"}))
	})
	It("is billed by the plan that costs less, or more", func() {
		for _, prices := range []map[string]string{{"small": "1", "large": "5"}, {"small": "5", "large": "5.01"}} {
			Expect(acts.At(&service, acts.LowerBound, costs(prices))).To(Equal(acts.Word{
				Action: "release", Footprint: plan("small"),
			}))
			Expect(acts.At(&service, acts.HigherBound, costs(prices))).To(Equal(acts.Word{
				Action: "release", Footprint: plan("large"),
			}))
		}
		_, err := acts.At(&service, acts.LowerBound, nil)
		Expect(problem(err)).To(Equal(acts.PlansUnpriced))
	})
	It("is billed by a plan that is named by name or guid", func() {
		Expect(acts.WithPlan(&service, "large")).To(Equal(acts.Word{Action: "release", Footprint: plan("large")}))
		Expect(acts.WithPlan(&service, "small-guid")).To(Equal(acts.Word{Action: "release", Footprint: plan("small")}))
		_, err := acts.WithPlan(&service, "medium")
		Expect(problem(err)).To(Equal(acts.NoSuchPlan))
		_, err = acts.WithPlan(&gap, "small")
		Expect(problem(err)).To(Equal(acts.NoSuchPlan))
	})
	It("is not what a hold of one size is", func() {
		_, err := acts.At(&gap, acts.LowerBound, nil)
		Expect(problem(err)).To(Equal(acts.NoBounds))
	})
})
