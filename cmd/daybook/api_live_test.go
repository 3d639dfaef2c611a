package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// heard reads events of a stream: the ids, in order.
type heard struct {
	lines *bufio.Scanner
	close func()
}

// hear opens the live stream of charges behind an event; without one, of new ones.
func (a *asked) hear(ctx context.Context, url, after string) *heard {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/live/charges", nil)
	Expect(err).NotTo(HaveOccurred())
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	response, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.StatusCode).To(Equal(http.StatusOK))
	Expect(response.Header.Get("Content-Type")).To(Equal("text/event-stream"))
	h := &heard{bufio.NewScanner(response.Body), func() { cancel(); _ = response.Body.Close() }}
	h.lines.Buffer(nil, 1<<20)
	Expect(h.lines.Scan()).To(BeTrue())
	Expect(h.lines.Text()).To(HavePrefix("retry: "))
	DeferCleanup(h.close)
	return h
}

// next is the next event; an empty id at the end of the stream.
func (h *heard) next() (id string, charge answers.Charge) {
	GinkgoHelper()
	for h.lines.Scan() {
		field, value, _ := strings.Cut(h.lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "data":
			Expect(json.Unmarshal([]byte(value), &charge)).To(Succeed())
			return id, charge
		}
	}
	return "", charge
}

var _ = Describe("Live charges", func() {
	var s *site
	var a *asked
	var url string
	post := func(ctx context.Context, facts ...string) {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(strings.Join(facts, "\n")), 0o600)).To(Succeed())
		s.ran("collect", "file", "--foundation", "eu", "--order", "given", "--horizon", "2026-05-20T12:00:00Z", file)
		s.work(ctx, timeline.CutDay)
	}
	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", prices)
		post(ctx, appFact("e1", "2026-05-01T09:00:00Z", "STARTED"))
		a = s.ask(ctx)
		server := httptest.NewServer(a.handler)
		DeferCleanup(server.Close)
		url = server.URL
	})

	It("come as they are posted, and go on behind the last one that was seen", func(ctx SpecContext) {
		fresh := a.hear(ctx, url, "")
		before, at := a.totals()
		Expect(before).NotTo(BeEmpty())
		post(ctx, appFact("e2", "2026-05-10T11:00:00Z", "STOPPED"))
		a.posted(ctx)
		all, end := a.pages(1000, func() {})
		var ids []string
		for seen := len(ids); seen < len(all); seen++ {
			if all[seen].Sequence <= at.Billing {
				continue
			}
			id, charge := fresh.next()
			Expect(charge).To(Equal(all[seen]))
			ids = append(ids, id)
		}
		Expect(ids).NotTo(BeEmpty())
		Expect(end.Billing).To(BeNumerically(">", at.Billing))
		for i := range ids[:len(ids)-1] {
			again := a.hear(ctx, url, ids[i])
			id, charge := again.next()
			Expect(id).To(Equal(ids[i+1]))
			Expect(charge).To(Equal(all[len(all)-len(ids)+i+1]))
			again.close()
		}
	})
	It("show nobody what is not theirs", func(ctx SpecContext) {
		a.as(auth.Access{Tenants: map[events.Owner]auth.Rights{
			{Foundation: "eu"}: auth.Read, {Foundation: "eu", Tenant: "O"}: auth.Read,
		}})
		all := a.hear(ctx, url, "1-0")
		id, _ := all.next()
		Expect(id).NotTo(BeEmpty())
		a.as(auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: "us", Tenant: "O"}: auth.Read}})
		none := a.hear(ctx, url, "1-0")
		a.as(auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: "us", Tenant: "P"}: auth.Read}})
		id, _ = none.next() // until the access is looked at again
		Expect(id).To(BeEmpty())
		a.as(auth.Access{})
		Expect(a.do(http.MethodGet, "/v1/live/charges", nil).Code).To(Equal(http.StatusNotFound))
	})
	It("have the ledger's position beside them, which moves when something is posted", func(ctx SpecContext) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/live/positions", nil)
		Expect(err).NotTo(HaveOccurred())
		response, err := http.DefaultClient.Do(r)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(response.Body.Close)
		Expect(response.StatusCode).To(Equal(http.StatusOK))
		lines := bufio.NewScanner(response.Body)
		next := func() (at answers.Position) {
			GinkgoHelper()
			for lines.Scan() {
				if value, is := strings.CutPrefix(lines.Text(), "data: "); is {
					Expect(json.Unmarshal([]byte(value), &at)).To(Succeed())
					return at
				}
			}
			Fail("the stream ended")
			return at
		}
		_, at := a.totals()
		Expect(next()).To(Equal(at))
		post(ctx, appFact("e2", "2026-05-10T11:00:00Z", "STOPPED"))
		a.posted(ctx)
		_, moved := a.totals()
		Expect(moved.Billing).To(BeNumerically(">", at.Billing))
		Eventually(next).Should(Equal(moved))
		a.as(auth.Access{})
		for lines.Scan() { // it ends where the access has changed
			Expect(lines.Text()).NotTo(ContainSubstring("data"))
		}
	})
	It("end with the token", func(ctx SpecContext) {
		access := everything()
		access.Expires = time.Now().Add(50 * time.Millisecond)
		a.as(access)
		id, _ := a.hear(ctx, url, "").next()
		Expect(id).To(BeEmpty())
	})
	It("refuse an id that is none", func() {
		for _, id := range []string{"x", "0-0", "1", "1-0 ", "999999-0", "-1-0"} {
			w := a.do(http.MethodGet, "/v1/live/charges", nil, "Last-Event-ID", id)
			Expect(w.Code).To(Equal(http.StatusUnprocessableEntity), id)
		}
	})
})
