package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	chrome "github.com/daybook-billing/daybook/internal/lab/browser"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// looks are the pages with the demo's data, by a name.
func (s *served) looks(password string) map[string]string {
	GinkgoHelper()
	reader := s.browser()
	reader.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {password}})
	found := func(page, link string) string {
		GinkgoHelper()
		_, _, text := reader.page(http.MethodGet, page, nil)
		at := regexp.MustCompile(link).FindString(text)
		Expect(at).NotTo(BeEmpty(), "%s has no link to %s", page, link)
		return strings.ReplaceAll(at, "&amp;", "&")
	}
	retail, bookshop := "/ui/tenant/demo/"+demo.Retail, "/ui/tenant/databases/"+demo.Bookshop
	app := found(retail+"?month=2026-10&by=app", `/ui/tenant/[^"]*/resource/[^"]*`)
	charge := found(app, `/ui/charge/[^"?]*`)
	return map[string]string{
		"sign-in": "/ui/sign-in", "tenants": "/ui/tenants?month=2026-10", "tenants-none": "/ui/tenants?search=nobody",
		"year": "/ui/year", "tenant": bookshop + "?month=2026-11", "tenant-final": bookshop + "?month=2026-09",
		"tenant-spaces": retail + "?month=2026-10&by=space", "tenant-empty": retail + "?month=2026-12",
		"space": found(retail+"?month=2026-10&by=space", `/ui/tenant/[^"]*/entries[^"]*`), "app": app, "charge": charge,
		"correction": found(bookshop+"?month=2026-11", `/ui/charge/[^"?]*`), "event": found(charge, `/ui/event/[^"]*`),
		"running": bookshop + "/running", "statements": bookshop + "/statements",
		"statements-none": retail + "/statements", "statement": found(bookshop+"/statements", `/ui/statements/[^"]*`),
		"foundations": "/ui/operate", "holds": "/ui/operate/holds", "unrated": "/ui/operate/unrated",
		"anomalies": "/ui/operate/anomalies", "months": "/ui/operate/months", "catalogues": "/ui/operate/catalogues",
		"closing": "/ui/operate/months/2026-10/closing?foundation=demo", "publish": "/ui/operate/publish",
		"reopening": "/ui/operate/months/2026-10/reopening?foundation=trove-wiki",
		"verify":    "/ui/operate/verify", "reconcile": "/ui/operate/reconcile",
		"quarantine": "/ui/operate/quarantine", "quarantined": "/ui/operate/quarantine/1",
		"catalogue": found("/ui/operate/catalogues", `/ui/operate/catalogues/[^"]*`), "what-if": "/ui/operate/what-if",
	}
}

// screenshots is the folder of the screenshots; empty for none.
func screenshots() string { return os.Getenv("DAYBOOK_SCREENSHOTS") }

// aView is a window and its colours.
type aView struct {
	width int64
	dark  bool
}

func (v aView) String() string {
	if v.dark {
		return fmt.Sprintf("-%d-dark", v.width)
	}
	return fmt.Sprintf("-%d-light", v.width)
}

// views are a desk's in light and a phone's in dark colours; for screenshots the other two as well.
func views() []aView {
	all := []aView{{1280, false}, {390, true}}
	if screenshots() != "" {
		all = append(all, aView{1280, true}, aView{390, false})
	}
	return all
}

var _ = Describe("To the eye, the pages", func() {
	It("are without a fault in light and dark, at a desk and on a phone, and ask no other host", func(ctx SpecContext) {
		if testing.Short() {
			Skip("the browser is a package of its own")
		}
		const password = "a long password"
		b, err := chrome.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		s := demonstrated(ctx)
		s.named(ctx)
		of := s.withPages(ctx, password)
		w := of.opened(b)
		w.account("ann", password)
		for name, page := range of.looks(password) {
			w.to(page)
			w.at("/ui/")
			for _, view := range views() {
				Expect(w.View(view.width, view.dark)).To(Succeed())
				faults, err := w.Faults()
				Expect(err).NotTo(HaveOccurred(), "%s %+v", name, view)
				Expect(faults).To(BeEmpty(), "%s %+v", name, view)
				if folder := screenshots(); folder != "" {
					Expect(w.Screenshot(filepath.Join(folder, name+view.String()+".png"))).To(Succeed())
				}
			}
			Expect(w.Complaints()).To(BeEmpty(), name)
		}
	})
})
