package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	chrome "github.com/daybook-billing/daybook/internal/lab/browser"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// listening serves the pages at an address until it is killed, with all connections.
func (s *served) listening(ctx context.Context, address string) (at string, kill func()) {
	GinkgoHelper()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	Expect(err).NotTo(HaveOccurred())
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	kill = func() {
		_ = server.Close()
		<-ended
	}
	return listener.Addr().String(), kill
}

// goesOn meters and charges the demo's foundation up to a later time.
func (s *served) goesOn(ctx context.Context, horizon string) {
	GinkgoHelper()
	for _, f := range demo.Files() {
		if f.Name == "cloud-foundry.jsonl" {
			file := filepath.Join(GinkgoT().TempDir(), f.Name)
			Expect(os.WriteFile(file, f.Data, 0o600)).To(Succeed())
			s.site.ran("collect", "file", "--foundation", f.Foundation, "--horizon", horizon, file)
		}
	}
	s.site.work(ctx, timeline.CutDay)
	s.posted(ctx)
}

var _ = Describe("An open page", Ordered, func() {
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

	// shows waits until an element has a text.
	shows := func(w *window, selector, text string) {
		GinkgoHelper()
		Eventually(func() (string, error) {
			return chrome.Ask(w.Tab, chromedp.Evaluate[string](
				`(document.querySelector(`+"`"+selector+"`"+`) || {innerText: ""}).innerText`))
		}).Should(ContainSubstring(text))
	}

	It("shows a charge that is posted, and the month with it", func(ctx SpecContext) {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/tenant/demo/" + demo.Retail + "?month=2026-11")
		shows(w, "#live", "live")
		shows(w, ".stats", "Month to date\n£0.00")
		foundations := of.opened(b)
		foundations.account("ann", password)
		foundations.to("/ui/operate")
		shows(foundations, "#live", "live")
		shows(foundations, "main", "2026-11-01")
		of.goesOn(ctx, "2026-11-02T00:00:00Z")
		shows(w, "#news", "shop-db: postgres-large, server 2026-11-01 00:00 – 2026-11-02 00:00 £")
		shows(w, ".stats", "Month to date\n£7.")
		shows(foundations, "[data-part=foundations]", "cf demo\t2026-11-02")
		Expect(w.Complaints()).To(BeEmpty())
		Expect(foundations.Complaints()).To(BeEmpty())
	})

	It("says that it lost its connection, and that it has it again, with what came meanwhile", func(ctx SpecContext) {
		address, kill := of.listening(ctx, "127.0.0.1:0")
		w := of.opened(b)
		w.site = "http://" + address
		w.account("ann", password)
		w.to("/ui/tenant/demo/" + demo.Retail + "?month=2026-11")
		shows(w, "#live", "live")
		w.to("/ui/tenant/demo/" + demo.Retail + "?month=2026-11&by=app")
		shows(w, "#live", "live")
		Expect(w.Complaints()).To(BeEmpty())
		before := w.text(".stats")
		kill()
		shows(w, "#lost", "The connection to Daybook was lost at ")
		shows(w, "#live", "not live")
		of.goesOn(ctx, "2026-11-03T00:00:00Z")
		Expect(w.text(".stats")).To(Equal(before))
		_, kill = of.listening(ctx, address)
		DeferCleanup(kill)
		shows(w, "#live", "live again since ")
		shows(w, ".stats", "£14.")
		shows(w, "#lost", "")
	})

	It("says that its session has ended", func() {
		w := of.opened(b)
		w.account("ann", password)
		w.to("/ui/tenants")
		shows(w, "#live", "live")
		w.does(chromedp.Evaluate[chromedp.Void](`(async () => {
			const form = new URLSearchParams({guard: document.querySelector("[name=guard]").value});
			await fetch("/ui/sign-out", {method: "POST", body: form});
			dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}));
		})()`, chromedp.EvalAwaitPromise))
		shows(w, "#lost", "Your session has ended")
		Expect(w.text(`#lost a[href^="/ui/sign-in"]`)).To(Equal("Sign in again"))
	})
})
