package proof_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/acts"
	collect "github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// TestReconciledFoundations loses rows of foundations at random: starts, stops, scalings, changes
// of plans. After a reconciliation that settles, METERED runs what the platform runs, each change
// lies in the bounds that its act states, and nothing is billed twice.
func TestReconciledFoundations(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	first, last := scale.Seeds(t)
	if os.Getenv(scale.SeedsVariable) == "" {
		last = first + 2
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := newReconciled(t, seed, key)
			r.lose(0.1)
			r.live(2 * 24 * time.Hour)
			r.turn(cc.StandardKnobs())
			r.live(4 * time.Hour)
			r.sim.Do(func(p *sim.Platform) { // without one no listing tells that a task is gone
				p.RunTask(p.CreateTask(p.Apps[0], "stays", 64))
			})
			for i := range 5 {
				planned := r.round()
				var allow []reconcile.Allowance
				for _, refused := range planned.Plan.Refused { // a person looks, and allows them
					allow = append(allow, reconcile.Allowance{Kind: refused.Kind, Count: refused.Count})
				}
				r.service = r.newService(name, reconcile.Settle, allow...)
				if planned.Dry == "" != (i > 0) {
					t.Fatalf("round %d is dry for %q", i, planned.Dry)
				}
				r.pass(reconcile.DefaultSettle + time.Minute)
			}
			r.pass(time.Hour)
			r.judge()
			r.sim.Do(func(p *sim.Platform) { // the usage summary counts one of them, and not the other
				p.CreateTask(p.Apps[0], "pending", 64)
				canceling := p.CreateTask(p.Apps[0], "canceling", 64)
				p.RunTask(canceling)
				p.CancelTask(canceling)
			})
			if c := r.compare(); !c.Agrees {
				t.Error(c.Text())
			}
		})
	}
}

// reconciled is a foundation that is collected, metered and reconciled on a bus.
type reconciled struct {
	*testing.T
	sim       *cc.Foundation
	bus       *bus.Bus
	collector *collect.Collector
	projector *projector.Projector
	inner     service.Platform
	service   *service.Service
	last      *plans.Planned
	url       string       // of the foundation
	droplets  atomic.Int64 // requests for lists of them
}

func newReconciled(t *testing.T, seed uint64, key *rsa.PrivateKey) *reconciled {
	t.Helper()
	r := &reconciled{T: t}
	start := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	var err error
	r.sim, err = cc.New(cc.Config{Key: key, World: sim.Config{
		Seed: seed, Orgs: 2, Spaces: 3, Apps: 12, Services: 6, Instances: 1, Start: start, End: start.AddDate(0, 0, 2),
		Events: 400,
	}})
	r.must(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/v3/droplets" {
			r.droplets.Add(1)
		}
		r.sim.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	streams, err := bus.StartServer(bus.ServerConfig{DataDir: t.TempDir(), Listen: "127.0.0.1:0"})
	r.must(err)
	t.Cleanup(streams.Shutdown)
	ctx, cancel := context.WithCancel(context.Background())
	r.bus, err = bus.Connect(ctx, bus.Config{URL: streams.URL(), Timeout: scale.Patience})
	r.must(err)
	t.Cleanup(r.bus.Close)
	r.must(r.bus.EnsureStreams(ctx, bus.StreamsConfig{}))
	r.collector, err = collect.New(collect.Config{Foundations: []collect.Foundation{{
		Name: name, API: server.URL, ClientID: "daybook", ClientSecret: "daybook-secret", Complete: true,
	}}}, collect.Deps{Store: collect.OnBus(r.bus), Log: slog.New(slog.DiscardHandler)})
	r.must(err)
	t.Cleanup(r.collector.Close)
	r.projector, err = projector.New(projector.Config{}, projector.Deps{
		Bus: r.bus, Log: slog.New(slog.DiscardHandler),
	})
	r.must(err)
	ended := make(chan error, 1)
	go func() { ended <- r.projector.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	r.restart(reconcile.Settle)
	return r
}

// restart makes the reconciliation anew, as a new process does.
func (r *reconciled) restart(act reconcile.Act) {
	r.Helper()
	inspector, err := cf.New(cf.Config{Retake: time.Millisecond, API: cfapi.Config{
		Foundation: name, API: r.url, ClientID: "daybook", ClientSecret: "daybook-secret",
	}}, cfapi.Deps{})
	r.must(err)
	r.Cleanup(inspector.Close)
	r.inner = service.OnCF(inspector, &service.Droplets{Bus: r.bus, Foundation: name, Now: r.sim.Now})
	r.service = r.newService(name, act)
}

// newService makes a reconciliation of a foundation that enacts in one way, and allows numbers of
// stops.
func (r *reconciled) newService(foundation string, act reconcile.Act, allow ...reconcile.Allowance) *service.Service {
	r.Helper()
	return r.newServiceOf(foundation, reconcile.Rules{Acts: []reconcile.ActRule{{Act: act}}, Allow: allow})
}

// newServiceOf makes a reconciliation of a foundation by rules.
func (r *reconciled) newServiceOf(foundation string, rules reconcile.Rules) *service.Service {
	r.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("DAYBOOK_PROOF_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	s, err := service.New(service.Config{
		Source: events.SourceCF, Foundation: foundation, Patience: scale.Patience, Enacting: scale.Patience,
		Rules: rules,
	}, service.Deps{Bus: r.bus, Platform: r, Now: r.sim.Now, Log: log})
	r.must(err)
	return s
}

func (r *reconciled) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *reconciled) turn(knobs cc.Knobs) {
	r.Helper()
	r.must(r.sim.SetKnobs(knobs))
}

// lose has rows be lost without a trace.
func (r *reconciled) lose(rate float64) {
	r.Helper()
	knobs := r.sim.Knobs()
	knobs.LostRate = rate
	r.turn(knobs)
}

// live lets time pass, with a poll every two hours.
func (r *reconciled) live(d time.Duration) {
	r.Helper()
	for end := r.sim.Now().Add(d); r.sim.Now().Before(end); {
		r.pass(2 * time.Hour)
	}
}

// pass lets time pass, collects, and waits until all of it is metered.
func (r *reconciled) pass(d time.Duration) {
	r.Helper()
	r.sim.Advance(r.sim.Now().Add(d))
	r.must(r.collector.Poll(context.Background()))
	usage, err := r.bus.Stream(context.Background(), events.StreamUsage)
	r.must(err)
	r.must(r.projector.Wait(context.Background(), usage.Last))
}

// round reconciles once.
func (r *reconciled) round() *plans.Planned {
	r.Helper()
	planned, err := r.service.Round(context.Background(), false)
	r.must(err)
	r.last = planned
	return planned
}

// Inspect implements service.Platform. Time passes behind it, so that METERED comes to it.
func (r *reconciled) Inspect(ctx context.Context, billed *reconcile.Blueprint, after uint64, buildpacks bool) (
	*reconcile.Floorplan, error,
) {
	f, err := r.inner.Inspect(ctx, billed, after, buildpacks)
	r.pass(10 * time.Minute)
	return f, err
}

// Look implements service.Platform.
func (r *reconciled) Look(ctx context.Context, of []reconcile.Material, buildpacks bool) ([]reconcile.Sight, error) {
	return r.inner.Look(ctx, of, buildpacks)
}

// Sums implements service.Platform. Time passes behind it, so that METERED comes to it.
func (r *reconciled) Sums(ctx context.Context) (*service.Sums, error) {
	sums, err := r.inner.Sums(ctx)
	r.pass(10 * time.Minute)
	return sums, err
}

// compare compares sums, once.
func (r *reconciled) compare() *plans.Comparison {
	r.Helper()
	c, err := r.service.Compare(context.Background())
	r.must(err)
	return c
}

// observations are those of USAGE.
func (r *reconciled) observations() (all []events.Observation) {
	r.Helper()
	r.must(acts.List(context.Background(), r.bus, events.ActObservation, "", func(a *acts.Act) error {
		all = append(all, a.Observation)
		return nil
	}))
	return all
}

// metered is all of METERED.
func (r *reconciled) metered() *outcome {
	r.Helper()
	o := newOutcome()
	_, err := r.bus.Each(context.Background(), events.StreamMetered, 1, bus.End, bus.ReadOptions{},
		func(m *bus.Stored) error {
			if m.Subject == events.MeteredHorizonSubject(events.SourceCF, name) {
				var h events.Horizon
				err := h.DecodeJSON(m.Data)
				o.horizon = h.Time
				return err
			}
			if m.Header(events.HeaderType) != events.TypeMetered {
				return nil
			}
			var all events.Metered
			if err := all.DecodeJSON(m.Data); err != nil {
				return err
			}
			o.apply(&all)
			return nil
		})
	r.must(err)
	return o
}

// judge compares METERED with the truth.
func (r *reconciled) judge() {
	r.Helper()
	o := r.metered()
	for _, wrong := range o.wrong {
		r.Error(wrong)
	}
	truth := map[resource][]sim.Span{}
	for _, s := range r.sim.Truth() {
		at := resource{s.Kind, s.Resource}
		truth[at] = append(truth[at], s)
	}
	r.judgeRunning(o, truth)
	r.judgeOverlaps(o)
	for _, o := range r.observations() {
		r.judgeBounds(&o, truth[resource{o.Kind, o.Resource}])
	}
}

// judgeRunning compares what is billed at the end with what runs.
func (r *reconciled) judgeRunning(o *outcome, truth map[resource][]sim.Span) {
	r.Helper()
	billed := map[resource]sim.Footprint{}
	for _, spans := range o.running {
		for i := range spans {
			if s := &spans[i]; s.Kind != events.KindStaging {
				billed[resource{s.Kind, s.Resource}] = inWordsOfSim(s.Footprint)
			}
		}
	}
	for at, spans := range truth {
		last := sim.Span{}
		for _, s := range spans {
			if !s.Start.After(o.horizon) && (s.End.IsZero() || s.End.After(o.horizon)) {
				last = s
			}
		}
		f, runs := billed[at]
		switch {
		case at.kind == events.KindStaging:
		case last.Kind != "" && !runs:
			r.Errorf("%s %s runs, and is not billed", at.kind, at.id)
		case last.Kind == "" && runs:
			r.Errorf("%s %s does not run, and is billed", at.kind, at.id)
		case runs && (f.Instances != last.Footprint.Instances || f.MemoryMB != last.Footprint.MemoryMB ||
			f.PlanGUID != last.Footprint.PlanGUID):
			r.Errorf("%s %s runs as %s, and is billed as %s", at.kind, at.id, brief(last.Footprint), brief(f))
		}
		delete(billed, at)
	}
	for at := range billed {
		r.Errorf("%s %s is billed, and never was", at.kind, at.id)
	}
	if r.Failed() {
		r.Logf("the last plan: %d remodels, notes: %+v", len(r.last.Plan.Remodels), r.last.Plan.Notes)
		r.Logf("listings: %+v, report: %+v", r.last.Plan.Listings, r.last.Report)
	}
}

// judgeOverlaps looks for resources that are billed twice at a time.
func (r *reconciled) judgeOverlaps(o *outcome) {
	r.Helper()
	all := map[resource][]events.Span{}
	add := func(s *events.Span) {
		all[resource{s.Kind, s.Resource}] = append(all[resource{s.Kind, s.Resource}], *s)
	}
	for _, s := range o.spans {
		add(&s)
	}
	for _, spans := range o.running {
		for i := range spans {
			add(&spans[i])
		}
	}
	before := func(a, b *events.Span) bool { return !a.End.IsZero() && !a.End.After(b.Start) }
	for at, spans := range all {
		for i := range spans {
			for j := range i {
				if !before(&spans[i], &spans[j]) && !before(&spans[j], &spans[i]) {
					r.Errorf("%s %s is billed twice: %s and %s", at.kind, at.id, show(&spans[i]), show(&spans[j]))
				}
			}
		}
	}
}

// judgeBounds compares the time of an observation with the truth.
func (r *reconciled) judgeBounds(o *events.Observation, truth []sim.Span) {
	r.Helper()
	running := -1
	ended := time.Time{}
	for i, s := range truth {
		if !s.Start.After(o.Seen) && (s.End.IsZero() || s.End.After(o.Seen)) {
			running = i
		}
		if !s.End.IsZero() && !s.End.After(o.Seen) {
			ended = s.End
		}
	}
	wrong := func(word string, at time.Time) {
		r.Errorf("%s %s, seen %s at %s: %s at %s, and the act says %s, between %s and %s", o.Kind, o.Resource,
			o.Finding, events.FormatTime(o.Seen), word, events.FormatTime(at), events.FormatTime(o.At),
			events.FormatTime(o.NotBefore), events.FormatTime(o.NotAfter))
	}
	within := func(at time.Time) bool {
		return !at.Before(o.NotBefore.Add(-foreman.Skew)) && !at.After(o.NotAfter.Add(foreman.Skew))
	}
	switch {
	case o.Finding == events.FindingGone && running >= 0:
		wrong("it runs since", truth[running].Start)
	case o.Finding == events.FindingGone && o.At.After(ended.Add(foreman.Skew)):
		wrong("it ended earlier,", ended)
	case o.Finding == events.FindingGone && !within(ended):
		wrong("it ended", ended)
	case o.Finding == events.FindingRunning && running < 0:
		wrong("it had ended", ended)
	case o.Finding == events.FindingRunning && !within(truth[running].Start):
		wrong("it took up its size", truth[running].Start)
	}
}
