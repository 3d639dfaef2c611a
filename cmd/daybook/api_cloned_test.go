package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A cloned foundation, with the guids of another one", Ordered, func() {
	var s *site
	var a *asked
	var sequence uint64 // in USAGE, of the foundation that was cloned
	collect := func(ctx SpecContext, foundation string, cut timeline.Cut, facts ...string) {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(strings.Join(facts, "\n")), 0o600)).To(Succeed())
		s.ran("collect", "file", "--foundation", foundation, "--order", "given", "--horizon",
			"2026-05-20T12:00:00Z", file)
		s.work(ctx, cut)
	}
	owner := func(foundation string) auth.Access {
		return auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: foundation, Tenant: "O"}: auth.Read}}
	}
	BeforeAll(func(ctx SpecContext) {
		s = newSite(ctx)
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", prices)
		collect(ctx, "eu", timeline.CutHour, appFact("e1", "2026-05-01T09:00:00Z", "STARTED"),
			appFact("e2", "2026-05-20T11:00:00Z", "STOPPED"))
		usage, err := s.bus.Last(ctx, events.StreamUsage, events.UsageFactsFilter("O", "eu"))
		Expect(err).NotTo(HaveOccurred())
		sequence = usage.Sequence
		collect(ctx, "us", timeline.CutHour, strings.NewReplacer(`"guid":"A"`, `"guid":"B"`, `"guid":"P"`, `"guid":"Q"`).
			Replace(appFact("e9", "2026-05-01T09:00:00Z", "STARTED")))
		a = s.ask(ctx)
	})

	It("is answered about the other one's resources, charges and events as about those that do not exist", func() {
		a.as(owner("eu"))
		var page answers.Charges
		a.get(&page, "charges", "limit", "1", "resource", "P")
		charge := page.Charges[0].ID
		last := fmt.Sprint(sequence)
		for _, x := range []struct{ path, theirs, none string }{
			{"/v1/resources/%s/charges?month=2026-05", "P", "nothing"},
			{"/v1/resources/%s/charges?month=2026-05", "A", "nothing"},
			{"/v1/events/%s", "e1", "nothing"},
			{"/v1/events/%s", last, "999999"},
			{"/v1/charges/%s", charge, "nothing"},
			{"/v1/totals?foundation=%s", "eu", "nowhere"},
			{"/v1/charges?foundation=%s&tenant=O", "eu", "nowhere"},
			{"/v1/bill?foundation=%s&tenant=O", "eu", "nowhere"},
			{"/v1/running?foundation=%s", "eu", "nowhere"},
			{"/v1/statements?foundation=%s", "eu", "nowhere"},
		} {
			ask := func(value string) (int, string, http.Header) {
				w := a.do(http.MethodGet, fmt.Sprintf(x.path, url.PathEscape(value)), nil)
				return w.Code, w.Body.String(), w.Header()
			}
			a.as(owner("eu"))
			code, body, _ := ask(x.theirs)
			Expect(code).To(Equal(http.StatusOK), "%s of its own foundation: %.200s", x.path, body)
			a.as(owner("us"))
			code, body, header := ask(x.theirs)
			Expect(code).To(Equal(http.StatusNotFound), "%s: %.200s", x.path, body)
			_, want, wantHeader := ask(x.none)
			Expect(body).To(Equal(want), x.path)
			Expect(header).To(Equal(wantHeader), x.path)
		}
	})

	It("is answered about its own alone, where both have the same ones", func(ctx SpecContext) {
		collect(ctx, "us", timeline.CutHour, appFact("e1", "2026-05-01T09:00:00Z", "STARTED"),
			appFact("e2", "2026-05-01T11:00:00Z", "STOPPED"))
		a.posted(ctx)
		// The other one has more charges than an answer: that leaves out none of its own.
		a.as(everything())
		var all, own answers.Explanations
		a.get(&all, "resources/P/charges", "month", "2026-05")
		Expect(all.Omitted).To(BeNumerically(">", 0))
		Expect(all.Explanations[len(all.Explanations)-1].Charge.Foundation).To(Equal("eu"))
		a.as(owner("us"))
		for _, resource := range []string{"A", "P"} {
			a.get(&own, "resources/"+resource+"/charges", "month", "2026-05")
			Expect(own.Explanations).NotTo(BeEmpty())
			Expect(own.Omitted).To(BeZero())
			for i := range own.Explanations {
				x := &own.Explanations[i]
				Expect(x.Charge.Foundation).To(Equal("us"))
				Expect(x.Equal).To(BeTrue(), "%q", x.Differences)
				Expect(x.Facts).NotTo(BeEmpty())
				var one answers.Explanation
				a.get(&one, "charges/"+x.Charge.ID)
				Expect(one).To(Equal(*x))
			}
		}
		for _, foundation := range []string{"eu", "us"} {
			a.as(owner(foundation))
			var traces answers.Traces
			a.get(&traces, "events/e1")
			Expect(traces.Traces).To(HaveLen(1))
			Expect(traces.Traces[0].Foundation).To(Equal(foundation))
			Expect(traces.Traces[0].Charges).NotTo(BeEmpty())
			for i := range traces.Traces[0].Charges {
				Expect(traces.Traces[0].Charges[i].Foundation).To(Equal(foundation))
			}
		}
	})
})
