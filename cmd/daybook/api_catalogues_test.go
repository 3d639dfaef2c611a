package main

import (
	"context"
	"net/http"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/operate"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("Catalogues by the API", func() {
	It("are checked, previewed and put in force with the effect that was seen, and again", func(ctx SpecContext) {
		first, second, prices := month(100)
		s := newSite(ctx)
		a := s.ask(ctx)
		text, err := os.ReadFile(prices)
		Expect(err).NotTo(HaveOccurred())
		dear := dearer(string(text))
		type question map[string]any

		By("naming the lines of mistakes")
		var checked operate.Checked
		a.sent(&checked, "catalogues/check", question{"catalogue": "currency: GBP\nplans: 7\n"})
		Expect(checked.Mistakes).To(HaveExactElements(And(HaveField("Line", 2), HaveField("Column", 8))))
		Expect(checked.Version).To(BeEmpty())
		status, said := a.sent(nil, "catalogues/preview", question{"catalogue": "currency: GBP\nplans: 7\n"})
		Expect(status).To(Equal(http.StatusUnprocessableEntity))
		Expect(said).To(ContainSubstring("catalogue:2:8"))
		a.sent(&checked, "catalogues/check", question{"catalogue": dear})
		Expect(checked.Mistakes).To(BeEmpty())

		By("saying which months close with the first one")
		s.serve()
		s.ran("collect", "file", "--horizon", "2026-11-10T00:00:00Z", first)
		var seen operate.Preview
		Eventually(func() []string {
			seen = operate.Preview{}
			a.sent(&seen, "catalogues/preview", question{"catalogue": string(text)})
			return seen.Closes
		}).Should(Equal([]string{"2026-10"}))
		Expect(seen.Former).To(BeEmpty())
		s.ran("month", "mode", "manual")

		By("putting it in force behind what was seen alone")
		s.ran("collect", "file", "--foundation", "late", second)
		Eventually(func() uint64 {
			var now operate.Preview
			a.sent(&now, "catalogues/preview", question{"catalogue": string(text)})
			return now.Metered
		}).Should(BeNumerically(">", seen.Metered))
		status, said = a.sent(nil, "catalogues", question{
			"catalogue": string(text), "name": "A", "note": "n", "expect": seen.Metered,
		})
		Expect(status).To(Equal(http.StatusConflict))
		Expect(said).To(ContainSubstring("look again"))
		var put operate.Published
		Eventually(func() string {
			now := operate.Preview{}
			a.sent(&now, "catalogues/preview", question{"catalogue": string(text), "name": "A"})
			status, said = a.sent(&put, "catalogues", question{
				"catalogue": string(text), "name": "A", "note": "the first", "expect": now.Metered,
			})
			return said
		}).Should(ContainSubstring(`"in force"`))
		Expect(put.Equal).To(BeTrue())

		By("showing what the command shows, and what becomes of it")
		seen = operate.Preview{}
		a.sent(&seen, "catalogues/preview", question{"catalogue": dear, "name": "B"})
		var effect answers.WhatIf
		a.sent(&effect, "what-if", question{"catalogue": dear})
		Expect(seen.Rows).To(Equal(effect.Rows))
		Expect(seen.Rows).NotTo(BeEmpty())
		status, said = a.sent(&put, "catalogues", question{
			"catalogue": dear, "name": "B", "note": "dearer", "expect": seen.Metered,
		})
		Expect(status).To(Equal(http.StatusOK), said)
		Expect([]any{put.State, put.Equal, put.Between}).To(Equal([]any{"in force", true, 0}))
		Expect(put.Rows).To(Equal(seen.Rows))
		act, _, err := acts.InForce(ctx, s.bus)
		Expect(err).NotTo(HaveOccurred())
		Expect([]any{act.Catalogue.Version, act.By, act.Note, act.Sequence}).To(Equal(
			[]any{"B", "ann", "dearer", put.Usage}))
		_, said = a.sent(&put, "catalogues", question{"catalogue": dear, "name": "B", "note": "twice"})
		Expect(said).To(ContainSubstring(`"already"`))

		By("refusing another text for a version, and another currency")
		status, said = a.sent(nil, "catalogues", question{"catalogue": string(text), "name": "B", "note": "n"})
		Expect(status).To(Equal(http.StatusConflict), said)
		a.sent(&seen, "catalogues/preview", question{"catalogue": string(text), "name": "B"})
		Expect(seen.Refused).To(ContainSubstring("another text"))
		status, said = a.sent(nil, "catalogues", question{"catalogue": foreign(dear), "note": "n"})
		Expect(status).To(Equal(http.StatusConflict))
		Expect(said).To(ContainSubstring("the billing currency goes from GBP to CHF"))

		By("going back to an earlier one")
		status, said = a.sent(&put, "catalogues/A/rollback", question{"note": "too dear"})
		Expect(status).To(Equal(http.StatusOK), said)
		Expect([]any{put.Version, put.State, put.Equal}).To(Equal([]any{"A", "in force", true}))
		status, _ = a.sent(nil, "catalogues/none/rollback", question{"note": "n"})
		Expect(status).To(Equal(http.StatusNotFound))

		By("taking none of those who may not decide about all")
		count := len(history(ctx, s))
		for _, access := range []auth.Access{
			{All: auth.Read}, {Tenants: map[events.Owner]auth.Rights{{Foundation: "file"}: auth.Operate}},
		} {
			a.as(access)
			status, said = a.sent(nil, "catalogues", question{"catalogue": dear, "name": "C", "note": "n"})
			Expect(status).To(Equal(http.StatusForbidden), said)
			status, said = a.sent(nil, "catalogues/B/rollback", question{"note": "n"})
			Expect(status).To(Equal(http.StatusForbidden), said)
		}
		Expect(history(ctx, s)).To(HaveLen(count))
	})

	It("are refused with what has no meaning, and not with a failure", func(ctx SpecContext) {
		a := newSite(ctx).ask(ctx)
		const text = "currency: GBP\nplans: []\n"
		for _, body := range []map[string]any{
			{"note": "n"},
			{"note": "n", "catalogue": text, "version": "A"},
			{"note": "n", "version": "A", "name": "B"},
			{"note": "n", "catalogue": text, "reprice_closed": []string{"0001-01"}},
			{"note": "n", "catalogue": text, "reprice_closed": []string{"autumn"}},
			{"note": "n", "catalogue": "#" + strings.Repeat("x", 900_000)},
			{"catalogue": text},
		} {
			status, said := a.sent(nil, "catalogues", body)
			Expect(status).To(Equal(http.StatusUnprocessableEntity), said)
		}
	})
})

// history is all acts about the catalogue.
func history(ctx context.Context, s *site) []acts.Version {
	GinkgoHelper()
	all, err := acts.History(ctx, s.bus)
	Expect(err).NotTo(HaveOccurred())
	return all
}
