package main

import (
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
	site string
}

// opened opens a tab without a session.
func (s *served) opened(b *chrome.Browser) *window {
	GinkgoHelper()
	t, err := b.Tab(GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(t.Close)
	return &window{t, s.address}
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

// follow clicks on a link or a button, and waits for the page that it leads to.
func (w *window) follow(selector, path string) {
	GinkgoHelper()
	w.does(chromedp.Click(chromedp.CSS(selector)))
	w.at(path)
}

// text is what one reads of an element.
func (w *window) text(selector string) string {
	GinkgoHelper()
	text, err := chrome.Ask(w.Tab, chromedp.Text(chromedp.CSS(selector)))
	Expect(err).NotTo(HaveOccurred())
	return text
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
		of = demonstrated(ctx).withPages(ctx, password)
	})

	retail := "/ui/tenant/demo/" + demo.Retail

	It("lead a manager from the sign-in to the event behind a charge, explained in place", func() {
		w := of.opened(b)
		w.to(retail + "?month=2026-10&by=app")
		w.at("/ui/sign-in")
		w.does(
			chromedp.Click(chromedp.CSS(`a[href^="/ui/sign-in/0"]`)),
			chromedp.SendKeys(chromedp.CSS(`input[name=username]`), "mary"),
			chromedp.SendKeys(chromedp.CSS(`input[name=password]`), "mary's"),
			chromedp.Click(chromedp.CSS("button")),
		)
		w.at(retail)
		w.Complaints() // of the UAA's own page: it has no icon
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
		Eventually(func() (string, error) { return chrome.Ask(w.Tab, chromedp.Text(chromedp.CSS("main"))) }).
			Should(ContainSubstring("1 hold decided"))
		Expect(w.Complaints()).To(BeEmpty())
	})

	It("show what another catalogue would change", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/operate/what-if")
		w.does(
			chromedp.Evaluate[chromedp.Void](
				`const t = document.querySelector("textarea"); t.value = t.value.replace('"0.004"', '"0.008"')`),
			chromedp.Click(chromedp.CSS("main button.main")),
			chromedp.WaitVisible(chromedp.CSS(`[aria-label=Effect], main .empty`)),
		)
		Expect(w.text("main")).To(ContainSubstring("against"))
		Expect(w.Complaints()).To(BeEmpty())
	})
})
