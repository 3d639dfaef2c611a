package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// gets are the GETs of the API's document with an end of their own, by their ids.
func (a *asked) gets() map[string]operation {
	GinkgoHelper()
	var document struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	Expect(json.Unmarshal(a.do(http.MethodGet, "/openapi.json", nil).Body.Bytes(), &document)).To(Succeed())
	all := map[string]operation{}
	for path, methods := range document.Paths {
		if o, is := methods["get"]; is && !strings.HasPrefix(o.ID, "live-") {
			o.method, o.path = http.MethodGet, path
			all[o.ID] = o
		}
	}
	Expect(len(all)).To(BeNumerically(">", 20))
	return all
}

var _ = Describe("Every GET of the API", Ordered, ContinueOnFailure, func() {
	var a *asked
	var s *site
	var values map[string]string
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		at := time.Now()
		a = s.ask(ctx, func(d *api.Deps) { d.Now = func() time.Time { return at } })
		issued := s.statements(ctx)[0]
		Expect(plans.Keep(ctx, s.bus, &plans.Planned{Plan: &reconcile.Plan{
			ID: planOfMatrix, Source: issued.Source, Foundation: issued.Foundation,
		}})).To(Succeed())
		var page answers.Charges
		a.get(&page, "charges", "limit", "1", "tenant", demo.Retail)
		var charge answers.Explanation
		a.get(&charge, "charges/"+page.Charges[0].ID)
		values = map[string]string{
			"id": page.Charges[0].ID, "resource": page.Charges[0].Resource, "month": page.Charges[0].Month,
			"event": fmt.Sprint(charge.Facts[0].Usage), "version": "current", "what": "charges", "line": "1",
			"source": issued.Source, "foundation": issued.Foundation, "number": fmt.Sprint(issued.Number),
			"sequence": "1", "plan_id": planOfMatrix,
		}
	})
	ask := func(o *operation, headers ...string) *httptest.ResponseRecorder {
		GinkgoHelper()
		w := a.do(o.method, o.request(values), nil, append(headers, "Authorization", "Bearer t")...)
		for _, vary := range []string{"Authorization", "X-Auth-Token"} {
			Expect(w.Header().Values("Vary")).To(ContainElement(vary), o.ID)
		}
		Expect(w.Header().Get("Cache-Control")).To(Equal("private, no-cache"), o.ID)
		Expect(w.Header().Get("ETag")).To(MatchRegexp(`^W/"[0-9a-f]{32}"$`), "%s: %d %.200s", o.ID, w.Code, w.Body)
		Expect(w.Header().Get(api.HeaderPosition)).To(MatchRegexp(`^BILLING=[1-9]\d*, METERED=[1-9]\d*$`), o.ID)
		return w
	}

	It("has an ETag and its position, and is answered 304 until it changes", func() {
		for _, o := range a.gets() {
			first := ask(&o)
			Expect(first.Code).To(Equal(http.StatusOK), "%s: %.200s", o.ID, first.Body)
			tag := first.Header().Get("ETag")
			again := ask(&o, "If-None-Match", `"x", `+tag)
			Expect(again.Code).To(Equal(http.StatusNotModified), o.ID)
			Expect(again.Body.Len()).To(BeZero(), o.ID)
			Expect(again.Header().Get("ETag")).To(Equal(tag), o.ID)
			other := ask(&o, "If-None-Match", `W/"00000000000000000000000000000000"`)
			Expect(other.Code).To(Equal(http.StatusOK), o.ID)
			Expect(other.Body.String()).To(Equal(first.Body.String()), o.ID)
			var own struct{ Position *answers.Position }
			if json.Unmarshal(first.Body.Bytes(), &own) == nil && own.Position != nil {
				Expect(first.Header().Get(api.HeaderPosition)).To(Equal(
					fmt.Sprintf("BILLING=%d, METERED=%d", own.Position.Billing, own.Position.Metered)), o.ID)
			}
		}
	})
	It("is compressed where it is long, and says the same", func() {
		long := 0
		for _, o := range a.gets() {
			plain := ask(&o)
			w := ask(&o, "Accept-Encoding", "gzip")
			Expect(w.Header().Get("ETag")).To(Equal(plain.Header().Get("ETag")), o.ID)
			if w.Header().Get("Content-Encoding") == "" {
				Expect(plain.Body.Len() < 1100 || o.ID == "statement-bundle").To(BeTrue(), o.ID)
				continue
			}
			long++
			Expect(w.Header().Get("Content-Encoding")).To(Equal("gzip"), o.ID)
			Expect(w.Header().Values("Vary")).To(ContainElement("Accept-Encoding"), o.ID)
			reader, err := gzip.NewReader(w.Body)
			Expect(err).NotTo(HaveOccurred(), o.ID)
			text, err := io.ReadAll(reader)
			Expect(err).NotTo(HaveOccurred(), o.ID)
			Expect(string(text)).To(Equal(plain.Body.String()), o.ID)
		}
		Expect(long).To(BeNumerically(">", 10))
	})
	It("has another ETag when a tenant has another name", func(ctx SpecContext) {
		tag := func() string {
			running := a.gets()["running"]
			return ask(&running).Header().Get("ETag")
		}
		before := tag()
		s.called(ctx, "retail")
		Eventually(tag).ShouldNot(Equal(before)) // names are read again after a second
	})
})
