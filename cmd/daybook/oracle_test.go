package main

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/redact"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// The whole path without a server, against worlds that know the truth about themselves: lines →
// facts → spans → charges. The worlds' truth and bill are computed by internal/lab/sim, which calls
// nothing of the path.

// TestWorldsTellTheTruth lives through worlds of three days, for each way of cutting.
func TestWorldsTellTheTruth(t *testing.T) {
	prices, err := catalogue.Check("sim", []byte(sim.Catalogue()))
	if err != nil {
		t.Fatal(err)
	}
	first, last := scale.Seeds(t)
	for _, cut := range []timeline.Cut{timeline.CutNone, timeline.CutDay} {
		t.Run(string(cut), func(t *testing.T) {
			t.Parallel()
			for seed := first; seed <= last; seed++ {
				p := newPath(t, cut, prices)
				world := p.live(seed)
				p.compareSpans(seed, world)
				p.compareBill(seed, world)
				if t.Failed() {
					return
				}
			}
			scale.Figure(t, "%d worlds of Cloud Foundry and Trove, cut %s: spans and bill are the true ones",
				last-first+1, cut)
		})
	}
}

// path is collector, projector and pricer without a server.
type path struct {
	*testing.T
	prices   *catalogue.Catalogue
	meter    *projector.Meter
	book     *pricer.Book
	sequence uint64
	spans    map[string]events.Span
	bill     map[[2]string]events.Decimal // by tenant and kind
}

func newPath(t *testing.T, cut timeline.Cut, prices *catalogue.Catalogue) *path {
	t.Helper()
	meter, err := projector.NewMeter(projector.Config{Cut: cut})
	if err != nil {
		t.Fatal(err)
	}
	p := &path{
		T: t, prices: prices, meter: meter, book: pricer.NewBook(),
		spans: map[string]events.Span{}, bill: map[[2]string]events.Decimal{},
	}
	if err := p.book.Catalogue(&events.Catalogue{Version: "1", YAML: sim.Catalogue()}, "catalogue",
		p.post); err != nil {
		t.Fatal(err)
	}
	return p
}

// skews are the clock skews of a foundation's API servers.
var skews = [4][]time.Duration{1: {0, 40 * time.Second}, 2: {
	-90 * time.Second, 2500 * time.Millisecond,
	3 * time.Minute,
}}

func (p *path) live(seed uint64) *sim.World {
	start := time.Date(2026, 10, 30, 20, 0, 0, 0, time.UTC) // across the end of a month
	world, err := sim.NewWorld(sim.Config{
		Seed: seed, Orgs: 2, Spaces: 3, Apps: 5, Services: 3, Instances: 2, Start: start,
		End: start.Add(72 * time.Hour), Events: 250,
		Exists: seed%2 == 0, Drain: seed%3 == 0, Clocks: skews[seed%4],
	})
	if err != nil {
		p.Fatal(err)
	}
	var horizon time.Time
	for e := range world.Events {
		u, err := file.Normalise(file.DefaultFoundation, e.JSON)
		if err != nil {
			p.Fatalf("world %d: %v\n%s", seed, err, e.JSON)
		}
		p.sequence++
		p.meter.Fact(&u, p.sequence, p.metered)
		// A horizon now and then, as collectors publish it. Trove's boundaries lie before its
		// messages.
		if p.sequence%17 == 0 && u.Time.After(horizon) {
			horizon = u.Time
			p.reach(u.Source, horizon)
		}
	}
	cf, trove := newest(world)
	p.reach(events.SourceCF, cf)
	p.reach(events.SourceTrove, trove)
	return world
}

// newest is when a world's two sources end: at whole seconds, for which no charge needs rounding.
func newest(world *sim.World) (cf, trove time.Time) {
	cf, trove = world.Newest()
	return cf, trove.Truncate(time.Second).Add(time.Second)
}

func (p *path) reach(source string, at time.Time) {
	p.sequence++
	p.meter.Horizon(&events.Horizon{Source: source, Foundation: file.DefaultFoundation, Time: at}, p.sequence,
		p.metered)
}

// metered takes a message of METERED.
func (p *path) metered(m *events.Metered) {
	for i := range m.Retracted {
		delete(p.spans, m.Retracted[i].ID)
	}
	for _, s := range m.Closed {
		p.spans[s.ID] = s
	}
	if anomalies := p.book.Metered(m, p.post); len(anomalies) > 0 {
		p.Fatal(anomalies)
	}
}

// post takes entries of BILLING.
func (p *path) post(e *pricer.Entries) {
	if len(e.Unrated) > 0 {
		p.Errorf("unrated: %v", e.Unrated)
	}
	for i := range e.Charges {
		p.add(e.Charges[i].Tenant, e.Charges[i].Kind, e.Charges[i].Amount)
	}
}

func (p *path) add(tenant, kind string, amount events.Decimal) {
	key := [2]string{tenant, kind}
	p.bill[key] = p.bill[key].Add(amount)
}

// accrued are the running spans at the end, up to the horizon of their source.
func (p *path) accrued() []events.Span {
	return slices.Concat(p.meter.Accrued(events.SourceCF, file.DefaultFoundation), p.meter.Accrued(events.SourceTrove,
		file.DefaultFoundation))
}

func (p *path) compareSpans(seed uint64, world *sim.World) {
	cf, trove := newest(world)
	var found, truth []sim.Span
	for _, s := range p.spans {
		found = append(found, known(s))
	}
	for _, s := range p.accrued() {
		found = append(found, known(s))
	}
	for _, s := range world.Truth() {
		if s.End.IsZero() {
			if s.End = cf; s.Kind == sim.KindInstance || s.Kind == sim.KindVolume {
				s.End = trove
			}
		}
		if s.Start.Before(s.End) {
			s.App, s.Space, s.SpaceName, s.Name = "", "", "", "" // labels may change while a span lasts
			s.Footprint.Buildpack = redact.URL(s.Footprint.Buildpack)
			truth = append(truth, s)
		}
	}
	found, truth = sim.Merge(sim.Sort(found)), sim.Merge(truth)
	if len(truth) < 30 {
		p.Errorf("world %d: only %d spans to compare", seed, len(truth))
	}
	for i := range max(len(found), len(truth)) {
		if i >= len(found) || i >= len(truth) || found[i] != truth[i] {
			p.Fatalf("world %d: span %d of %d and %d differs:\nfound %+v\ntruth %+v", seed, i, len(found), len(truth),
				at(found, i), at(truth, i))
		}
	}
}

func at(spans []sim.Span, i int) sim.Span {
	if i < len(spans) {
		return spans[i]
	}
	return sim.Span{}
}

// known is a span in the words of the simulator.
func known(s events.Span) sim.Span {
	f := s.Footprint
	return sim.Span{
		Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Start: s.Start, End: s.End,
		Footprint: sim.Footprint{
			Instances: int(f.Instances.Or(0)), MemoryMB: int(f.MemoryMB.Or(0)), VolumeGB: int(f.VolumeGB.Or(0)),
			ProcessType: f.ProcessType, Buildpack: f.Buildpack, BuildpackGUID: f.BuildpackGUID,
			Plan: f.Plan, PlanGUID: f.PlanGUID, Offering: f.Offering, OfferingGUID: f.OfferingGUID, Broker: f.Broker,
			BrokerGUID: f.BrokerGUID,
			Flavor:     f.Flavor, FlavorID: f.FlavorID, Datastore: f.Datastore, DatastoreID: f.DatastoreID,
			Region:           f.Region,
			AvailabilityZone: f.AvailabilityZone,
		},
	}
}

// compareBill holds the charges to the world's own bill, to the last digit.
func (p *path) compareBill(seed uint64, world *sim.World) {
	for _, s := range p.accrued() {
		lines, unrated := rating.Rate(p.prices, file.DefaultFoundation, &s)
		if len(unrated) > 0 {
			p.Errorf("world %d: unrated: %v", seed, unrated)
		}
		for i := range lines {
			p.add(s.Tenant, s.Kind, lines[i].Amount)
		}
	}
	truth := world.Platform().TrueBill(newest(world))
	sum := new(big.Rat)
	for tenant, kinds := range truth {
		for kind, want := range kinds {
			got, ok := new(big.Rat).SetString(p.bill[[2]string{tenant, kind}].String())
			if !ok || got.Cmp(want) != 0 {
				p.Errorf("world %d: %s of %s cost %s, the true bill says %s", seed, kind, tenant, got.RatString(),
					want.FloatString(15))
			}
			sum.Add(sum, want)
		}
	}
	total := events.Decimal{}
	for _, amount := range p.bill {
		total = total.Add(amount)
	}
	if got, ok := new(big.Rat).SetString(total.String()); !ok || got.Cmp(sum) != 0 || sum.Sign() == 0 {
		p.Errorf("world %d: all cost %s, the true bill says %s", seed, total, sum.FloatString(15))
	}
}
