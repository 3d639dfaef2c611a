package main

import (
	"context"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// address waits for an address in a log.
func address(log *gbytes.Buffer, pattern string) (found string) {
	GinkgoHelper()
	Eventually(func() string {
		if match := regexp.MustCompile(pattern).FindSubmatch(log.Contents()); match != nil {
			found = string(match[1])
		}
		return found
	}).ShouldNot(BeEmpty())
	return found
}

var _ = Describe("daybook up with a foundation", func() {
	It("reconciles by itself: it is ready before, plans once, and holds then", func(ctx SpecContext) {
		scale.Long(Skip)
		c := newCloud(4, 5, 2)
		c.mu.Lock()
		c.still = 1 << 30 // METERED never comes to a listing
		c.mu.Unlock()
		r := &reconciled{folder: GinkgoT().TempDir()}
		running, stop := context.WithCancel(ctx)
		log, ended := gbytes.NewBuffer(), make(chan int, 1)
		args := []string{
			"up", "--cf", c.collected, "--cf-client-id", "daybook", "--cf-client-secret", "daybook-secret",
			"--cf-complete", "--cf-schedule", "50ms", "--cf-name", "eu", "--data", filepath.Join(r.folder, "data"),
			"--listen", "127.0.0.1:0", "--api", "", "--http", "127.0.0.1:0", "--reconcile-every", "100ms",
			"--reconcile-rules", r.file("rules.yaml", "settle: 1s\n"), "--reconcile-retake", "1ms",
		}
		go func() { ended <- runIn(running, args, strings.NewReader(""), log, log) }()
		DeferCleanup(func() {
			stop()
			Eventually(ended).Should(Receive(BeZero()), "%s", log.Contents())
		})
		nats := address(log, `url=(nats://[0-9.:]+)`)
		web := address(log, `health and metrics.*url=(http://[0-9.:]+)`)
		Eventually(func() int {
			response, err := http.Get(web + "/readyz")
			if err != nil {
				return 0
			}
			defer response.Body.Close()
			return response.StatusCode
		}).Should(Equal(http.StatusOK), "nothing was inspected yet")
		Expect(string(log.Contents())).NotTo(ContainSubstring("the foundation is reconciled"))

		c.mu.Lock()
		c.still = 0
		c.mu.Unlock()
		Eventually(log).Should(gbytes.Say(`the foundation is reconciled.*dry="it is the first one`))
		b, err := bus.Connect(ctx, bus.Config{URL: nats, Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		var gone []string
		c.lose(deleteApps(1, &gone))
		Eventually(func() (all []events.Observation) {
			Expect(acts.List(ctx, b, events.ActObservation, "eu", func(a *acts.Act) error {
				all = append(all, a.Observation)
				return nil
			})).To(Succeed())
			return all
		}).Should(ConsistOf(And(HaveField("Finding", events.FindingGone), HaveField("Resource", gone[0]),
			HaveField("Hold", true))))
	})
})
