package e2e_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/stage"
)

var _ = Describe("Killed at random moments, a replay", Serial, func() {
	BeforeEach(notShort)

	It("is finished by the services when they start, and the bill is as if it had never been "+
		"another", func(ctx context.Context) {
		random, w := newRand(), manyApps(2500)
		data := filepath.Join(GinkgoT().TempDir(), "data")
		run(append(w.up(data), "--cut", "month")...)
		fresh := run(append(w.up(filepath.Join(GinkgoT().TempDir(), "fresh")), "--cut", "day")...)

		url, stopServer := serve(data)
		b := connect(ctx, url)
		replay := []string{"replay", "projector", "--cut", "day", "--nats", url}
		interrupted, kills := 0, scale.Kills(GinkgoT())
		for range kills {
			state, err := b.Stream(ctx, events.StreamMetered)
			Expect(err).NotTo(HaveOccurred())
			session := start(replay...)
			ending, cancel := until(ctx, session)
			// or it has ended
			_ = moment{events.StreamMetered, state.Last, state.Last + 1 + random.Uint64N(1000)}.reached(ending, b)
			session.Kill().Wait(patience)
			cancel()
			after, err := b.Stream(ctx, events.StreamMetered)
			Expect(err).NotTo(HaveOccurred())
			if last, err := b.Get(ctx, events.StreamMetered, after.Last); err == nil &&
				strings.HasPrefix(last.Header(stage.HeaderLogic), "unfinished") {
				interrupted++
			}
		}
		b.Close()
		stopServer()

		bill := run("up", "--once", "--log-level", "debug", "--data", data, "--listen", "127.0.0.1:0", "--cut", "day")
		Expect(amounts(bill)).To(Equal(amounts(fresh)))
		url, _ = serve(data)
		run("verify", "--deep", "--nats", url)
		Expect(run("replay", "--cut", "day", "--nats", url)).To(And(ContainSubstring("METERED: everything is as"),
			ContainSubstring("BILLING: everything is as")))
		scale.Figure(GinkgoT(), "a replay, killed %d times, %d of them in its middle: the bill is that of a "+
			"fresh start",
			kills, interrupted)
	})
})

// manyApps is a workload with a replay of several batches: each app has a subject of its own.
func manyApps(apps int) workload {
	GinkgoHelper()
	world, err := sim.NewWorld(sim.Config{Seed: 7, Events: 5 * apps, Apps: apps})
	Expect(err).NotTo(HaveOccurred())
	var lines bytes.Buffer
	for e := range world.Events {
		lines.Write(e.JSON)
		lines.WriteByte('\n')
	}
	return workload{file("events.jsonl", lines.String()), file("prices.yaml", sim.Catalogue())}
}

// amounts are the totals of a bill, each month and tenant before its own.
func amounts(bill string) []string {
	var totals []string
	for line := range strings.Lines(bill) {
		if fields := strings.Fields(line); len(fields) > 2 && (fields[0] == "total" || fields[1] == "tenant") {
			totals = append(totals, strings.Join(fields, " "))
		}
	}
	return totals
}
