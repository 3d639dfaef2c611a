package proof_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile"
)

// TestDroplets counts the lists of droplets of a foundation that is reconciled once an hour. There
// is none while no plan in force looks at the buildpack, and one a day while one does, whoever
// restarts. An app whose start was lost between two of them has its buildpack all the same.
func TestDroplets(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r := newReconciled(t, 1, key)
	r.live(24 * time.Hour)
	publish := func(version, text string) {
		t.Helper()
		_, err := acts.PublishCatalogue(context.Background(), r.bus, &acts.Publication{
			Version: version, YAML: text, By: "ann", At: r.sim.Now(),
		})
		r.must(err)
	}
	rounds := func(n int, lists int64, when string) {
		t.Helper()
		before := r.droplets.Load()
		for range n {
			r.restart(reconcile.Settle) // nothing that is kept in a process counts
			r.round()
			r.pass(50 * time.Minute) // and ten in a round
		}
		if got := r.droplets.Load() - before; got != lists {
			t.Errorf("%s: %d lists of droplets in %d rounds, and there should be %d", when, got, n, lists)
		}
	}
	rounds(3, 0, "without a catalogue")
	flat := strings.ReplaceAll(sim.Catalogue(), `buildpack: "java*"`, `process_type: "java*"`)
	if flat == sim.Catalogue() {
		t.Fatal("the prices of the simulator do not look at the buildpack java*")
	}
	publish("flat", flat)
	rounds(3, 0, "with prices that do not look at the buildpack")
	publish("by-buildpack", sim.Catalogue())
	rounds(12, 1, "with prices by the buildpack")

	r.lose(1)
	var started *sim.App
	r.sim.Do(func(p *sim.Platform) {
		java := p.Buildpacks[0]
		for _, b := range p.Buildpacks {
			if strings.HasPrefix(b.Name, "java") {
				java = b
			}
		}
		started = p.CreateApp(p.Spaces[0], "", "lost", java, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64})
		p.StartApp(started)
	})
	r.lose(0)
	rounds(10, 0, "on the same day")
	for _, o := range r.observations() {
		if o.Resource == started.GUID {
			started = nil
			if !strings.HasPrefix(o.Footprint.Buildpack, "java") || o.Footprint.BuildpackGUID == "" {
				t.Errorf("the app whose start was lost is observed with the buildpack %q", o.Footprint.Buildpack)
			}
		}
	}
	if started != nil {
		t.Error("the app whose start was lost was not found")
	}
	rounds(4, 1, "on the next day")
	publish("flat", flat)
	rounds(26, 0, "with the former prices in force again")
}
