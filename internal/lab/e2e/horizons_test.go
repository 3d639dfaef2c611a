package e2e_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/ledger"
)

// The month of a foundation passes in so many steps, of a minute each under `make proof`.
const (
	shortSteps = 5
	proofSteps = 10
)

// horizons are what one of the answers says about the foundation; empty where it does not say.
type horizons struct{ Collected, Metered, Charged string }

// instant is a time in one form.
func instant(g Gomega, text string) string {
	GinkgoHelper()
	at, err := time.Parse(time.RFC3339Nano, text)
	g.Expect(err).NotTo(HaveOccurred(), "a horizon")
	return events.FormatTime(at)
}

// foundationFields are the fields of a foundation in the API's answers.
type foundationFields struct {
	Metered string `json:"metered_through"`
	Charged string `json:"charged_through"`
}

// askedHorizons asks the API's status and bill, the commands status and bill, and the metrics.
func askedHorizons(ctx context.Context, g Gomega, nats, api, checks string) map[string]horizons {
	GinkgoHelper()
	all := map[string]horizons{}
	var status struct {
		Foundations []foundationFields
		Collectors  []struct {
			Horizon string
			Metered string `json:"metered_through"`
		}
	}
	code, text := get(ctx, api+"/v1/status")
	g.Expect(code).To(Equal(200), text)
	g.Expect(json.Unmarshal([]byte(text), &status)).To(Succeed())
	g.Expect(status.Foundations).To(HaveLen(1))
	g.Expect(status.Collectors).To(HaveLen(1))
	all["GET /v1/status"] = horizons{
		instant(g, status.Collectors[0].Horizon), instant(g, status.Foundations[0].Metered),
		instant(g, status.Foundations[0].Charged),
	}
	all["GET /v1/status, its collectors"] = horizons{Metered: instant(g, status.Collectors[0].Metered)}

	var bill struct{ Foundations []foundationFields }
	code, text = get(ctx, api+"/v1/bill")
	g.Expect(code).To(Equal(200), text)
	g.Expect(json.Unmarshal([]byte(text), &bill)).To(Succeed())
	all["GET /v1/bill"] = horizons{
		Metered: instant(g, bill.Foundations[0].Metered), Charged: instant(g, bill.Foundations[0].Charged),
	}

	var overview struct {
		Horizon string
		Metered string `json:"metered_through"`
	}
	// The first line has the collector; whether the platform agrees stands behind it.
	lines := json.NewDecoder(strings.NewReader(run("status", "--nats", nats, "--format", "json")))
	g.Expect(lines.Decode(&overview)).To(Succeed())
	all["daybook status"] = horizons{Collected: instant(g, overview.Horizon), Metered: instant(g, overview.Metered)}

	var printed struct {
		Horizons []struct{ Metered, Charged string }
	}
	g.Expect(json.Unmarshal([]byte(run("bill", "--nats", nats, "--format", "json")), &printed)).To(
		Succeed())
	g.Expect(printed.Horizons).To(HaveLen(1))
	all["daybook bill"] = horizons{
		Metered: instant(g, printed.Horizons[0].Metered), Charged: instant(g, printed.Horizons[0].Charged),
	}

	_, text = get(ctx, checks+"/metrics")
	least := int64(1) << 62
	for _, m := range regexp.MustCompile(`(?m)^daybook_cf_horizon_seconds\{.*\} (\S+)$`).FindAllStringSubmatch(text, -1) {
		seconds, err := strconv.ParseFloat(m[1], 64)
		g.Expect(err).NotTo(HaveOccurred())
		least = min(least, int64(seconds*1e6+0.5))
	}
	all["metrics"] = horizons{Collected: events.FormatTime(time.UnixMicro(least))}
	return all
}

// positions are the ends of the streams.
func positions(ctx context.Context, b *bus.Bus) (usage uint64, at ledger.Positions) {
	GinkgoHelper()
	for stream, to := range map[string]*uint64{
		events.StreamUsage: &usage, events.StreamMetered: &at.Metered, events.StreamBilling: &at.Billing,
	} {
		state, err := b.Stream(ctx, stream)
		Expect(err).NotTo(HaveOccurred())
		*to = state.Last
	}
	return usage, at
}

var _ = Describe("A month of a foundation in daybook up", Serial, func() {
	BeforeEach(notShort)

	It("has the same horizons in every answer, at the same positions", func(ctx context.Context) {
		steps, pause := shortSteps, time.Duration(0)
		if os.Getenv(scale.KillsVariable) != "" {
			steps, pause = proofSteps, time.Minute
		}
		began := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		foundation, err := cc.New(cc.Config{World: sim.Config{
			Seed: 8, Start: began, End: began.AddDate(0, 1, 1), Events: 3_000,
		}})
		Expect(err).NotTo(HaveOccurred())
		foundation.Advance(began.Add(time.Hour))
		platform := httptest.NewServer(foundation)
		DeferCleanup(platform.Close)
		session := start("up", "--cf", platform.URL, "--cf-client-id", "daybook", "--cf-client-secret",
			"daybook-secret", "--cf-min-wait", "0s", "--cf-schedule", "1s", "--data", GinkgoT().TempDir(),
			"--catalogue", file("rates.yaml", sim.Catalogue()), "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0",
			"--http", "127.0.0.1:0")
		nats, checks := natsURL(session), httpURL(session)
		api := "http://" + awaitOutput(session, session.Err, `the API is listening"? .*address"?[=:]"?([0-9.:]+)`)
		b := connect(ctx, nats)
		month := began.AddDate(0, 1, 0).Sub(began)
		for step := 1; step <= steps; step++ {
			begun := time.Now()
			to := began.Add(month * time.Duration(step) / time.Duration(steps))
			foundation.Advance(to)
			Eventually(func(g Gomega) {
				usage, at := positions(ctx, b)
				all := askedHorizons(ctx, g, nats, api, checks)
				after, now := positions(ctx, b)
				g.Expect(after).To(Equal(usage), "facts were collected meanwhile")
				g.Expect(now).To(Equal(at), "something was charged meanwhile")
				first := all["GET /v1/status"]
				g.Expect(first.Collected >= events.FormatTime(to.Add(-24*time.Hour))).To(BeTrue(), "%v", first)
				g.Expect(first.Metered).To(Equal(first.Collected))
				for name, h := range all {
					for _, pair := range [][2]string{
						{h.Collected, first.Collected}, {h.Metered, first.Metered}, {h.Charged, first.Charged},
					} {
						g.Expect(pair[0]).To(BeElementOf("", pair[1]), name)
					}
				}
			}).WithTimeout(patience).WithPolling(20*pollEvery).Should(Succeed(), "step %d", step)
			time.Sleep(time.Until(begun.Add(pause))) // of a minute under make proof, which is the month's pace
		}
		scale.Figure(GinkgoT(), "a month of a foundation in %d steps: status, bill and metrics name the same horizons",
			steps)
		stop(session)
	})
})
