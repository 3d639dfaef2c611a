package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	chrome "github.com/daybook-billing/daybook/internal/lab/browser"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// window is a tab on the pages of a site.
type window struct {
	*chrome.Tab
	site  string
	files string // folder of what it downloads
}

// opened opens a tab without a session.
func (s *served) opened(b *chrome.Browser) *window {
	GinkgoHelper()
	files := GinkgoT().TempDir()
	t, err := b.Tab(files)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(t.Close)
	return &window{t, s.address, files}
}

// does runs actions.
func (w *window) does(actions ...chromedp.Action[chromedp.Void]) {
	GinkgoHelper()
	Expect(w.Run(actions...)).To(Succeed())
}

// to opens a page of the site.
func (w *window) to(page string) {
	GinkgoHelper()
	w.does(chromedp.Navigate(w.site + page))
}

// at waits until the page is one whose path begins so.
func (w *window) at(path string) {
	GinkgoHelper()
	Eventually(func() (string, error) { return chrome.Ask(w.Tab, chromedp.Location()) }).
		Should(HavePrefix(w.site + path))
	w.does(chromedp.WaitVisible(chromedp.CSS("main h1")))
}

// follow clicks on a link or a button, and waits for its page.
func (w *window) follow(selector, path string) {
	GinkgoHelper()
	w.does(chromedp.Click(chromedp.CSS(selector)))
	w.at(path)
}

// text is the visible text of an element.
func (w *window) text(selector string) string {
	GinkgoHelper()
	text, err := chrome.Ask(w.Tab, chromedp.Text(chromedp.CSS(selector)))
	Expect(err).NotTo(HaveOccurred())
	return text
}

// says waits until the page has a text.
func (w *window) says(text string) {
	GinkgoHelper()
	Eventually(func() (string, error) { return chrome.Ask(w.Tab, chromedp.Text(chromedp.CSS("main"))) }).
		Should(ContainSubstring(text))
}

// mary signs in with the UAA, on the page that she asked for.
func (w *window) mary(page string) {
	GinkgoHelper()
	w.to(page)
	w.at("/ui/sign-in")
	w.does(
		chromedp.Click(chromedp.CSS(`a[href^="/ui/sign-in/0"]`)),
		chromedp.SendKeys(chromedp.CSS(`input[name=username]`), "mary"),
		chromedp.SendKeys(chromedp.CSS(`input[name=password]`), "mary's"),
		chromedp.Click(chromedp.CSS("button")),
	)
	path, _, _ := strings.Cut(page, "?")
	w.at(path)
	w.Complaints() // of the UAA's own page: it has no icon
}

// edit changes the text of a page's form by JavaScript about the text t.
func (w *window) edit(script string) {
	GinkgoHelper()
	w.does(chromedp.Evaluate[chromedp.Void](
		`{ const area = document.querySelector("label.wide textarea"); let t = area.value; ` + script + `; area.value = t; }`))
}

// fetched is the status and the text of an answer to a page's own session.
func (w *window) fetched(path string) string {
	GinkgoHelper()
	answer, err := chrome.Ask(w.Tab, chromedp.Evaluate[string](
		`fetch(`+strconv.Quote(path)+`).then(async (r) => r.status + " " + await r.text())`, chromedp.EvalAwaitPromise))
	Expect(err).NotTo(HaveOccurred())
	return answer
}

// account signs in with an account.
func (w *window) account(name, password string) {
	GinkgoHelper()
	w.to("/ui/sign-in")
	w.does(
		chromedp.SendKeys(chromedp.CSS(`input[name=user]`), name),
		chromedp.SendKeys(chromedp.CSS(`input[name=password]`), password),
		chromedp.Submit(chromedp.CSS(`form.card`)),
	)
	w.at("/ui/tenants")
}

var _ = Describe("In a browser, the pages", Ordered, ContinueOnFailure, func() {
	const password = "a long password"
	var (
		b  *chrome.Browser
		s  *site
		of *served
	)

	BeforeAll(func(ctx SpecContext) {
		if testing.Short() {
			Skip("the browser is a package of its own")
		}
		var err error
		b, err = chrome.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		s = demonstrated(ctx)
		s.serve()
		s.seals()
		of = s.withPages(ctx, password)
	})

	retail := "/ui/tenant/demo/" + demo.Retail

	It("lead a manager from the sign-in to the event behind a charge, explained in place", func() {
		w := of.opened(b)
		w.mary(retail + "?month=2026-10&by=app")
		Expect(w.text("main")).To(ContainSubstring("£203.65"))
		w.does(chromedp.WaitVisible(chromedp.CSS("[data-chart] canvas")))
		w.follow(`tbody a[href*="/resource/"]`, retail+"/resource/")
		w.does(
			chromedp.Click(chromedp.CSS("details.entry summary")),
			chromedp.WaitVisible(chromedp.CSS("details.entry .why table.working")),
		)
		Expect(w.text("details.entry .why")).To(ContainSubstring("Computed again just now: the same."))
		w.does(chromedp.Click(chromedp.CSS("details.entry .why details summary")))
		w.follow(`details.entry .why a[href^="/ui/event/"]`, "/ui/event/")
		Expect(w.text("h1")).To(Equal("What became of an event"))
		Expect(w.Complaints()).To(BeEmpty())
	})

	It("let an operator decide a hold, and say so", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/operate/holds")
		w.does(
			chromedp.Click(chromedp.CSS(`input[name=hold]`)),
			chromedp.SendKeys(chromedp.CSS(`input[name=note]`), "it had no volume"),
			chromedp.Click(chromedp.CSS("fieldset button")),
		)
		w.says("1 hold decided")
		Expect(w.Complaints()).To(BeEmpty())
	})

	It("let an operator mend, preview and publish prices, and go back", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/operate/catalogues")
		w.follow(`a[href="/ui/operate/publish"]`, "/ui/operate/publish")
		before := w.text("label.wide textarea")
		w.edit(`t = t.replaceAll('"0.011"', '"0.022"') + "\nplanz: []\n"`)
		w.does(
			chromedp.Click(chromedp.CSS("main form:last-of-type button.main")),
			chromedp.WaitVisible(chromedp.CSS("table.code")),
		)
		Expect(w.text("table.code")).To(And(ContainSubstring("planz: []"), ContainSubstring("column 1")))
		w.edit(`t = t.replace("planz: []", "")`)
		w.does(
			chromedp.Click(chromedp.CSS("main form:last-of-type button.main")),
			chromedp.WaitVisible(chromedp.CSS("[aria-label=Effect]")),
		)
		Expect(w.text("main")).To(ContainSubstring("in place of"))
		w.does(
			chromedp.SendKeys(chromedp.CSS(`input[name=note]`), "memory costs more"),
			chromedp.Click(chromedp.CSS("form.card button.main")),
		)
		w.at("/ui/operate/catalogues")
		w.says("its effect is the one that was shown, to the last digit")
		Expect(w.text("tbody tr:first-child")).To(And(ContainSubstring("ann: memory costs more"),
			ContainSubstring("in force")))

		By("putting the one before in force again")
		w.follow(`tbody a[href*="publish?version="]`, "/ui/operate/publish?version=")
		w.does(
			chromedp.SendKeys(chromedp.CSS(`input[name=note]`), "too much"),
			chromedp.Click(chromedp.CSS("form.card button.main")),
		)
		w.at("/ui/operate/catalogues")
		w.says("to the last digit")
		w.to("/ui/operate/publish")
		Expect(w.text("label.wide textarea")).To(Equal(before))
		Expect(w.Complaints()).To(BeEmpty())
	})

	It("let an operator close a month with what was seen, and a tenant download their statement", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/operate/months")
		w.follow(`a[href*="/2026-10/closing?foundation=demo"]`, "/ui/operate/months/2026-10/closing")
		Expect(w.text("[aria-label=Statements]")).To(ContainSubstring("£203.65"))
		w.does(
			chromedp.SendKeys(chromedp.CSS(`input[name=note]`), "signed by finance"),
			chromedp.Click(chromedp.CSS("form.card button")),
		)
		w.says("October 2026 of demo is closed")
		Expect(w.text("[aria-label=Months]")).To(ContainSubstring("by ann: signed by finance"))
		Expect(w.Complaints()).To(BeEmpty())

		tenant := of.opened(b)
		tenant.mary(retail + "/statements")
		statement := `tbody a[href^="/ui/statements/cf/demo/"]`
		Eventually(func() (string, error) {
			tenant.to(retail + "/statements")
			return chrome.Ask(tenant.Tab, chromedp.Text(chromedp.CSS("main")))
		}).Should(ContainSubstring("October 2026"))
		tenant.follow(statement, "/ui/statements/cf/demo/")
		Expect(tenant.text("main")).To(ContainSubstring("£203.65"))
		tenant.does(chromedp.Click(chromedp.CSS(`a[download][href$="/csv"]`)))
		Eventually(func() (text string) {
			files, _ := filepath.Glob(filepath.Join(tenant.files, "*"))
			for _, file := range files {
				if data, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".crdownload") {
					text += string(data)
				}
			}
			return text
		}).Should(And(HavePrefix("number,revision,"), ContainSubstring(demo.Retail)))
		Expect(tenant.Complaints()).To(BeEmpty())
	})

	It("let an operator read quarantined input, and say that it needs nothing more", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/operate/quarantine")
		count := func() int {
			n, err := chrome.Ask(w.Tab, chromedp.Evaluate[int](`document.querySelectorAll("input[name=input]").length`))
			Expect(err).NotTo(HaveOccurred())
			return n
		}
		all := count()
		Expect(all).To(BeNumerically(">", 1))
		w.follow(`tbody a[href^="/ui/operate/quarantine/"]`, "/ui/operate/quarantine/")
		Expect(w.text("pre")).NotTo(BeEmpty())
		w.does(
			chromedp.SetValue(chromedp.CSS(`select[name=action]`), "discard"),
			chromedp.SendKeys(chromedp.CSS(`input[name=note]`), "a test event"),
			chromedp.Click(chromedp.CSS("form.card button.main")),
		)
		w.says("1 input discarded")
		Expect(count()).To(Equal(all - 1))
		w.does(
			chromedp.Click(chromedp.CSS(`input[name=input]`)),
			chromedp.SendKeys(chromedp.CSS(`input[name=note]`), "perhaps it is understood now"),
			chromedp.Click(chromedp.CSS("fieldset button.main")),
		)
		w.says("1 refused")
		Expect(w.Complaints()).To(BeEmpty())
	})

	It("let an operator have the streams verified, and show how far it is", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/operate/verify")
		w.says("Nothing was verified here")
		w.does(chromedp.Click(chromedp.CSS(`input[name=deep]`)), chromedp.Click(chromedp.CSS("form.card button.main")))
		w.says("every message was what its input derives")
		Expect(w.text("#run")).To(And(ContainSubstring("METERED from USAGE"), ContainSubstring("BILLING from METERED"),
			ContainSubstring("Every byte is compared, for ann")))
		Expect(w.Complaints()).To(BeEmpty())
	})

	It("show a tenant nothing of another one, by no id, with the bytes of one that does not exist", func(
		ctx SpecContext,
	) {
		w := of.opened(b)
		w.mary(retail)
		a := s.ask(ctx)
		entries, _ := a.pages(1, func() {}, "tenant", demo.Logistics)
		theirs := entries[0]
		issued := s.statements(ctx)[0] // of a database's tenant
		const none, noID = "10915700-0000-4000-8000-00000000ffff", "10915700-0000-5000-8000-00000000ffff"
		compared := 0
		for _, pair := range [][2]string{{demo.Logistics, none}} {
			for _, page := range []string{
				"/ui/tenant/demo/%s", "/ui/tenant/demo/%s/running", "/ui/tenant/demo/%s/statements",
				"/ui/tenant/demo/%s/resource/" + theirs.Resource + "?month=2026-10", "/v1/totals?tenant=%s",
				"/v1/charges?tenant=%s", "/v1/bill?month=2026-10&tenant=%s", "/v1/running?tenant=%s",
				"/v1/forecast?tenant=%s",
				"/v1/statements?tenant=%s", "/v1/holds?tenant=%s", "/v1/unrated?tenant=%s", "/v1/anomalies?tenant=%s",
				"/v1/corrections?tenant=%s", "/v1/export/charges?month=2026-10&tenant=%s", "/v1/live/charges?tenant=%s",
			} {
				others := w.fetched(strings.ReplaceAll(page, "%s", pair[0]))
				Expect(others).To(HavePrefix("404 "), page)
				Expect(others).To(Equal(w.fetched(strings.ReplaceAll(page, "%s", pair[1]))), page)
				compared++
			}
		}
		for _, page := range [][2]string{
			{"/ui/charge/" + theirs.ID, "/ui/charge/" + noID},
			{"/v1/charges/" + theirs.ID, "/v1/charges/" + noID},
			{
				"/v1/resources/" + theirs.Resource + "/charges?month=2026-10", "/v1/resources/" + none +
					"/charges?month=2026-10",
			},
			{
				fmt.Sprintf("/ui/statements/%s/%s/%d", issued.Source, issued.Foundation, issued.Number),
				"/ui/statements/cf/nowhere/1",
			},
			{
				fmt.Sprintf("/v1/statements/%s/%s/%d", issued.Source, issued.Foundation, issued.Number),
				"/v1/statements/cf/nowhere/1",
			},
			{"/v1/live/charges?foundation=trove-wiki", "/v1/live/charges?foundation=nowhere"},
			{"/ui/operate/quarantine/1", "/ui/operate/quarantine/99999"},
			{"/v1/quarantine/1", "/v1/quarantine/99999"},
			{
				"/ui/operate/months/2026-10/closing?foundation=trove-wiki",
				"/ui/operate/months/2026-10/closing?foundation=nowhere",
			},
		} {
			others := w.fetched(page[0])
			Expect(others).To(HavePrefix("404 "), page[0])
			Expect(others).To(Equal(w.fetched(page[1])), page[0])
			compared++
		}
		Expect(compared).To(BeNumerically(">", 20))
		Expect(w.Complaints()).To(HaveEach(ContainSubstring("404")))
	})

	It("show what another catalogue would change", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/operate/what-if")
		w.does(
			chromedp.Evaluate[chromedp.Void](
				`const t = document.querySelector("textarea"); t.value = t.value.replace('"0.011"', '"0.022"')`),
			chromedp.Click(chromedp.CSS("main button.main")),
			chromedp.WaitVisible(chromedp.CSS(`[aria-label=Effect], main .empty`)),
		)
		Expect(w.text("main")).To(ContainSubstring("against"))
		Expect(w.Complaints()).To(BeEmpty())
	})
})
