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
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/cmd/daybook/collect"
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
	mu      sync.Mutex // for asker, where streams are open
	asker   auth.Access
	handler http.Handler
}

// as changes who asks while streams are open.
func (a *asked) as(access auth.Access) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asker = access
}

// Open implements api.Authenticator.
func (*asked) Open() bool { return true }

// Authenticate implements api.Authenticator.
func (a *asked) Authenticate(context.Context, *http.Request) (auth.Access, error) {
	return a.asker, nil
}

// everything is an access that may do all.
func everything() auth.Access { return auth.Access{Name: "ann", All: auth.Operate} }

// ask serves the API of a site, with a ledger in memory.
func (s *site) ask(ctx context.Context, with ...func(*api.Deps)) *asked {
	GinkgoHelper()
	books, log := memory.New(), slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	a := &asked{site: s, poster: ledger.NewPoster(s.bus, books, log), asker: everything()}
	deps := api.Deps{
		Reader: memory.NewReader(books, s.bus), Bus: s.bus, Authenticator: a, Version: "test", Log: log,
		Resubmit: collect.Resubmitter(s.bus),
	}
	for _, change := range with {
		change(&deps)
	}
	server, err := api.New(api.Config{CheckEvery: 100 * time.Millisecond}, deps)
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
