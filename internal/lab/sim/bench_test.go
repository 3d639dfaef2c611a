package sim_test

import (
	"testing"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// BenchmarkWorld reports how fast a month of 200,000 events is made.
func BenchmarkWorld(b *testing.B) {
	events, size := 0, 0
	for b.Loop() {
		world, err := sim.NewWorld(sim.Config{
			Seed: 1, Orgs: 50, Spaces: 150, Apps: 3000, Services: 600, Instances: 300,
			Events: 200_000,
		})
		if err != nil {
			b.Fatal(err)
		}
		for e := range world.Events {
			events++
			size += len(e.JSON)
		}
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(size)/float64(events), "bytes/event")
}
