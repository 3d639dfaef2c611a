package plans_test

import (
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Plans that are kept")
}

var _ = Describe("A comparison of sums", func() {
	It("says by how much they differ, or that they agree", func() {
		noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
		c := plans.Comparison{At: noon, Off: reconcile.Sums{Instances: 3, MemoryMB: -64}}
		Expect(c.Text()).To(Equal("differs from the platform at 2026-12-01T12:00:00Z: there are +3 instances, -64 MB"))
		c = plans.Comparison{At: noon, Agrees: true}
		Expect(c.Text()).To(Equal("agrees with the platform at 2026-12-01T12:00:00Z"))
	})
})

var _ = Describe("The money at stake of a plan", func() {
	It("is what is billed too much, and what too little", func() {
		p := &reconcile.Plan{Remodels: []reconcile.Remodel{
			{Stake: []reconcile.Money{{Currency: "GBP", Amount: "1.5"}}},
			{Stake: []reconcile.Money{{Currency: "GBP", Amount: "-0.25"}}},
			{Stake: []reconcile.Money{{Currency: "GBP", Amount: "1"}}},
		}}
		all := plans.Stakes(p)
		Expect(all).To(HaveLen(1))
		Expect(all[0].TooMuch.String()).To(Equal("2.5"))
		Expect(all[0].TooLittle.String()).To(Equal("0.25"))
		text, err := json.Marshal(&plans.Planned{Plan: p, Dry: "x"})
		Expect(err).NotTo(HaveOccurred())
		var read plans.Planned
		Expect(json.Unmarshal(text, &read)).To(Succeed())
		Expect(&read).To(Equal(&plans.Planned{Plan: p, Dry: "x"}))
	})
})
