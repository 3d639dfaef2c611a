package e2e_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// listed are the guids of a list's events in the API's order.
func listed(f *cc.Foundation, list cc.List) []string {
	GinkgoHelper()
	var guids []string
	for _, row := range f.Rows(list) {
		guids = append(guids, row.GUID)
	}
	return guids
}

// collected are the guids of a list's events in the order of USAGE.
func collected(ctx context.Context, b *bus.Bus) map[string][]string {
	GinkgoHelper()
	guids := map[string][]string{}
	messages(ctx, b, events.StreamUsage, func(m *bus.Stored) {
		if m.Header(events.HeaderType) != events.TypeUsage {
			return
		}
		var u events.Usage
		Expect(u.DecodeJSON(m.Data)).To(Succeed())
		var raw struct {
			GUID string `json:"guid"`
		}
		Expect(json.Unmarshal(u.Raw, &raw)).To(Succeed())
		list := events.ListOf(u.Kind)
		guids[list] = append(guids[list], raw.GUID)
	})
	return guids
}

var _ = Describe("A foundation's collector, killed at random moments", Serial, func() {
	BeforeEach(notShort)

	It("puts every event into USAGE once, in the API's order", func(ctx context.Context) {
		random := newRand()
		began := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		foundation, err := cc.New(cc.Config{World: sim.Config{
			Seed: 5, Start: began, End: began.AddDate(0, 0, 20),
			Events: 12_000,
		}})
		Expect(err).NotTo(HaveOccurred())
		foundation.Advance(began.AddDate(0, 0, 21))
		api := httptest.NewServer(foundation)
		DeferCleanup(api.Close)
		wanted := map[string][]string{
			events.ListApp:     listed(foundation, cc.AppEvents),
			events.ListService: listed(foundation, cc.ServiceEvents),
		}
		total := uint64(len(wanted[events.ListApp]) + len(wanted[events.ListService]))
		Expect(total).To(BeNumerically(">", 9_000))

		url, _ := serve(GinkgoT().TempDir())
		b := connect(ctx, url)
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		collect := func() *gexec.Session {
			return start("collect", "cf", "--api", api.URL, "--nats", url, "--cf-client-id", "daybook",
				"--cf-client-secret", "daybook-secret",
				"--cf-page-size", "97", "--cf-min-wait", "0s", "--cf-schedule", "1s")
		}
		kills := scale.Kills(GinkgoT())
		for range kills {
			state, err := b.Stream(ctx, events.StreamUsage)
			Expect(err).NotTo(HaveOccurred())
			session := collect()
			reaching, cancel := until(ctx, session)
			if random.IntN(4) == 0 || state.Last >= total { // in its start, or when it has nothing left to do
				time.Sleep(time.Duration(random.Int64N(int64(startTime))))
			} else {
				at := state.Last + 1 + random.Uint64N(total/uint64(kills))
				Expect(moment{events.StreamUsage, state.Last, at}.reached(reaching, b)).To(Succeed())
			}
			cancel()
			session.Kill().Wait(patience)
		}
		session := collect()
		Eventually(func(g Gomega) {
			_, err := b.Last(ctx, events.StreamUsage, events.UsageHorizonSubject(events.SourceCF, "cf"))
			g.Expect(err).NotTo(HaveOccurred())
			state, err := b.Stream(ctx, events.StreamUsage)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(state.Last).To(BeNumerically(">=", total))
			g.Expect(collected(ctx, b)).To(Equal(wanted))
		}).WithPolling(20 * pollEvery).Should(Succeed())
		stop(session)
		scale.Figure(GinkgoT(), "a Cloud Foundry collector, killed %d times: %d events once each, in the API's order",
			kills,
			total)
	})
})
