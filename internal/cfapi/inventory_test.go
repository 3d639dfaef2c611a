package cfapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

var _ = Describe("an errand", func() {
	var f *cc.Foundation
	var cfg cfapi.Config
	var retried []string
	var most int
	BeforeEach(func() {
		retried, most = nil, 1000
		var err error
		f, err = cc.New(cc.Config{World: sim.Config{
			Seed: 3, Orgs: 2, Spaces: 4, Apps: 25, Services: 9, Instances: 1, Events: 3000,
		}})
		Expect(err).NotTo(HaveOccurred())
		f.Advance(f.Now().Add(8 * 24 * time.Hour))
		server := httptest.NewServer(f)
		DeferCleanup(server.Close)
		cfg = cfapi.Config{
			Foundation: "f", API: server.URL, ClientID: "daybook", ClientSecret: "daybook-secret", ListSize: 4,
			RetryWait: time.Microsecond,
		}
	})
	begin := func() *cfapi.Errand {
		GinkgoHelper()
		c, err := cfapi.New(cfg, cfapi.Deps{Retried: func(reason string) { retried = append(retried, reason) }})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c.Errand(most)
	}
	turn := func(turn func(*cc.Knobs)) {
		k := f.Knobs()
		turn(&k)
		Expect(f.SetKnobs(k)).To(Succeed())
	}
	var beside map[string]int
	list := func(e *cfapi.Errand, name string, query url.Values) (guids []string, l cfapi.Listed, err error) {
		beside = map[string]int{}
		l, err = e.List(context.Background(), name, query, func(collection string, _ []byte) { beside[collection]++ },
			func(r cfapi.Row) error { guids = append(guids, r.GUID); return nil })
		return guids, l, err
	}
	living := func() (guids []string) {
		f.Do(func(p *sim.Platform) {
			for _, a := range p.Apps {
				guids = append(guids, a.GUID)
			}
		})
		return guids
	}

	It("lists each resource once, with what is included, at the API's time", func() {
		e := begin()
		guids, l, err := list(e, "apps", url.Values{"include": {"space.organization"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(guids).To(ConsistOf(living()))
		Expect(l.Moved()).To(BeFalse())
		Expect(l.Rows).To(Equal(len(guids)))
		Expect(beside["spaces"]).To(BeNumerically(">", 1))
		Expect(beside["organizations"]).To(BeNumerically(">", 1))
		Expect(e.Begun()).To(Equal(f.Now().Truncate(time.Second)))
		Expect(e.Requests()).To(BeNumerically(">=", len(guids)/4))
	})

	It("lists what was made in one second, on more than one page", func() {
		f.Do(func(p *sim.Platform) {
			for i := range 11 {
				p.CreateApp(p.Spaces[0], "", fmt.Sprint("same-", i), sim.Buildpack{})
			}
		})
		guids, l, err := list(begin(), "apps", nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(guids).To(ConsistOf(living()))
		Expect(l.Moved()).To(BeFalse())
	})

	It("leaves out nothing that lives, whatever is deleted and made between two pages", func() {
		before := living()
		turn(func(k *cc.Knobs) { k.PageDeletes, k.PageCreates = 1, 0.5 })
		guids, _, err := list(begin(), "apps", nil)
		Expect(err).NotTo(HaveOccurred())
		turn(func(k *cc.Knobs) { k.PageDeletes, k.PageCreates = 0, 0 })
		old := 0
		for _, guid := range living() {
			if slices.Contains(before, guid) {
				old++
				Expect(guids).To(ContainElement(guid))
			}
		}
		Expect(old).To(And(BeNumerically(">", 5), BeNumerically("<", len(before))))
	})

	It("notes that a list changed, and that rows are missing", func() {
		turn(func(k *cc.Knobs) { k.PageCreates = 1 })
		_, l, err := list(begin(), "service_instances", nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Moved()).To(BeTrue())
		Expect(l.Most).To(BeNumerically(">", l.Least))
	})

	It("is told by the usage summary whether its token reads everything", func() {
		e := begin()
		s, err := e.Summary(context.Background())
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Instances).To(BeNumerically(">", 5))
		Expect(s.MemoryMB).To(BeNumerically(">", s.Instances))
		Expect(s.Services).To(BeNumerically(">", 2))
		Expect(s.Date).To(Equal(f.Now().Truncate(time.Second)))
		turn(func(k *cc.Knobs) { k.ScopeAfter = 1 })
		_, err = e.Summary(context.Background())
		Expect(err).NotTo(HaveOccurred())
		_, err = e.Summary(context.Background())
		Expect(err).To(MatchError(cfapi.ErrNoGlobalRead))
	})

	It("tells a resource that is not there from an endpoint that is not", func() {
		e := begin()
		guid := living()[0]
		r, err := e.Resource(context.Background(), "apps/"+guid, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(r.Raw)).To(HavePrefix(`{`))
		Expect(string(r.Raw)).To(ContainSubstring(guid))
		_, err = e.Resource(context.Background(), "apps/none", nil)
		Expect(cfapi.NotFound(err)).To(BeTrue())
		Expect(cfapi.UnknownEndpoint(err)).To(BeFalse())
		_, err = e.Resource(context.Background(), "nothing", nil)
		Expect(cfapi.NotFound(err)).To(BeFalse())
		Expect(cfapi.UnknownEndpoint(err)).To(BeTrue())
	})

	It("uses a tenth of what the rate limit leaves, and then says until when", func() {
		turn(func(k *cc.Knobs) { k.RateLimit, k.RetryAfter = 60, cc.Duration(10*time.Minute) })
		e := begin()
		_, _, err := list(e, "apps", nil)
		var wait *cfapi.WaitError
		Expect(errors.As(err, &wait)).To(BeTrue(), "%v", err)
		Expect(wait.Until).To(BeTemporally("~", time.Now().Add(10*time.Minute), time.Minute))
		Expect(err).To(MatchError(ContainSubstring("one in 10")))
		Expect(e.Requests()).To(BeNumerically("<=", 6))
	})

	It("makes at most as many requests as it may", func() {
		most = 2
		e := begin()
		_, _, err := list(e, "apps", nil)
		Expect(err).To(MatchError(ContainSubstring("has made its 2 requests")))
		Expect(e.Requests()).To(Equal(2))
	})

	It("waits as long as a 429 asks, and reads on", func() {
		turn(func(k *cc.Knobs) { k.RateLimitRate, k.RetryAfter = 0.3, 0 })
		guids, _, err := list(begin(), "processes", nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(guids).NotTo(BeEmpty())
		Expect(retried).To(ContainElement("rate_limited"))
	})

	It("asks again for a damaged page, and for a list without a total", func() {
		n := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			answers := []string{
				`{"pagination":{"next":null},"resources":[]}`, `{"pagination":{"total_results":1`, ``,
				`{"pagination":{"total_results":1,"next":null},"resources":[{"guid":"a","created_at":"2026-05-01T11:00:00Z"}]}`,
			}
			fmt.Fprint(w, answers[min(n, len(answers))-1])
		}))
		DeferCleanup(server.Close)
		cfg.API, cfg.Token, cfg.ClientID = server.URL, "bearer t", ""
		guids, l, err := list(begin(), "apps", nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(guids).To(Equal([]string{"a"}))
		Expect(l).To(Equal(cfapi.Listed{Rows: 1, Least: 1, Most: 1}))
		Expect(retried).To(Equal([]string{"malformed_answer", "malformed_answer", "malformed_answer"}))
	})
})
