package browser_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/browser"
)

func TestBrowser(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "browser")
}

var _ = Describe("A look at a page", Ordered, ContinueOnFailure, func() {
	var b *browser.Browser
	BeforeAll(func(ctx SpecContext) {
		if testing.Short() {
			Skip("the browser is a package of its own")
		}
		var err error
		b, err = browser.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
	})

	// looked is a tab at a page with this body and these rules of style, on a dark phone.
	looked := func(body, style string) *browser.Tab {
		GinkgoHelper()
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(`<!doctype html><html lang="en"><head><title>t</title>` +
				`<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">` +
				`<style>` + style + `</style></head><body>` +
				`<main><h1>A page</h1>` + body + `</main></body></html>`))
		}))
		DeferCleanup(site.Close)
		t, err := b.Tab(GinkgoT().TempDir())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(t.Close)
		Expect(t.View(390, true)).To(Succeed())
		Expect(t.Run(chromedp.Navigate(site.URL))).To(Succeed())
		return t
	}

	It("finds nothing in a page without a fault", func() {
		t := looked("<p>good</p>", "")
		Expect(t.Faults()).To(BeEmpty())
		Expect(t.Complaints()).To(BeEmpty())
	})

	DescribeTable("finds", func(fault, body, style string) {
		Expect(looked(body, style).Faults()).To(ContainElement(ContainSubstring(fault)))
	},
		Entry("text that is too pale", "color-contrast", "<p>pale</p>", "p { color: #bbb; background: #fff }"),
		Entry("text that is too pale in dark colours alone", "color-contrast", "<p>pale</p>",
			"@media (prefers-color-scheme: dark) { p { color: #444; background: #222 } }"),
		Entry("a field without a label", "label", "<input name=x>", ""),
		Entry("an image without a text", "image-alt", `<img src="data:,">`, ""),
		Entry("what reaches beyond a phone's window", "beyond the window", "<p class=w>wide</p>",
			".w { width: 800px }"),
	)

	DescribeTable("hears", func(complaint, body string) {
		t := looked(body, "")
		Eventually(t.Complaints).Should(ContainElement(ContainSubstring(complaint)))
	},
		Entry("an exception", "exception", "<script>throw new Error('odd')</script>"),
		Entry("an error of the console", "console: ", "<script>console.error('odd')</script>"),
		Entry("a request to another host", "another host", `<img alt="x" src="http://example.org/x.png">`),
	)
})
