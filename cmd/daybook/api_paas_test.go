package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

var _ = Describe("paas-billing's endpoints of the API", Ordered, func() {
	var s *site
	var a *asked
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		a = s.ask(ctx)
	})
	BeforeEach(func() { a.asker = everything() })

	type billable struct {
		EventGUID string `json:"event_guid"`
		Org       string `json:"org_guid"`
		Price     struct {
			ExVAT   string `json:"ex_vat"`
			Details []struct {
				Currency string `json:"currency_code"`
			} `json:"details"`
		} `json:"price"`
	}
	month := func(month string, parameters string) (all []billable) {
		GinkgoHelper()
		from, err := time.Parse(events.MonthForm, month)
		Expect(err).NotTo(HaveOccurred())
		w := a.do(http.MethodGet, "/billable_events?range_start="+from.Format(time.DateOnly)+"&range_stop="+
			from.AddDate(0, 1, 0).Format(time.DateOnly)+parameters, nil)
		Expect(w.Code).To(Equal(http.StatusOK), w.Body.String())
		Expect(json.Unmarshal(w.Body.Bytes(), &all)).To(Succeed())
		return all
	}

	It("have the sums of daybook bill, and what has accrued since", func() {
		bill, sums := s.exactBill(), map[string]events.Decimal{}
		var running answers.Running
		a.get(&running, "running")
		for _, r := range running.Running {
			for _, l := range r.Accrued.Lines {
				amount, err := events.ParseDecimal(l.Amount)
				Expect(err).NotTo(HaveOccurred())
				key := l.Start[:len("2026-11")] + " " + r.Tenant + " " + l.Currency
				bill[key] = bill[key].Add(amount)
			}
		}
		months := map[string]bool{}
		for key := range bill {
			months[strings.Fields(key)[0]] = true
		}
		for at := range months {
			for _, e := range month(at, "") {
				amount, err := events.ParseDecimal(e.Price.ExVAT)
				Expect(err).NotTo(HaveOccurred())
				key := at + " " + e.Org + " " + e.Price.Details[0].Currency
				sums[key] = sums[key].Add(amount)
			}
		}
		Expect(bill).NotTo(BeEmpty())
		Expect(texts(sums)).To(Equal(texts(bill)))
	})

	It("name the platform's usage events", func() {
		file := demo.Files()[0]
		named := 0
		for _, e := range month("2026-10", "&org_guid="+demo.Retail) {
			if strings.Contains(string(file.Data), e.EventGUID) {
				named++
			}
		}
		Expect(named).To(BeNumerically(">", 10))
	})

	It("show an organisation to its managers alone, and refuse all others with 401", func() {
		owner := events.Owner{Foundation: "demo", Tenant: demo.Retail}
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{owner: auth.Read}}
		Expect(month("2026-10", "&org_guid="+demo.Retail)).NotTo(BeEmpty())
		const path = "/billable_events?range_start=2026-10-01&range_stop=2026-11-01"
		for _, parameters := range []string{
			"", "&org_guid=" + demo.Logistics, "&org_guid=" + demo.Retail + "&org_guid=nobody",
		} {
			Expect(a.do(http.MethodGet, path+parameters, nil).Code).To(Equal(http.StatusUnauthorized), parameters)
		}
		a.asker.Tenants[owner] = auth.Usage
		Expect(a.do(http.MethodGet, path+"&org_guid="+demo.Retail, nil).Code).To(Equal(http.StatusUnauthorized),
			"an auditor")
	})
})
