package ui_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/ui"
	"github.com/daybook-billing/daybook/events"
)

func TestUI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Pages")
}

// answers stands in for the API: an answer by path, as it was asked.
type answers map[string]any

func (a answers) serve(w http.ResponseWriter, r *http.Request, _ *answer.Asker) {
	known, found := a[strings.TrimPrefix(r.URL.Path, "/v1")+"?"+r.URL.Query().Get("by")]
	if !found {
		w.WriteHeader(http.StatusNotFound)
		known = map[string]any{"status": 404, "detail": "no such tenant or foundation, or it is not yours to see"}
	}
	_ = json.NewEncoder(w).Encode(known)
}

// october is a tenant's October in which one plan costs 1,234.505 on the 2nd.
func october() answers {
	sum := func(of map[string]string) answer.Totals {
		return answer.Totals{Totals: []answer.Total{
			{Of: of, Currency: "GBP", Charges: 1, Amount: "1234.505", VAT: "246.901"},
		}}
	}
	return answers{
		"/totals?month":             sum(map[string]string{"month": "2026-10"}),
		"/totals?plan":              sum(map[string]string{"plan": "<b>app</b>"}),
		"/totals?day,plan":          sum(map[string]string{"plan": "<b>app</b>", "day": "2026-10-02"}),
		"/totals?foundation,tenant": sum(map[string]string{"foundation": "f/1", "tenant": "a b"}),
		"/bill?": answer.Bill{
			Final: []string{"2026-10"}, TenantNames: map[string]string{"a b": "Ada"},
		},
	}
}

func pages(a answers, who *answer.Asker) http.Handler {
	GinkgoHelper()
	u, err := ui.New(ui.Deps{
		API:     a.serve,
		Reader:  func(*http.Request) (*ui.Reader, error) { return &ui.Reader{Asker: who}, nil },
		SignIns: accounts{}, Refuse: auth.Refuse, Log: slog.New(slog.DiscardHandler), Now: time.Now, Version: "test",
	})
	Expect(err).NotTo(HaveOccurred())
	mux := http.NewServeMux()
	u.Register(mux)
	return mux
}

// accounts are sign-ins by password alone.
type accounts struct{ ui.SignIns }

func (accounts) Ways() auth.Ways { return auth.Ways{Accounts: true} }

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w
}

var _ = Describe("A page", func() {
	all := &answer.Asker{Usage: answer.Scope{Everybody: true}, Money: answer.Scope{Everybody: true}}

	It("shows a tenant's month by name, rounded once, with its chart and the link to its JSON", func() {
		w := get(pages(october(), all), "/ui/tenant/f%2F1/a%20b?month=2026-10")
		Expect(w.Code).To(Equal(http.StatusOK))
		Expect(w.Body.String()).To(And(
			ContainSubstring("<h1 title=\"a b\">Ada "), ContainSubstring("£1,234.50<"),
			ContainSubstring("&lt;b&gt;app"),
			ContainSubstring(`href="/v1/bill?foundation=f%2F1&amp;month=2026-10&amp;tenant=a&#43;b"`),
			ContainSubstring(`"amounts":["","1234.50",""`), Not(ContainSubstring("<b>app")),
		))
	})

	It("draws the sum of a month with many entries, which have no sums by app and day", func() {
		a := october()
		month, _ := a["/totals?month"].(answer.Totals)
		many, day := month.Totals[0], month.Totals[0]
		many.Of, many.Charges = map[string]string{"app": "5e4f"}, 30_001
		day.Of = map[string]string{"day": "2026-10-02"}
		a["/totals?app"], a["/totals?day"] = answer.Totals{Totals: []answer.Total{many}}, answer.Totals{
			Totals: []answer.Total{day},
		}
		w := get(pages(a, all), "/ui/tenant/f%2F1/a%20b?month=2026-10&by=app")
		Expect(w.Code).To(Equal(http.StatusOK))
		Expect(w.Body.String()).To(And(ContainSubstring(`"name":"1 app"`), ContainSubstring(`"amounts":["","1234.50",""`)))
	})

	It("leads from all tenants to one of them", func() {
		w := get(pages(october(), all), "/ui/tenants?month=2026-10")
		Expect(w.Body.String()).To(ContainSubstring(`href="/ui/tenant/f%2F1/a%20b?month=2026-10"`))
	})

	It("leads a reader with one tenant to it", func() {
		one := &answer.Asker{Usage: answer.Scope{Owners: []events.Owner{{Foundation: "f", Tenant: "t"}}}}
		w := get(pages(october(), one), "/ui/")
		Expect(w.Code).To(Equal(http.StatusSeeOther))
		Expect(w.Header().Get("Location")).To(Equal("/ui/tenant/f/t"))
	})

	It("answers for a tenant out of sight with the same bytes, whatever its name", func() {
		h := pages(answers{}, all)
		a, b := get(h, "/ui/tenant/f/known"), get(h, "/ui/tenant/f/unknown")
		Expect(a.Code).To(Equal(http.StatusNotFound))
		stamp := regexp.MustCompile(`\d\d:\d\d:\d\d`)
		Expect(stamp.ReplaceAllString(a.Body.String(), "")).To(Equal(stamp.ReplaceAllString(b.Body.String(), "")))
	})

	It("has no script and no style of its own, and asks no other host", func() {
		w := get(pages(october(), all), "/ui/tenant/f/t?month=2026-10")
		Expect(w.Header().Get("Content-Security-Policy")).To(ContainSubstring("default-src 'none'; script-src 'self'"))
		body := w.Body.String()
		Expect(regexp.MustCompile(`<script(?: [^>]*)?>`).FindAllString(body, -1)).To(HaveEach(Or(
			ContainSubstring(`src="/ui/static/`), ContainSubstring(`type="application/json"`))))
		Expect(body).NotTo(MatchRegexp(`style=|<style|\son[a-z]+=|(src|href)="(https?:)?//`))
	})

	DescribeTable("leads nowhere else after a sign-in", func(to, inForm string) {
		w := get(pages(october(), all), "/ui/sign-in?to="+url.QueryEscape(to))
		Expect(w.Body.String()).To(ContainSubstring(`name="to" value="` + inForm + `"`))
	},
		Entry("a page of ours", "/ui/tenants?month=2026-10", "/ui/tenants?month=2026-10"),
		Entry("another host", "//evil.example.org", "/ui/"), Entry("another scheme", "javascript:alert(1)", "/ui/"),
		Entry("a path that leaves", "/ui/../v1/totals", "/ui/"),
		Entry("an escaped one", "/ui/%2e%2e/v1/totals", "/ui/"),
		Entry("a backslash", `/ui/\evil.example.org`, "/ui/"), Entry("the API", "/v1/totals", "/ui/"),
	)

	It("weighs less than 60 kB with its scripts and styles, as they are delivered", func() {
		h := pages(october(), all)
		files := regexp.MustCompile(`/ui/static/[^"]+[.](?:js|css)`).FindAllString(get(h, "/ui/tenants").Body.String(), -1)
		Expect(len(files)).To(BeNumerically(">=", 5))
		compress, err := gzhttp.NewWrapper(gzhttp.CompressionLevel(gzip.BestSpeed))
		Expect(err).NotTo(HaveOccurred())
		sum := 0
		for _, file := range files {
			r, w := httptest.NewRequest(http.MethodGet, file, http.NoBody), httptest.NewRecorder()
			r.Header.Set("Accept-Encoding", "gzip")
			compress(h).ServeHTTP(w, r)
			sum += w.Body.Len()
		}
		Expect(sum).To(BeNumerically("<", 60_000))
		AddReportEntry("bytes of script and style", sum)
	})

	It("writes a VAT rate in percent", func() {
		x := october()
		x["/charges/c?"] = answer.Explanation{
			Charge:  answer.Charge{ID: "c", Entry: "charge", Amount: "1", VAT: "0.2", VATRate: "0.2", Currency: "GBP"},
			Working: &answer.Working{Formula: "1", VATRate: "0.055", CurrencyRate: "1"},
		}
		Expect(get(pages(x, all), "/ui/charge/c").Body.String()).To(And(ContainSubstring("at 20\u00a0%"),
			ContainSubstring("at 5.5\u00a0%")))
	})

	DescribeTable("takes a form of a page of ours, or one that the browser sends again with its guard", func(site,
		guard string, status int,
	) {
		u, err := ui.New(ui.Deps{
			API:     october().serve,
			Reader:  func(*http.Request) (*ui.Reader, error) { return &ui.Reader{Asker: all, Guard: "g"}, nil },
			SignIns: accounts{}, Refuse: auth.Refuse, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			Version: "test",
		})
		Expect(err).NotTo(HaveOccurred())
		mux := http.NewServeMux()
		u.Register(mux)
		form := url.Values{"guard": {guard}}
		r := httptest.NewRequest(http.MethodPost, "/ui/operate/what-if", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		Expect(w.Code).To(Equal(status))
	},
		Entry("of ours", "same-origin", "g", http.StatusOK),
		Entry("of ours, without its guard", "same-origin", "", http.StatusForbidden),
		Entry("of the browser itself, with the guard", "none", "g", http.StatusOK),
		Entry("of the browser itself, with another one", "none", "h", http.StatusForbidden),
		Entry("of the same domain", "same-site", "g", http.StatusForbidden),
		Entry("of another site", "cross-site", "g", http.StatusForbidden),
	)

	It("takes no password of a form that no page has sent", func() {
		r := httptest.NewRequest(http.MethodPost, "/ui/sign-in", strings.NewReader("user=a&password=b"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "none")
		w := httptest.NewRecorder()
		pages(october(), all).ServeHTTP(w, r)
		Expect(w.Code).To(Equal(http.StatusForbidden))
	})

	It("has files that a browser keeps for ever, under names that change with them", func() {
		h := pages(october(), all)
		body := get(h, "/ui/tenants").Body.String()
		files := regexp.MustCompile(`/ui/static/[^"]+`).FindAllString(body, -1)
		Expect(len(files)).To(BeNumerically(">", 4))
		for _, file := range files {
			w := get(h, file)
			Expect(w.Code).To(Equal(http.StatusOK), file)
			Expect(w.Header().Get("Cache-Control")).To(ContainSubstring("immutable"))
		}
		Expect(get(h, "/ui/static/daybook-000000000000.css").Code).To(Equal(http.StatusNotFound))
	})
})
