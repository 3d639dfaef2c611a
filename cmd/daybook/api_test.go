package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// demonstrated is a site with the demo's data, charged, with its statements.
func demonstrated(ctx context.Context) *site {
	GinkgoHelper()
	s := newSite(ctx)
	dir := GinkgoT().TempDir()
	file := func(name string, data []byte) string {
		GinkgoHelper()
		path := filepath.Join(dir, name)
		Expect(os.WriteFile(path, data, 0o600)).To(Succeed())
		return path
	}
	s.ran("catalogue", "publish", "--yes", "--wait", "0", file("rates.yaml", demo.Catalogue()))
	for _, f := range demo.Files() {
		args := []string{"collect", "file", "--foundation", f.Foundation, file(f.Name, f.Data)}
		if f.Horizon != nil {
			args = append(args, "--horizon", events.FormatTime(*f.Horizon))
		}
		_, _, _ = s.daybook(args...) // some of it is quarantined
	}
	s.issue(ctx, timeline.CutDay, 1)
	return s
}

// asked is an API over a site, without a network.
type asked struct {
	site    *site
	poster  *ledger.Poster
	asker   auth.Access
	handler http.Handler
}

// Open implements api.Authenticator.
func (*asked) Open() bool { return true }

// Authenticate implements api.Authenticator.
func (a *asked) Authenticate(context.Context, *http.Request) (auth.Access, error) { return a.asker, nil }

// everything is an access that may do all.
func everything() auth.Access { return auth.Access{Name: "ann", All: auth.Operate} }

// ask serves the API of a site, with a ledger in memory.
func (s *site) ask(ctx context.Context) *asked {
	GinkgoHelper()
	books, log := memory.New(), slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	a := &asked{site: s, poster: ledger.NewPoster(s.bus, books, log), asker: everything()}
	server, err := api.New(api.Config{}, api.Deps{
		Reader: memory.NewReader(books, s.bus), Bus: s.bus, Authenticator: a, Version: "test", Log: log,
	})
	Expect(err).NotTo(HaveOccurred())
	a.handler = server.Handler()
	posting, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.poster.Run(posting) }()
	DeferCleanup(func() {
		stop()
		Expect(<-ended).To(Succeed())
	})
	a.posted(ctx)
	return a
}

// posted waits until everything is posted.
func (a *asked) posted(ctx context.Context) {
	GinkgoHelper()
	metered, err := a.site.bus.Stream(ctx, events.StreamMetered)
	Expect(err).NotTo(HaveOccurred())
	billing, err := a.site.bus.Stream(ctx, events.StreamBilling)
	Expect(err).NotTo(HaveOccurred())
	Expect(a.poster.Wait(ctx, ledger.Positions{Metered: metered.Last, Billing: billing.Last})).To(Succeed())
}

// do sends a request.
func (a *asked) do(method, path string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(GinkgoT().Context(), method, path, body)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w
}

// get is the answer to a question, read into `to`.
func (a *asked) get(to any, path string, parameters ...string) {
	GinkgoHelper()
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	w := a.do(http.MethodGet, "/v1/"+path+"?"+query.Encode(), nil)
	Expect(w.Code).To(Equal(http.StatusOK), w.Body.String())
	Expect(json.Unmarshal(w.Body.Bytes(), to)).To(Succeed(), w.Body.String())
}

// pages are all entries of a selection, with the position of the first page. between is called
// after each page.
func (a *asked) pages(limit int, between func(), parameters ...string) (all []answers.Charge, at answers.Position) {
	GinkgoHelper()
	parameters = append(parameters, "limit", fmt.Sprint(limit))
	for cursor := []string(nil); ; {
		var page answers.Charges
		a.get(&page, "charges", append(parameters, cursor...)...)
		if cursor == nil {
			at = page.Position
		}
		Expect(page.Position).To(Equal(at))
		Expect(len(page.Charges)).To(BeNumerically("<=", limit))
		all = append(all, page.Charges...)
		if page.Next == "" {
			return all, at
		}
		cursor = []string{"cursor", page.Next}
		between()
	}
}

// added are the amounts of entries, by month, tenant and currency as in exactBill.
func added(all []answers.Charge) map[string]events.Decimal {
	GinkgoHelper()
	sums := map[string]events.Decimal{}
	for i := range all {
		c := &all[i]
		amount, err := events.ParseDecimal(c.Amount)
		Expect(err).NotTo(HaveOccurred())
		key := c.Month + " " + c.Tenant + " " + c.Currency
		sums[key] = sums[key].Add(amount)
	}
	return sums
}

// texts are amounts as they are written.
func texts(sums map[string]events.Decimal) map[string]string {
	out := map[string]string{}
	for key, sum := range sums {
		out[key] = sum.String()
	}
	return out
}

// totals are the amounts of the API's totals by tenant and month.
func (a *asked) totals(parameters ...string) (sums map[string]string, at answers.Position) {
	GinkgoHelper()
	var all answers.Totals
	a.get(&all, "totals", append(parameters, "by", "tenant,month")...)
	sums = map[string]string{}
	for _, t := range all.Totals {
		sums[t.Of["month"]+" "+t.Of["tenant"]+" "+t.Currency] = t.Amount
	}
	return sums, all.Position
}

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

// appFact is a usage event of a process P of app A.
func appFact(guid, at, state string) string {
	return `{"guid":"` + guid + `","created_at":"` + at + `","state":{"current":"` + state +
		`","previous":"STOPPED"},"app":{"guid":"A","name":"shop"},"process":{"guid":"P","type":"web"},` +
		`"space":{"guid":"S","name":"dev"},"organization":{"guid":"O"},"buildpack":{"guid":null,"name":"java"},` +
		`"task":{"guid":null,"name":null},"memory_in_mb_per_instance":{"current":1024,"previous":1024},` +
		`"instance_count":{"current":1,"previous":1}}`
}

var _ = Describe("The API, while the streams grow", func() {
	var s *site
	var a *asked
	collect := func(ctx context.Context, horizon string, facts ...string) {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(strings.Join(facts, "\n")), 0o600)).To(Succeed())
		s.ran("collect", "file", "--foundation", "eu", "--order", "given", "--horizon", horizon, file)
		s.work(ctx, timeline.CutDay)
		if a != nil {
			a.posted(ctx)
		}
	}
	BeforeEach(func(ctx SpecContext) {
		a = nil
		s = newSite(ctx)
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", prices)
		collect(ctx, "2026-05-20T12:00:00Z", appFact("e1", "2026-05-01T09:00:00Z", "STARTED"))
		a = s.ask(ctx)
	})

	It("neither skips nor repeats an entry, and its pages add up to the position of the first", func(ctx SpecContext) {
		before, at := a.totals()
		all, position := a.pages(10, func() {
			collect(ctx, "2026-05-20T12:00:00Z", appFact("e2", "2026-05-10T11:00:00Z", "STOPPED"))
		})
		Expect(position).To(Equal(at))
		Expect(texts(added(all))).To(Equal(before))
		ids := map[string]bool{}
		for i := range all {
			Expect(ids).NotTo(HaveKey(all[i].ID))
			ids[all[i].ID] = true
		}
		after, _ := a.totals()
		Expect(after).NotTo(Equal(before))
		pinned, _ := a.totals("upto", fmt.Sprint(position.Billing))
		Expect(pinned).To(Equal(before))
	})
	It("says what was known at a time, and by a sequence, until a replay", func(ctx SpecContext) {
		before, _ := a.totals()
		usage, err := s.bus.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		last, err := s.bus.Last(ctx, events.StreamUsage, "")
		Expect(err).NotTo(HaveOccurred())
		collect(ctx, "2026-05-20T12:00:00Z", appFact("e2", "2026-05-10T11:00:00Z", "STOPPED"))
		for _, known := range []string{fmt.Sprint(usage.Last), events.FormatTime(last.Time)} {
			then, at := a.totals("known_at", known)
			Expect(then).To(Equal(before))
			Expect(at.Usage).To(Equal(usage.Last))
			entries, _ := a.pages(10, func() {}, "known_at", known)
			Expect(texts(added(entries))).To(Equal(before))
		}
		now, _ := a.totals()
		Expect(now).NotTo(Equal(before))
		s.ran("replay", "all", "--cut", "hour")
		a.posted(ctx)
		w := a.do(http.MethodGet, fmt.Sprintf("/v1/totals?known_at=%d", usage.Last), nil)
		Expect(w.Code).To(Equal(http.StatusGone))
		Expect(w.Body.String()).To(ContainSubstring("cannot be told before message"))
	})
	It("says what runs has accrued, to the last digit of the charge that follows", func(ctx SpecContext) {
		var running answers.Running
		a.get(&running, "running")
		Expect(running.Running).To(HaveLen(1))
		accrued := running.Running[0].Accrued
		Expect(running.Running[0].Start).To(Equal("2026-05-20T00:00:00Z"))
		Expect(accrued.Through).To(Equal("2026-05-20T12:00:00Z"))
		Expect(accrued.Lines).NotTo(BeEmpty())
		collect(ctx, "2026-05-20T13:00:00Z", appFact("e2", "2026-05-20T12:00:00Z", "STOPPED"))
		charged, _ := a.pages(100, func() {}, "from", "2026-05-20")
		Expect(charged).To(HaveLen(len(accrued.Lines)))
		for i := range charged {
			Expect(accrued.Lines[i]).To(Equal(answers.Priced{
				Plan: charged[i].Plan, Component: charged[i].Component, Catalogue: charged[i].Catalogue,
				Start: charged[i].Start, End: charged[i].End, Seconds: charged[i].Seconds,
				Quantity: charged[i].Quantity, Unit: charged[i].Unit, Amount: charged[i].Amount,
				VAT: charged[i].VAT, Currency: charged[i].Currency,
			}))
		}
		a.get(&running, "running")
		Expect(running.Running).To(BeEmpty())
	})
})
