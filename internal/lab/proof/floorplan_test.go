package proof_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
)

// TestFloorplan compares the footprints, names and places of what runs in a foundation, as the
// inspector finds it, with those of the newest fact about each, as the collector makes it: they are
// the same, field by field.
func TestFloorplan(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f, err := cc.New(cc.Config{World: sim.Config{
		Seed: 11, Orgs: 3, Spaces: 6, Apps: 25, Services: 10, Instances: 1, Events: 4000, Quirks: true,
	}})
	g.Expect(err).NotTo(HaveOccurred())
	f.Advance(f.Now().Add(8 * 24 * time.Hour))
	// What was renamed, and what was given another droplet, says so with its next event.
	f.Do(func(p *sim.Platform) {
		for _, a := range p.Apps {
			if a.Started {
				p.RestartApp(a)
			}
		}
		for _, s := range p.Services {
			p.RenameService(s, s.Name+"-renamed")
		}
	})
	newest := map[string]events.Usage{}
	for _, list := range []cc.List{cc.AppEvents, cc.ServiceEvents} {
		for _, row := range f.Rows(list) {
			var d jsondoc.Document
			g.Expect(d.Parse(row.JSON)).To(Succeed())
			u, err := usageevent.FromDocument("eu", &d)
			g.Expect(err).NotTo(HaveOccurred())
			if u.Kind != events.KindStaging {
				newest[u.Kind+" "+u.Resource] = u
			}
		}
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	i, err := cf.New(cf.Config{API: cfapi.Config{
		Foundation: "eu", API: server.URL, ClientID: "daybook", ClientSecret: "daybook-secret",
	}}, cfapi.Deps{})
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(i.Close)
	plan, err := i.Inspect(context.Background(), cf.Ask{Droplets: cf.NoShelf{}})
	g.Expect(err).NotTo(HaveOccurred())
	counted := map[string]int{}
	packs := map[string]int{}
	for j := range plan.Materials {
		m := &plan.Materials[j]
		u, is := newest[m.Kind+" "+m.Resource]
		g.Expect(is).To(BeTrue(), "%s %s", m.Kind, m.Resource)
		g.Expect(m.Footprint).To(Equal(u.Footprint), "%s %s", m.Kind, m.Resource)
		g.Expect([]string{m.App, m.Tenant, m.Space, m.SpaceName}).To(Equal([]string{
			u.App, u.Tenant, u.Space, u.SpaceName,
		}))
		if m.Kind != events.KindTask {
			g.Expect(m.Name).To(Equal(u.Name))
		}
		counted[m.Kind]++
		packs[m.Footprint.Buildpack]++
	}
	g.Expect(counted[events.KindApp]).To(BeNumerically(">", 10))
	g.Expect(counted[events.KindService]).To(BeNumerically(">", 5))
	g.Expect(len(packs)).To(BeNumerically(">", 3))
}
