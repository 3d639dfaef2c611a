package main

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/names"
)

// named gives the demo's tenants and spaces their names.
func (s *site) named(ctx context.Context) {
	GinkgoHelper()
	for _, t := range demo.Tenants() {
		_, err := names.Record(ctx, s.bus, t.Source, t.Foundation, t.Names(), false)
		Expect(err).NotTo(HaveOccurred())
	}
}

var _ = Describe("Names in the API", Ordered, func() {
	var a *asked
	BeforeAll(func(ctx SpecContext) {
		s := demonstrated(ctx)
		s.named(ctx)
		a = s.ask(ctx)
	})
	BeforeEach(func() { a.asker = everything() })

	It("stand beside the guids of tenants", func() {
		var all answers.Totals
		a.get(&all, "totals", "by", "tenant", "month", "2026-10")
		named := map[string]string{}
		for _, t := range all.Totals {
			named[t.Of["tenant"]] = t.Tenant
		}
		Expect(named).To(HaveKeyWithValue(demo.Retail, "retail"))
		var running answers.Running
		a.get(&running, "running", "tenant", demo.Retail)
		Expect(running.Running[0].TenantName).To(Equal("retail"))
	})

	It("stand beside the guids of spaces", func() {
		for _, by := range [][]string{{"by", "tenant,space"}, {"by", "space", "tenant", demo.Retail}} {
			var all answers.Totals
			a.get(&all, "totals", append(by, "month", "2026-10")...)
			named := map[string]string{}
			for _, t := range all.Totals {
				named[t.Of["space"]] = t.Space
			}
			Expect(named).To(And(HaveKeyWithValue("4e7a1100-0000-4000-8000-0000000000a1", "production"),
				HaveKeyWithValue("4e7a1100-0000-4000-8000-0000000000a2", "dev")))
		}
	})

	It("are taken for guids, and near ones are told to those who see everybody", func() {
		byName, byGUID := answers.Totals{}, answers.Totals{}
		a.get(&byName, "totals", "tenant", "retail", "by", "plan")
		a.get(&byGUID, "totals", "tenant", demo.Retail, "by", "plan")
		Expect(byName).To(Equal(byGUID))
		w := a.do(http.MethodGet, "/v1/totals?tenant=retaill", nil)
		Expect(w.Code).To(Equal(http.StatusNotFound))
		Expect(w.Body.String()).To(ContainSubstring("retail"))
	})

	It("of others are to a tenant's manager as those that do not exist", func() {
		owner := events.Owner{Foundation: "demo", Tenant: demo.Retail}
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{owner: auth.Read}}
		var mine answers.Totals
		a.get(&mine, "totals", "tenant", "retail")
		Expect(mine.Totals).NotTo(BeEmpty())
		theirs := a.do(http.MethodGet, "/v1/totals?tenant=logistics", nil)
		nobodys := a.do(http.MethodGet, "/v1/totals?tenant=logistisc", nil)
		Expect(theirs.Code).To(Equal(http.StatusNotFound))
		Expect(theirs.Body.String()).To(Equal(nobodys.Body.String()))
	})
})
