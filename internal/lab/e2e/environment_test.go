package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// paasBilling is the environment of alphagov/paas-billing's collector, its fourteen names, for the
// foundation with this API.
func paasBilling(api string) map[string]string {
	return map[string]string{
		"DATABASE_URL":               "postgres://user:pass@127.0.0.1:5432/billing",
		"CF_API_ADDRESS":             api,
		"CF_CLIENT_ID":               "daybook",
		"CF_CLIENT_SECRET":           "daybook-secret",
		"CF_CLIENT_REDIRECT_URL":     "http://localhost:8881/oauth/callback",
		"CF_USERNAME":                "operator",
		"CF_PASSWORD":                "password",
		"CF_SKIP_SSL_VALIDATION":     "true",
		"CF_TOKEN":                   "bearer expired",
		"CF_USER_AGENT":              "paas-billing",
		"COLLECTOR_DEFAULT_SCHEDULE": "1m",
		"COLLECTOR_MIN_WAIT_TIME":    "10ms",
		"COLLECTOR_FETCH_LIMIT":      "50",
		"COLLECTOR_RECORD_MIN_AGE":   "7m",
	}
}

// seen has the requests to a foundation's lists.
type seen struct {
	http.Handler
	mu     sync.Mutex
	agents map[string]bool
	sizes  map[string]bool // per_page
}

// ServeHTTP implements http.Handler.
func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "_usage_events") {
		s.mu.Lock()
		s.agents[r.UserAgent()], s.sizes[r.URL.Query().Get("per_page")] = true, true
		s.mu.Unlock()
	}
	s.Handler.ServeHTTP(w, r)
}

var _ = Describe("The environment of alphagov/paas-billing", func() {
	var api *seen
	var server *httptest.Server
	var wanted map[string][]string
	began := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	horizon := began.Add(10*24*time.Hour - 7*time.Minute)
	BeforeEach(func() {
		foundation, err := cc.New(cc.Config{World: sim.Config{Seed: 2, Start: began, Events: 300, Apps: 8}})
		Expect(err).NotTo(HaveOccurred())
		foundation.Advance(began.Add(10 * 24 * time.Hour))
		api = &seen{Handler: foundation, agents: map[string]bool{}, sizes: map[string]bool{}}
		server = httptest.NewTLSServer(api) // its certificate is nobody's
		DeferCleanup(server.Close)
		wanted = map[string][]string{}
		for name, list := range map[string]cc.List{
			events.ListApp: cc.AppEvents, events.ListService: cc.ServiceEvents,
		} {
			for _, row := range foundation.Rows(list) {
				if !row.CreatedAt.After(horizon) {
					wanted[name] = append(wanted[name], row.GUID)
				}
			}
		}
	})

	// up runs daybook up in an empty folder, with the environment alone.
	up := func(env map[string]string) *gexec.Session {
		GinkgoHelper()
		cmd := command(daybook, "up", "--listen", "127.0.0.1:0")
		cmd.Dir = GinkgoT().TempDir()
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { session.Kill().Wait(patience) })
		return session
	}

	DescribeTable("is all that daybook up needs", func(ctx context.Context, without ...string) {
		env := paasBilling(server.URL)
		for _, name := range without {
			delete(env, name)
		}
		session := up(env)
		b := connect(ctx, natsURL(session))
		Eventually(func(g Gomega) {
			m, err := b.Last(ctx, events.StreamUsage, events.UsageHorizonSubject(events.SourceCF, "cf"))
			g.Expect(err).NotTo(HaveOccurred())
			var h events.Horizon
			g.Expect(h.DecodeJSON(m.Data)).To(Succeed())
			g.Expect(h.Time).To(Equal(horizon))
		}).WithPolling(pollEvery).Should(Succeed())
		Expect(collected(ctx, b)).To(Equal(wanted))
		Eventually(func() error {
			_, err := b.Last(ctx, events.StreamMetered, events.MeteredHorizonSubject(events.SourceCF, "cf"))
			return err
		}).WithPolling(pollEvery).Should(Succeed())
		stop(session)
		Expect(api.agents).To(HaveLen(1))
		Expect(api.agents).To(HaveKey("paas-billing"))
		Expect(api.sizes).To(HaveLen(1))
		Expect(api.sizes).To(HaveKey("50"))
		for _, secret := range []string{env["CF_CLIENT_SECRET"], env["CF_TOKEN"]} {
			Expect(secret == "" || !strings.Contains(string(session.Err.Contents()), secret)).To(BeTrue())
		}
	},
		Entry("with all fourteen names"),
		Entry("with its required names", "CF_USERNAME", "CF_PASSWORD", "CF_TOKEN"),
		Entry("with a user in place of a client", "CF_CLIENT_ID", "CF_CLIENT_SECRET", "CF_TOKEN"),
	)

	It("is told name by name in the documentation, with what is different", func() {
		text, err := os.ReadFile(filepath.Join(root, "docs", "cloud-foundry.md"))
		Expect(err).NotTo(HaveOccurred())
		_, part, found := strings.Cut(string(text), "\n## Coming from paas-billing\n")
		Expect(found).To(BeTrue())
		part, _, _ = strings.Cut(part, "\n## ")
		for name := range paasBilling("") {
			Expect(part).To(MatchRegexp("(?m)^\\| `%s` \\| \\S+", name))
		}
	})
})
