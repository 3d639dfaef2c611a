package foreman_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

var _ = Describe("A resource that went silent", func() {
	silent := func(edit func(in *foreman.Input)) *reconcile.Plan {
		in := input([]reconcile.Material{app("a", 1)}, []reconcile.Material{app("a", 1)})
		lost := app("lost", 2)
		lost.Proof = noon.Add(-3 * time.Hour)
		in.Blueprint.Silent = []reconcile.Material{lost}
		in.Rules.Acts = []reconcile.ActRule{{Act: reconcile.Settle}}
		if edit != nil {
			edit(in)
		}
		return foreman.Make(in)
	}

	It("is a missing stop with its money a day, which is reported alone and stands in no sum", func() {
		plan := silent(nil)
		Expect(plan.Remodels).To(HaveLen(1))
		r := plan.Remodels[0]
		Expect([]any{r.Type, r.Act, r.Stage, r.Silent}).To(Equal([]any{
			reconcile.MissingStop, reconcile.Report, reconcile.Reports, true,
		}))
		Expect([]time.Time{r.At, r.NotBefore, r.NotAfter, r.First}).To(Equal([]time.Time{
			noon.Add(-3 * time.Hour), noon.Add(-3 * time.Hour), noon, noon,
		}))
		Expect(r.Stake).To(Equal([]reconcile.Money{{Currency: "GBP", Amount: "4.8", VAT: "0.96"}}))
		Expect(r.Why).To(ContainSubstring("billed up to the last report"))
		Expect(r.Resolutions).To(ConsistOf(reconcile.EndAt, reconcile.IgnoreUntil))
		Expect(plans.Stakes(plan)).To(BeEmpty())
	})

	It("is none where the platform shows it, or a limitation leaves it alone", func() {
		plan := silent(func(in *foreman.Input) {
			in.Floorplan.Materials = append(in.Floorplan.Materials, app("lost", 2))
		})
		Expect(plan.Remodels).NotTo(ContainElement(HaveField("Silent", true)))
		plan = silent(func(in *foreman.Input) {
			in.Rules.Limitations = []reconcile.Limitation{{Resource: "lost", By: "ann", Note: "a drill"}}
		})
		Expect(plan.Remodels).To(BeEmpty())
		Expect(plan.Notes).To(HaveExactElements(And(HaveField("Key.Resource", "lost"),
			HaveField("Code", reconcile.NoteLimited))))
	})
})
