package proof_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/projector"
)

// TestBaselines begins to collect 40 days after an app, a task and a service instance began to run,
// long after the API pruned their beginnings. With the baselines of cloud_controller_ng's pull
// request 5210 they are billed from the baseline on, or from the epoch; without them a gap covers
// the unknown time before.
func TestBaselines(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	baseline := start.AddDate(0, 0, 35)
	for _, c := range []struct {
		name     string
		backfill bool
		epoch    time.Time
		from     time.Time // of the bill; zero for none
	}{
		{name: "with baselines", backfill: true, from: baseline},
		{
			name: "with baselines and an epoch after them", backfill: true, epoch: baseline.AddDate(0, 0, 2),
			from: baseline.AddDate(0, 0, 2),
		},
		{name: "without baselines"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &foundation{T: t}
			f.sim, err = cc.New(cc.Config{Key: key, World: sim.Config{
				Apps: 1, Orgs: 1, Spaces: 1, Services: 1,
				Instances: 1, Events: 1, Start: start, End: start.AddDate(0, 2, 0),
			}})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(f.sim)
			defer server.Close()
			f.url = server.URL
			f.sim.Advance(start.Add(time.Hour))
			var ran [3]string
			f.sim.Do(func(p *sim.Platform) {
				space := p.AddSpace(p.AddOrg("", "org"), "", "space")
				app := p.CreateApp(space, "", "old", sim.Buildpack{GUID: "b", Name: "ruby"},
					sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 256})
				p.StartApp(app)
				task := p.CreateTask(app, "migrate", 128)
				p.RunTask(task)
				service := p.CreateService(space, "", "db", p.Plans[0])
				ran = [3]string{app.GUID, task.GUID, service.GUID}
			})
			f.sim.Advance(start.AddDate(0, 0, 20))
			f.sim.Do(func(p *sim.Platform) { // the newest row of a list is always kept: these are newer
				p.CreateService(p.Spaces[0], "", "newer", nil)
				p.StartApp(p.CreateApp(p.Spaces[0], "", "newer", sim.Buildpack{}, sim.ProcessSpec{
					Type:      "web",
					Instances: 1, MemoryMB: 64,
				}))
			})
			f.sim.Advance(baseline)
			if c.backfill {
				f.sim.Backfill()
			}
			f.sim.Advance(start.AddDate(0, 0, 40))
			f.store = newStore(nil, f.sim.Now)
			f.begin()
			defer f.collector.Close()
			if err := f.collector.Poll(context.Background()); err != nil {
				t.Fatal(err)
			}
			o := f.meter(projector.Config{Epoch: map[string]time.Time{events.SourceCF: c.epoch}})

			if len(o.wrong) > 0 {
				t.Error(o.wrong)
			}
			billed := map[string]events.Span{} // by resource: the first span, or the running one
			note := func(s events.Span) {
				if was, ok := billed[s.Resource]; !ok || s.Start.Before(was.Start) {
					billed[s.Resource] = s
				}
			}
			for _, s := range o.spans {
				note(s)
			}
			for _, spans := range o.running {
				for _, s := range spans {
					note(s)
				}
			}
			for _, guid := range ran {
				s, ok := billed[guid]
				switch {
				case c.from.IsZero() && ok:
					t.Errorf("%s is billed from %s: nothing at the API said that it ran", guid, s.Start)
				case c.from.IsZero():
				case !ok:
					t.Errorf("%s runs and is not billed", guid)
				case !s.Start.Equal(c.from) || s.Flags&events.InferredStart == 0:
					t.Errorf("%s %s is billed from %s with flags %v; the baseline or the epoch is %s", s.Kind, guid,
						s.Start, s.Flags.Names(), c.from)
				}
			}
			for _, list := range []string{events.ListApp, events.ListService} {
				said := false
				for _, g := range o.gaps {
					said = said || g.List == list && g.From.IsZero() && g.Reason != "" &&
						(!c.backfill || strings.Contains(g.Reason, "WAS_RUNNING"))
				}
				if !said {
					t.Errorf("no gap says that what the %s list reported before is not known: %v", list, o.gaps)
				}
			}
		})
	}
}
