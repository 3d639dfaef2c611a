package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

var _ = Describe("The API", Ordered, ContinueOnFailure, func() {
	var s *site
	var a *asked
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		a = s.ask(ctx)
	})
	BeforeEach(func() { a.asker = everything() })

	It("has the sums of daybook bill, and its pages add up to them", func() {
		sums, at := a.totals()
		Expect(sums).NotTo(BeEmpty())
		Expect(sums).To(Equal(texts(s.exactBill())))
		all, position := a.pages(7, func() {})
		Expect(texts(added(all))).To(Equal(sums))
		Expect(position).To(Equal(at))
		earlier, _ := a.totals("upto", fmt.Sprint(all[len(all)/2].Sequence))
		Expect(earlier).To(Equal(texts(added(func() (first []answers.Charge) {
			for i := range all {
				if all[i].Sequence <= all[len(all)/2].Sequence {
					first = append(first, all[i])
				}
			}
			return first
		}()))))
	})
	It("says what runs has accrued up to the horizon, as the next cut charges it", func() {
		var running answers.Running
		a.get(&running, "running", "tenant", demo.Retail)
		Expect(running.Running).NotTo(BeEmpty())
		for _, r := range running.Running {
			Expect(r.Tenant).To(Equal(demo.Retail))
			Expect(r.Accrued.Through).To(Equal("2026-11-01T00:00:00Z"))
			Expect(r.Accrued.Lines).To(BeEmpty(), "it was cut then")
		}
	})
	It("shows nobody what is not theirs, and does not say that it exists", func() {
		owner := events.Owner{Foundation: "demo", Tenant: demo.Retail}
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{owner: auth.Read}}
		mine, _ := a.totals()
		Expect(mine).To(HaveLen(1))
		Expect(mine).To(HaveKey("2026-10 " + demo.Retail + " GBP"))
		for _, path := range []string{"charges", "totals", "running"} {
			others := a.do(http.MethodGet, "/v1/"+path+"?tenant="+demo.Logistics, nil)
			nobody := a.do(http.MethodGet, "/v1/"+path+"?tenant=10915700-0000-4000-8000-00000000ffff", nil)
			Expect(others.Code).To(Equal(http.StatusNotFound))
			Expect(others.Body.String()).To(Equal(nobody.Body.String()))
			Expect(others.Header()).To(Equal(nobody.Header()))
		}
		a.asker.Tenants[owner] = auth.Usage
		Expect(a.do(http.MethodGet, "/v1/totals", nil).Code).To(Equal(http.StatusNotFound))
		var running answers.Running
		a.get(&running, "running")
		Expect(running.Running).NotTo(BeEmpty())
		Expect(running.Running[0].Accrued).To(BeNil())
		a.asker = everything()
		nobody := a.do(http.MethodGet, "/v1/totals?tenant=nobody", nil)
		Expect(nobody.Code).To(Equal(http.StatusNotFound))
	})
	It("answers 304 until something is posted", func() {
		first := a.do(http.MethodGet, "/v1/totals?by=plan", nil)
		tag := first.Header().Get("ETag")
		Expect(tag).To(HavePrefix(`W/"`))
		Expect(first.Header().Get("Cache-Control")).To(Equal("private, no-cache"))
		Expect(first.Header().Values("Vary")).To(ContainElements("Authorization"))
		again := a.do(http.MethodGet, "/v1/totals?by=plan", nil, "If-None-Match", tag)
		Expect(again.Code).To(Equal(http.StatusNotModified))
		Expect(again.Body.Len()).To(BeZero())
		Expect(a.do(http.MethodGet, "/v1/totals?by=kind", nil, "If-None-Match", tag).Code).To(Equal(http.StatusOK))
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: "demo"}: auth.Read}}
		Expect(a.do(http.MethodGet, "/v1/totals?by=plan", nil, "If-None-Match", tag).Code).To(Equal(http.StatusOK))
	})
	It("compresses long answers", func() {
		w := a.do(http.MethodGet, "/v1/charges?limit=1000", nil, "Accept-Encoding", "gzip")
		Expect(w.Header().Get("Content-Encoding")).To(Equal("gzip"))
		Expect(w.Header().Values("Vary")).To(ContainElements("Accept-Encoding"))
	})
	DescribeTable("refuses what has no meaning, as problem details",
		func(path string, status int, detail string) {
			w := a.do(http.MethodGet, "/v1/"+path, nil)
			Expect(w.Code).To(Equal(status), w.Body.String())
			Expect(w.Header().Get("Content-Type")).To(Equal("application/problem+json"))
			Expect(w.Header().Get("ETag")).To(BeEmpty())
			Expect(w.Body.String()).To(ContainSubstring(detail))
		},
		Entry("an unknown parameter", "totals?tenat=x", 422, "tenat"),
		Entry("a page beyond the limit", "charges?limit=1001", 422, "1000"),
		Entry("a range beyond the limit", "charges?from=2025-01-01&to=2026-12-31", 422, "366"),
		Entry("a range without days", "charges?from=2026-10-02&to=2026-10-02", 422, "behind"),
		Entry("no month", "totals?month=2026-13", 422, "month"),
		Entry("no dimension", "totals?by=colour", 422, "by"),
		Entry("no cursor", "charges?cursor=x", 422, "cursor"),
		Entry("no time", "totals?known_at=tomorrow", 422, "known_at"),
		Entry("a sequence that is not there", "totals?known_at=999999", 422, "of USAGE, which ends"),
		Entry("SQL", "charges?tenant=';DROP+TABLE+charges;--", 404, "tenant"),
		Entry("no path", "nothing", 404, "openapi.json"),
	)
	It("refuses the cursor of another selection", func() {
		var page answers.Charges
		a.get(&page, "charges", "limit", "2")
		w := a.do(http.MethodGet, "/v1/charges?limit=2&tenant="+demo.Retail+"&cursor="+page.Next, nil)
		Expect(w.Code).To(Equal(http.StatusUnprocessableEntity))
		Expect(w.Body.String()).To(ContainSubstring("another selection"))
	})
	It("explains a charge down to the platform's events, and computes it again", func() {
		var page answers.Charges
		a.get(&page, "charges", "tenant", demo.Retail, "limit", "20")
		for i := range page.Charges {
			var x answers.Explanation
			a.get(&x, "charges/"+page.Charges[i].ID)
			Expect(x.Charge.ID).To(Equal(page.Charges[i].ID))
			Expect(x.Equal).To(BeTrue(), "%v", x.Differences)
			Expect(x.Facts).NotTo(BeEmpty())
			Expect(x.Working.To.Amount).NotTo(BeEmpty())
			var traced answers.Traces
			a.get(&traced, fmt.Sprintf("events/%d", x.Facts[0].Usage))
			Expect(traced.Traces).To(HaveLen(1))
			Expect(traced.Traces[0].Answer).To(Equal("charged"))
		}
		var all answers.Explanations
		a.get(&all, "resources/"+page.Charges[0].Resource+"/charges", "month", "2026-10")
		Expect(all.Explanations).NotTo(BeEmpty())
	})
	It("lists what the commands list", func(ctx SpecContext) {
		count := func(args ...string) int {
			GinkgoHelper()
			return strings.Count(s.ran(append(args, "--format", "json")...), "\n")
		}
		var anomalies answers.Anomalies
		a.get(&anomalies, "anomalies")
		Expect(anomalies.Anomalies).To(HaveLen(count("anomalies", "list")))
		var unrated answers.UnratedParts
		a.get(&unrated, "unrated")
		Expect(unrated.Unrated).To(HaveLen(count("unrated", "list")))
		var months answers.Months
		a.get(&months, "months")
		Expect(months.Months).To(HaveLen(count("month", "list")))
		var holds answers.Holds
		a.get(&holds, "holds")
		Expect(holds.Holds).To(HaveLen(count("holds", "list")))
		Expect(holds.Holds).NotTo(BeEmpty())
		var catalogues answers.Catalogues
		a.get(&catalogues, "catalogues")
		Expect(catalogues.Catalogues).To(HaveLen(1))
		Expect(catalogues.Catalogues[0].InForce).To(BeTrue())
		var version answers.Version
		a.get(&version, "catalogues/current")
		Expect(version.YAML).To(Equal(string(demo.Catalogue())))
		var differences answers.Differences
		a.get(&differences, "catalogues/"+version.Version+"/differences")
		Expect(differences.Differences).To(BeEmpty())
		var statements answers.Statements
		a.get(&statements, "statements", "all", "true")
		issued := s.statements(ctx)
		Expect(statements.Statements).To(HaveLen(len(issued)))
		for i := range issued {
			Expect(statements.Statements[i]).To(MatchJSON(issued[i].AppendJSON(nil)))
		}
		var corrections answers.Charges
		a.get(&corrections, "corrections")
		Expect(corrections.Charges).To(HaveLen(2), "a database and its volume, deleted in a closed month")
		for _, c := range corrections.Charges {
			Expect([]string{c.Tenant, c.Name, c.Corrected, c.Month}).To(Equal(
				[]string{demo.Bookshop, "orders", "2026-10", "2026-11"}))
		}
	})
	It("takes a decision about a hold of who may decide, once", func(ctx SpecContext) {
		var holds answers.Holds
		a.get(&holds, "holds")
		hold := holds.Holds[0]
		decide := func(body string) *httptest.ResponseRecorder {
			return a.do(http.MethodPost, "/v1/holds/"+hold.ID+"/decision", strings.NewReader(body))
		}
		decisions := func(ctx context.Context) (n int) {
			GinkgoHelper()
			Expect(acts.List(ctx, s.bus, events.ActDecision, "", func(*acts.Act) error {
				n++
				return nil
			})).To(Succeed())
			return n
		}
		const discard = `{"action":"discard","note":"it never ran"}`
		owner := events.Owner{Foundation: hold.Foundation, Tenant: hold.Tenant}
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{owner: auth.Read}}
		Expect(decide(discard).Code).To(Equal(http.StatusForbidden))
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: "x", Tenant: "y"}: auth.Operate}}
		Expect(decide(discard).Code).To(Equal(http.StatusNotFound))
		a.asker = everything()
		Expect(decide(`{"action":"burn","note":"n"}`).Code).To(Equal(http.StatusUnprocessableEntity))
		Expect(decide(`{"action":"discard","as":"lower","note":"n"}`).Code).To(Equal(http.StatusUnprocessableEntity))
		Expect(decisions(ctx)).To(BeZero())
		for _, already := range []bool{false, true} {
			w := decide(discard)
			Expect(w.Code).To(Equal(http.StatusOK), w.Body.String())
			var decided answers.Decided
			Expect(json.Unmarshal(w.Body.Bytes(), &decided)).To(Succeed())
			Expect(decided.Already).To(Equal(already))
			Expect(decided.By).To(Equal("ann"))
		}
		Expect(decisions(ctx)).To(Equal(1))
		Expect(decide(`{"action":"release","note":"n","footprint":{"flavor":"m1"}}`).Code).To(
			Equal(http.StatusConflict))
	})
	It("answers for a single thing of somebody else as for one that does not exist", func() {
		var page answers.Charges
		a.get(&page, "charges", "tenant", demo.Retail, "limit", "1")
		charge := page.Charges[0]
		var x answers.Explanation
		a.get(&x, "charges/"+charge.ID)
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{
			{Foundation: "demo", Tenant: demo.Logistics}: auth.Operate,
		}}
		for _, path := range []string{
			"charges/%s", "events/%s", "resources/%s/charges?month=2026-10", "statements?tenant=%s",
			"months?foundation=%s", "holds?tenant=%s", "anomalies?foundation=%s",
		} {
			nobody := a.do(http.MethodGet, fmt.Sprintf("/v1/"+path, "2f9e1c00-0000-4000-8000-000000000000"), nil)
			Expect(nobody.Code).To(Equal(http.StatusNotFound), path)
			for _, id := range []string{
				charge.ID, fmt.Sprint(x.Facts[0].Usage), charge.Resource, demo.Retail, "trove-wiki",
			} {
				others := a.do(http.MethodGet, fmt.Sprintf("/v1/"+path, id), nil)
				Expect(others.Body.String()).To(Equal(nobody.Body.String()), path)
			}
		}
	})
	It("prices usage that nobody had as usage that somebody had", func() {
		ask := func(path string, question, to any) {
			GinkgoHelper()
			text, err := json.Marshal(question)
			Expect(err).NotTo(HaveOccurred())
			w := a.do(http.MethodPost, "/v1/"+path, bytes.NewReader(text))
			Expect(w.Code).To(Equal(http.StatusOK), w.Body.String())
			Expect(json.Unmarshal(w.Body.Bytes(), to)).To(Succeed())
		}
		var page answers.Charges
		a.get(&page, "charges", "tenant", demo.Retail, "kind", "app", "limit", "1")
		var x answers.Explanation
		a.get(&x, "charges/"+page.Charges[0].ID)
		Expect(x.Span.Since).To(Equal(x.Span.Start))
		var price answers.Price
		ask("price", answers.PriceQuestion{
			Foundation: x.Charge.Foundation, Tenant: x.Charge.Tenant, Kind: x.Charge.Kind, From: x.Span.Start,
			To: x.Span.End, Footprint: x.Span.Footprint,
		}, &price)
		Expect(price.Lines).To(ContainElement(And(HaveField("Component", x.Charge.Component),
			HaveField("Amount", x.Charge.Amount), HaveField("VAT", x.Charge.VAT))))

		dearer := strings.ReplaceAll(string(demo.Catalogue()), "0.0", "0.1")
		file := filepath.Join(GinkgoT().TempDir(), "dearer.yaml")
		Expect(os.WriteFile(file, []byte(dearer), 0o600)).To(Succeed())
		var effect answers.WhatIf
		ask("what-if", answers.WhatIfQuestion{Catalogue: dearer}, &effect)
		Expect(effect.Rows).To(HaveLen(strings.Count(s.ran("what-if", "--catalogue", file, "--format", "json"),
			"\n") - 1))
		Expect(effect.Rows).NotTo(BeEmpty())
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: "demo"}: auth.Operate}}
		w := a.do(http.MethodPost, "/v1/what-if", strings.NewReader(`{"catalogue":"currency: GBP"}`))
		Expect(w.Code).To(Equal(http.StatusForbidden))
	})
	It("exports what the commands print, with the same bytes as daybook export", func(ctx SpecContext) {
		issued := s.statements(ctx)[0]
		for what, month := range map[string]string{
			"charges": "2026-10", "totals": "2026-10", "corrections": "2026-10", "statements": issued.Month,
		} {
			for _, format := range []string{"csv", "jsonl"} {
				w := a.do(http.MethodGet, "/v1/export/"+what+"?month="+month+"&format="+format, nil)
				Expect(w.Code).To(Equal(http.StatusOK), w.Body.String())
				Expect(w.Body.String()).To(Equal(s.ran("export", "--what", what, "--month", month, "--format",
					format)), what)
				if what != "corrections" {
					Expect(strings.Count(w.Body.String(), "\n")).To(BeNumerically(">=", 1), what)
				}
			}
		}
		w := a.do(http.MethodGet, "/v1/export/charges?month=2026-10", nil)
		Expect(w.Header().Get("Content-Type")).To(Equal("text/csv; charset=utf-8"))
		Expect(w.Body.String()).To(HavePrefix("id,entry,reverses,"))
		path := fmt.Sprintf("/v1/statements/%s/%s/%d", issued.Source, issued.Foundation, issued.Number)
		Expect(a.do(http.MethodGet, path, nil).Body.Bytes()).To(MatchJSON(issued.AppendJSON(nil)))
		Expect(a.do(http.MethodGet, path+"/csv", nil).Body.String()).To(HavePrefix("number,revision,"))
		bundle := a.do(http.MethodGet, path+"/bundle", nil)
		Expect(bundle.Header().Get("Content-Type")).To(Equal("application/gzip"))
		file := filepath.Join(GinkgoT().TempDir(), "bundle.tar.gz")
		Expect(os.WriteFile(file, bundle.Body.Bytes(), 0o600)).To(Succeed())
		verified := daybook("", "statement", "verify", file)
		Expect(verified.status).To(BeZero(), verified.stderr)
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{
			{Foundation: issued.Foundation, Tenant: "x"}: auth.Read,
		}}
		for _, suffix := range []string{"", "/csv", "/bundle"} {
			w := a.do(http.MethodGet, path+suffix, nil)
			Expect(w.Code).To(Equal(http.StatusNotFound))
			Expect(w.Header().Get("Content-Type")).To(Equal("application/problem+json"))
		}
	})
	It("says how far everything has come", func() {
		var status answers.Status
		a.get(&status, "status")
		Expect(status.Foundations).To(ContainElement(answers.FoundationState{
			Source: "cf", Foundation: "demo", MeteredThrough: "2026-11-01T00:00:00Z",
			ChargedThrough: "2026-11-01T00:00:00Z",
		}))
		Expect(status.Collectors).NotTo(BeEmpty())
	})
})
