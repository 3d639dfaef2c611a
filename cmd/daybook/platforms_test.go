package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// counting is a platform that counts.
type counting struct {
	service.Platform
	sums service.Sums
}

func (c *counting) Sums(context.Context) (*service.Sums, error) { return &c.sums, nil }

var _ = Describe("What a platform counts", Ordered, func() {
	var (
		s        *site
		a        *asked
		url      string
		platform *counting
		alarm    *service.Service
	)
	// compare makes a poll.
	compare := func(ctx context.Context) {
		GinkgoHelper()
		_, err := alarm.Compare(ctx)
		Expect(err).NotTo(HaveOccurred())
	}
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		a = s.ask(ctx)
		server := httptest.NewServer(a.handler)
		DeferCleanup(server.Close)
		url = server.URL
		platform = &counting{sums: service.Sums{At: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}} // nothing ran then
		var err error
		alarm, err = service.New(service.Config{Source: events.SourceCF, Foundation: "demo"},
			service.Deps{Bus: s.bus, Platform: platform})
		Expect(err).NotTo(HaveOccurred())
	})

	// everywhere are the texts that say how far the demo is metered.
	everywhere := func() map[string]string {
		GinkgoHelper()
		all := map[string]string{}
		for name, args := range map[string][]string{
			"bill": {"bill"}, "bill as JSON": {"bill", "--format", "json"},
			"bill of a tenant": {"bill", "--tenant", demo.Retail}, "status": {"status"},
			"status as JSON": {"status", "--format", "json", "--foundation", "demo"},
			"preview":        {"statement", "--tenant", demo.Retail, "--month", "2026-10"},
		} {
			_, out, problem := s.daybook(args...)
			Expect(problem).To(BeEmpty(), name)
			all[name] = out
			status, remotely, problem := remote(url, args...)
			Expect(status).To(BeZero(), problem)
			all[name+" by the API"] = remotely
			if name != "status" { // it tells how long ago something was
				Expect(remotely).To(Equal(out), name)
			}
		}
		_, _, all["bill as CSV"] = s.daybook("bill", "--format", "csv")
		return all
	}

	It("is told nowhere before it is compared", func() {
		for name, text := range everywhere() {
			Expect(text).NotTo(ContainSubstring("the platform at"), name)
		}
	})

	It("stands beside how far the foundation is metered, once it agrees", func(ctx SpecContext) {
		compare(ctx)
		for name, text := range everywhere() {
			Expect(text).To(ContainSubstring("agrees with the platform at 2025-01-01"), name)
		}
		_, trove, _ := s.daybook("bill", "--tenant", s.statements(ctx)[0].Tenant)
		Expect(trove).NotTo(ContainSubstring("the platform at"), "it is of another foundation")
	})

	It("is told where it differs in two polls running, and by how much", func(ctx SpecContext) {
		platform.sums.Services, platform.sums.Instances = 2, -1
		compare(ctx)
		for name, text := range everywhere() {
			Expect(text).NotTo(ContainSubstring("the platform at"), name, "it may have changed meanwhile")
		}
		compare(ctx)
		for name, text := range everywhere() {
			Expect(text).To(ContainSubstring("differs from the platform at 2025-01-01"), name)
			Expect(text).To(ContainSubstring("-1 instances, +2 services"), name)
		}
	})

	It("shows a tenant that it differs, and not how much runs elsewhere", func() {
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{
			{Foundation: "demo", Tenant: demo.Retail}: auth.Read,
		}}
		defer func() { a.asker = everything() }()
		for _, line := range []string{"bill", "status"} {
			_, out, problem := remote(url, line)
			Expect(out).To(ContainSubstring("cf demo: differs from the platform at 2025-01-01T00:00:00Z\n"), problem)
		}
		var bill answers.Bill
		a.get(&bill, "bill")
		Expect(bill.Platforms).To(HaveLen(1))
		Expect(bill.Platforms[0].Off).To(BeNil())
	})

	It("stands on the pages of tenants and foundations", func() {
		for _, page := range []string{"/ui/tenant/demo/" + demo.Retail, "/ui/operate"} {
			w := a.do(http.MethodGet, page, nil)
			Expect(w.Code).To(Equal(http.StatusOK))
			Expect(w.Body.String()).To(And(ContainSubstring("differs from the platform at"),
				ContainSubstring("-1 instances &#43;2 services")), page)
		}
	})

	It("keeps no bill from being printed where the comparison is damaged, and is compared again", func(
		ctx SpecContext,
	) {
		Expect(s.bus.PutObject(ctx, plans.Bucket, plans.Name(events.SourceCF, "demo", "alarm"), []byte("?"))).
			To(Succeed())
		status, text, _ := s.daybook("bill")
		Expect(status).To(BeZero())
		Expect(text).NotTo(ContainSubstring("the platform at"))
		platform.sums = service.Sums{At: platform.sums.At}
		compare(ctx)
		_, text, _ = s.daybook("bill")
		Expect(text).To(ContainSubstring("agrees with the platform at"))
	})
})
