package main

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// browser keeps cookies, and follows redirects.
type browser struct {
	*http.Client
	site string
}

func (s *served) browser() *browser {
	GinkgoHelper()
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	return &browser{&http.Client{Jar: jar}, s.address}
}

// page is the status, the address (without that of the site) and the text of a page.
func (b *browser) page(method, path string, form url.Values) (status int, at, text string) {
	GinkgoHelper()
	return b.asked(method, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// sent is the page that a form of another type leads to.
func (b *browser) sent(path, kind string, form io.Reader) (status int, at, text string) {
	GinkgoHelper()
	return b.asked(http.MethodPost, path, kind, form)
}

func (b *browser) asked(method, path, kind string, form io.Reader) (status int, at, text string) {
	GinkgoHelper()
	if !strings.HasPrefix(path, "http") {
		path = b.site + path
	}
	r, err := http.NewRequestWithContext(GinkgoT().Context(), method, path, form)
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	answer, err := b.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	return answer.StatusCode, strings.TrimPrefix(answer.Request.URL.String(), b.site), string(body)
}

// served is a site's API over HTTP, with who may see what.
type served struct {
	*asked
	address string
}

// withPages serves a site for people of a UAA, and for one with an account.
func (s *site) withPages(ctx context.Context, password string) *served {
	GinkgoHelper()
	platform, err := cc.New(cc.Config{
		World:   sim.Config{Seed: 1, Orgs: 1, Spaces: 1, Apps: 1, Services: 1, Instances: 1, Events: 1},
		Clients: append(cc.StandardClients(), cc.Client{ID: "pages", Secret: "pages-secret"}),
		Users: []cc.User{
			{
				GUID: managerOfRetail, Name: "mary", Password: "mary's", Manages: []string{demo.Retail},
				Scopes: []string{"cloud_controller.read"},
			},
			{GUID: userWithoutRoles, Name: "nobody", Password: "nobody's", Scopes: []string{"cloud_controller.read"}},
		},
	})
	Expect(err).NotTo(HaveOccurred())
	foundation := httptest.NewServer(platform)
	DeferCleanup(foundation.Close)
	digest, err := auth.Digest(password)
	Expect(err).NotTo(HaveOccurred())
	books, log := memory.New(), slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	poster := ledger.NewPoster(s.bus, books, log)
	client := cc.StandardClients()[0]
	server, err := api.New(api.Config{Auth: auth.Config{
		UAAs: []auth.UAA{{
			LoginClient: "pages", LoginSecret: auth.Secret{Value: "pages-secret"},
			Foundations: []auth.Foundation{{
				Name: "demo", API: foundation.URL, ClientID: client.ID, Secret: auth.Secret{Value: client.Secret},
			}},
		}},
		Accounts: []auth.Account{
			{Name: "ann", Password: digest, All: true, Scopes: []string{"usage", "money", "decide"}},
		},
	}}, api.Deps{
		Reader: memory.NewReader(books, s.bus), Bus: s.bus, Version: "test", Log: log,
		Resubmit: collect.Resubmitter(s.bus), Verify: verifying(s.bus),
	})
	Expect(err).NotTo(HaveOccurred())
	posting, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 2)
	go func() { ended <- poster.Run(posting) }()
	go func() { ended <- server.RunVerifications(posting) }()
	DeferCleanup(func() {
		stop()
		Expect(<-ended).To(Succeed())
		Expect(<-ended).To(Succeed())
	})
	of := &asked{site: s, poster: poster, handler: server.Handler()}
	of.posted(ctx)
	pages := httptest.NewServer(of.handler)
	DeferCleanup(func() {
		pages.CloseClientConnections() // of live pages
		pages.Close()
	})
	return &served{of, pages.URL}
}

var _ = Describe("Pages", Ordered, func() {
	const password = "a long password"
	var of *served

	BeforeAll(func(ctx SpecContext) {
		s := demonstrated(ctx)
		Expect(plans.Keep(ctx, s.bus, keptPlan())).To(Succeed())
		of = s.withPages(ctx, password)
	})

	retail := "/ui/tenant/demo/" + demo.Retail
	// signedIn is the browser of a person of the UAA, on the page that they asked for.
	signedIn := func(name, password, page string) (b *browser, status int, at, text string) {
		GinkgoHelper()
		b = of.browser()
		status, at, text = b.page(http.MethodGet, page, nil)
		Expect(status).To(Equal(http.StatusOK))
		Expect(at).To(HavePrefix("/ui/sign-in?to="))
		way := regexp.MustCompile(`href="(/ui/sign-in/0[^"]*)"`).FindStringSubmatch(text)
		Expect(way).NotTo(BeNil(), text)
		_, at, text = b.page(http.MethodGet, strings.ReplaceAll(way[1], "&amp;", "&"), nil)
		Expect(text).To(ContainSubstring("<h1>Welcome"))
		status, at, text = b.page(http.MethodPost, at, url.Values{"username": {name}, "password": {password}})
		return b, status, at, text
	}

	It("lead through the UAA to the page that was asked for, and show a manager their organization", func() {
		b, status, at, text := signedIn("mary", "mary's", retail+"?month=2026-10")
		Expect(status).To(Equal(http.StatusOK))
		Expect(at).To(Equal(retail + "?month=2026-10"))
		Expect(text).To(And(ContainSubstring("£203.65"), ContainSubstring("mary"), ContainSubstring("Sign out")))

		By("answering the same as JSON")
		status, _, text = b.page(http.MethodGet, "/v1/totals?by=month&tenant="+demo.Retail, nil)
		Expect(status).To(Equal(http.StatusOK))
		Expect(text).To(ContainSubstring("203.64"))
	})

	It("all answer, down to the last link, each with the JSON of the same thing", func() {
		b := of.browser()
		form := url.Values{"user": {"ann"}, "password": {password}}
		_, at, _ := b.page(http.MethodPost, "/ui/sign-in", form)
		Expect(at).To(Equal("/ui/tenants"))
		link := regexp.MustCompile(` (?:href|hx-get)="(/(?:ui|v1)/[^"]*)"`)
		seen, waiting := map[string]bool{}, []string{"/ui/", "/ui/operate"}
		patterns := map[string]int{}
		guid := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32,}|\d+|\?.*|-[0-9a-f]{12}\.`)
		for len(waiting) > 0 {
			page := waiting[0]
			waiting = waiting[1:]
			status, _, text := b.page(http.MethodGet, page, nil)
			Expect(status).To(Equal(http.StatusOK), page)
			if strings.HasPrefix(page, "/v1/") {
				continue
			}
			Expect(text).NotTo(Or(ContainSubstring("no value"), ContainSubstring("%!")), page)
			for _, found := range link.FindAllStringSubmatch(text, -1) {
				next := html.UnescapeString(found[1])
				shape := guid.ReplaceAllString(next, "*")
				if seen[next] || patterns[shape] >= 4 {
					continue
				}
				seen[next] = true
				patterns[shape]++
				waiting = append(waiting, next)
			}
		}
		Expect(len(patterns)).To(BeNumerically(">", 25))
		Expect(patterns).To(HaveKey("/ui/event/*"))
		Expect(patterns).To(HaveKey("/ui/operate/reconcile"))
		Expect(patterns).To(HaveKey("/ui/operate/reconcile/*/app/*"))
	})

	It("tell a correction in words, and lead to the event behind it", func() {
		b := of.browser()
		b.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {password}})
		_, _, text := b.page(http.MethodGet, "/ui/tenant/databases/"+demo.Bookshop+"?month=2026-11", nil)
		read := func(text string) string {
			return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "")), " ")
		}
		Expect(read(text)).To(ContainSubstring(
			"October 2026: database orders was deleted on 20 October, known since 12 November: −£8.35"))
		Expect(read(text)).To(ContainSubstring("−£8.35 of corrections are about days of other months"))
		event := regexp.MustCompile(`/ui/event/\d+`).FindString(text)
		_, _, text = b.page(http.MethodGet, event, nil)
		Expect(read(text)).To(ContainSubstring("delete of database orders"))
	})

	It("take a decision about a hold from a form of the reader's session alone", func() {
		b := of.browser()
		b.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {password}})
		_, _, text := b.page(http.MethodGet, "/ui/operate/holds", nil)
		hold := regexp.MustCompile(`name="hold" value="([^"]+)"`).FindStringSubmatch(text)
		Expect(hold).NotTo(BeNil(), text)
		guard := regexp.MustCompile(`name="guard" value="([^"]+)"`).FindStringSubmatch(text)
		form := url.Values{"hold": {hold[1]}, "action": {"discard"}, "note": {"it had no volume"}}
		status, _, _ := b.page(http.MethodPost, "/ui/operate/holds", form)
		Expect(status).To(Equal(http.StatusForbidden))
		form.Set("guard", guard[1])
		status, at, text := b.page(http.MethodPost, "/ui/operate/holds", form)
		Expect(status).To(Equal(http.StatusOK))
		Expect(at).To(HavePrefix("/ui/operate/holds"))
		Expect(text).To(ContainSubstring("1 hold decided"))

		By("saying what is wrong with one that cannot be taken")
		form.Set("hold", "unknown")
		_, _, text = b.page(http.MethodPost, "/ui/operate/holds", form)
		Expect(text).To(ContainSubstring("nothing has this id"))
	})

	It("show what another catalogue would change, and the line of a mistake in it", func() {
		b := of.browser()
		_, _, text := b.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {password}})
		guard := regexp.MustCompile(`name="guard" value="([^"]+)"`).FindStringSubmatch(text)
		form := url.Values{"guard": {guard[1]}, "text": {"currency: GBP\nplans: 7\n"}}
		_, _, text = b.page(http.MethodPost, "/ui/operate/what-if", form)
		Expect(text).To(ContainSubstring("catalogue:2:8"))
		dearer := strings.ReplaceAll(string(demo.Catalogue()), `unit_price: "0.011"`, `unit_price: "0.022"`)
		form.Set("text", dearer)
		_, _, text = b.page(http.MethodPost, "/ui/operate/what-if", form)
		Expect(text).To(And(ContainSubstring("Difference"), ContainSubstring("2026-10")))
	})

	It("mark the lines of mistakes in prices that are published, from a file, too", func() {
		b := of.browser()
		_, _, text := b.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {password}})
		guard := regexp.MustCompile(`name="guard" value="([^"]+)"`).FindStringSubmatch(text)
		var form bytes.Buffer
		parts := multipart.NewWriter(&form)
		Expect(parts.WriteField("guard", guard[1])).To(Succeed())
		file, err := parts.CreateFormFile("file", "prices.yaml")
		Expect(err).NotTo(HaveOccurred())
		_, err = io.WriteString(file, "currency: GBP\nplans: 7\n# the end\n")
		Expect(err).NotTo(HaveOccurred())
		Expect(parts.Close()).To(Succeed())
		status, _, text := b.sent("/ui/operate/publish", parts.FormDataContentType(), &form)
		Expect(status).To(Equal(http.StatusOK))
		Expect(text).To(And(ContainSubstring("line 2, column 8"), ContainSubstring("<code># the end</code>")))
		Expect(text).NotTo(ContainSubstring("Put it in force"))
	})

	It("show nothing of another tenant, with the bytes of one that does not exist", func() {
		b, _, _, _ := signedIn("mary", "mary's", "/ui/")
		for _, page := range []string{"/ui/tenant/demo/%s", "/v1/totals?tenant=%s", "/v1/running?tenant=%s"} {
			status, _, others := b.page(http.MethodGet, strings.ReplaceAll(page, "%s", demo.Logistics), nil)
			Expect(status).To(Equal(http.StatusNotFound), page)
			_, _, none := b.page(http.MethodGet, strings.ReplaceAll(page, "%s", managerOfRetail), nil)
			Expect(others).To(Equal(none), page)
		}
	})

	It("let somebody in who may see nothing, and show nothing", func() {
		_, status, at, text := signedIn("nobody", "nobody's", "/ui/")
		Expect(status).To(Equal(http.StatusOK))
		Expect(at).To(Equal("/ui/tenants"))
		Expect(text).To(ContainSubstring("Nothing was charged yet"))
	})

	It("refuse a sign-in that was begun in another browser", func() {
		other := of.browser()
		_, _, text := other.page(http.MethodGet, "/ui/sign-in", nil)
		Expect(text).To(ContainSubstring("/ui/sign-in/0"))
		status, _, text := other.page(http.MethodGet, "/ui/signed-in?code=stolen&state=x", nil)
		Expect(status).To(Equal(http.StatusUnauthorized))
		Expect(text).To(ContainSubstring("was not begun here"))
	})

	It("let an account in by its password alone, and end its session", func() {
		b := of.browser()
		status, _, text := b.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {"wrong"}})
		Expect(status).To(Equal(http.StatusUnauthorized))
		Expect(text).To(ContainSubstring("no account has this name and password"))
		form := url.Values{"user": {"ann"}, "password": {password}, "to": {"/ui/../v1/totals"}}
		status, at, text := b.page(http.MethodPost, "/ui/sign-in", form)
		Expect(status).To(Equal(http.StatusOK))
		Expect(at).To(Equal("/ui/tenants"))
		guard := regexp.MustCompile(`name="guard" value="([^"]+)"`).FindStringSubmatch(text)
		Expect(guard).NotTo(BeNil())
		mine, err := url.Parse(of.address)
		Expect(err).NotTo(HaveOccurred())
		cookies := b.Jar.Cookies(mine)

		By("taking no act of a session without its guard: a page of another site sends the cookies, too")
		status, _, text = b.page(http.MethodPost, "/v1/holds/x/decision", nil)
		Expect(status).To(Equal(http.StatusForbidden), text)

		By("not ending without it, either")
		b.page(http.MethodPost, "/ui/sign-out", url.Values{"guard": {"guessed"}})
		status, at, _ = b.page(http.MethodGet, "/ui/tenants", nil)
		Expect([]any{status, at}).To(Equal([]any{http.StatusOK, "/ui/tenants"}))
		b.page(http.MethodPost, "/ui/sign-out", url.Values{"guard": {guard[1]}})
		_, at, _ = b.page(http.MethodGet, "/ui/tenants", nil)
		Expect(at).To(HavePrefix("/ui/sign-in"))

		By("ending every copy of it")
		thief := of.browser()
		thief.Jar.SetCookies(mine, cookies)
		_, at, _ = thief.page(http.MethodGet, "/ui/tenants", nil)
		Expect(at).To(HavePrefix("/ui/sign-in"))
	})

	It("take no password from a page of another site", func() {
		r, err := http.NewRequestWithContext(GinkgoT().Context(), http.MethodPost, of.address+"/ui/sign-in",
			strings.NewReader(url.Values{"user": {"ann"}, "password": {password}}.Encode()))
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://evil.example.org")
		answer, err := http.DefaultClient.Do(r)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Body.Close()).To(Succeed())
		Expect(answer.StatusCode).To(Equal(http.StatusForbidden))
		Expect(answer.Cookies()).To(BeEmpty())
	})
})
