package assembler_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Assembler")
}

// fate is what becomes of one write, and of the process with it.
type fate string

const (
	killedBefore fate = "not stored, and killed"
	killedBehind fate = "stored, and killed before the answer"
	requestLost  fate = "not stored, and the answer lost"
	answerLost   fate = "stored, and the answer lost"
)

var errKilled = errors.New("killed")

// site is a NATS server whose writes have fates.
type site struct {
	*bus.Bus
	fates  map[int]fate // by the number of the write
	writes int
}

func newSite(ctx context.Context) *site {
	GinkgoHelper()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(b.Close)
	Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	return &site{Bus: b, fates: map[int]fate{}}
}

func (s *site) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	f := s.fates[s.writes]
	s.writes++
	switch f {
	case killedBefore:
		return 0, errKilled
	case requestLost:
		return 0, bus.ErrOutcomeUnknown
	}
	last, err := s.Bus.Append(ctx, stream, msgs, expect)
	switch {
	case err != nil:
	case f == killedBehind:
		return 0, errKilled
	case f == answerLost:
		return 0, bus.ErrOutcomeUnknown
	}
	return last, err
}

// facts are the observations of USAGE in their order, as resource and finding.
func (s *site) facts(ctx context.Context) (all []string) {
	GinkgoHelper()
	Expect(acts.List(ctx, s.Bus, events.ActObservation, "", func(a *acts.Act) error {
		all = append(all, a.Observation.Resource+" "+a.Observation.Finding)
		return nil
	})).To(Succeed())
	return all
}

var now = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func material(resource string, instances uint32) *reconcile.Material {
	return &reconcile.Material{
		Kind: events.KindApp, Resource: resource, App: resource, Tenant: "t", Space: "s", Name: resource,
		Footprint: events.Footprint{Instances: events.Some(instances), MemoryMB: events.Some(64)},
		Since:     now.Add(-time.Hour),
	}
}

func app(resource string) reconcile.Key {
	return reconcile.Key{Kind: events.KindApp, Resource: resource}
}

// world is a platform and METERED, as far as an assembler sees them.
type world struct {
	site   *site
	plan   *reconcile.Plan
	sights map[reconcile.Key]reconcile.Sight
	billed map[string]*reconcile.Material
	waits  []uint64
	now    time.Time
	mute   bool // METERED has no effect of anything
}

// newWorld has a plan with a missing start, a drift and a missing stop.
func newWorld(s *site) *world {
	p := &reconcile.Plan{
		Source: "cf", Foundation: "eu", Made: now, Expires: now.Add(reconcile.Life), Seen: now,
		Floorplan: "f", Rules: "r",
	}
	w := &world{site: s, plan: p, sights: map[reconcile.Key]reconcile.Sight{}, now: now}
	w.billed = map[string]*reconcile.Material{"drift": material("drift", 1), "stop": material("stop", 1)}
	add := func(t reconcile.Type, stage reconcile.Stage, billed, there *reconcile.Material) {
		one := billed
		if one == nil {
			one = there
		}
		key := one.Key()
		p.Remodels = append(p.Remodels, reconcile.Remodel{
			Type: t, Stage: stage, Act: reconcile.Settle,
			Key: key, Billed: billed, There: there, At: now.Add(-time.Minute),
		})
		sight := reconcile.Sight{Key: key, Seen: now, There: there != nil}
		if there != nil {
			sight.Material = *there
		}
		w.sights[key] = sight
	}
	add(reconcile.MissingStart, reconcile.Starts, nil, material("start", 1))
	add(reconcile.FootprintDrift, reconcile.Changes, w.billed["drift"], material("drift", 2))
	add(reconcile.MissingStop, reconcile.Stops, w.billed["stop"], nil)
	w.identify()
	return w
}

// identify gives the plan and its remodels their ids.
func (w *world) identify() {
	w.plan.ID = foreman.ID(w.plan)
	for i := range w.plan.Remodels {
		r := &w.plan.Remodels[i]
		r.ID = events.ID("remodel", w.plan.ID, r.Key.Kind, r.Key.Resource)
	}
}

func (w *world) assembler() *assembler.Assembler {
	return assembler.New(assembler.Config{AtOnce: 1, Patience: 50 * time.Millisecond}, assembler.Deps{
		Bus: w.site, Now: func() time.Time { return w.now },
		Look: func(_ context.Context, of []reconcile.Material) (all []reconcile.Sight, err error) {
			for i := range of {
				all = append(all, w.sights[of[i].Key()])
			}
			return all, nil
		},
		Draw: func(context.Context) (*reconcile.Blueprint, error) {
			b := &reconcile.Blueprint{}
			for _, m := range w.billed {
				b.Materials = append(b.Materials, *m)
			}
			return b, nil
		},
		Await: func(ctx context.Context, _, sequence uint64) error {
			if w.mute {
				<-ctx.Done()
				return ctx.Err()
			}
			w.waits = append(w.waits, sequence)
			return nil
		},
	})
}

func (w *world) enact(ctx context.Context) (*assembler.Report, error) {
	return w.assembler().Enact(ctx, w.plan, assembler.Word{By: "ann", Note: "after the outage"})
}

var _ = Describe("A plan", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(newSite(ctx)) })
	all := []string{"start running", "drift running", "stop gone"}

	It("is enacted stage by stage, and each stage waits for METERED", func(ctx SpecContext) {
		report, err := w.enact(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Stored).To(Equal(3))
		Expect(w.waits).To(Equal([]uint64{1, 2, 3}))
		Expect(w.site.facts(ctx)).To(Equal(all))
		Expect(report.Outcomes[2]).To(Equal(assembler.Outcome{
			Key: reconcile.Key{Kind: events.KindApp, Resource: "stop"}, Type: reconcile.MissingStop,
			Act: reconcile.Settle, Sequence: 3,
		}))
	})

	It("waits for the effect on a database alone: it is that on its volume, too", func(ctx SpecContext) {
		w.plan.Remodels = w.plan.Remodels[2:]
		for _, kind := range []string{events.KindInstance, events.KindVolume} {
			m := material("db", 1)
			m.Kind = kind
			w.billed[kind], w.sights[m.Key()] = m, reconcile.Sight{Key: m.Key(), Seen: now}
			r := w.plan.Remodels[0]
			r.Key, r.Billed = m.Key(), m
			w.plan.Remodels = append(w.plan.Remodels, r)
		}
		w.identify()
		report, err := w.enact(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Stored).To(Equal(3))
		Expect(w.site.facts(ctx)).To(Equal([]string{"stop gone", "db gone", "db gone"}))
		Expect(w.waits).To(Equal([]uint64{2}))
	})

	It("waits for METERED no longer than it may, and goes on when it is applied again", func(ctx SpecContext) {
		w.mute = true
		_, err := w.enact(ctx)
		var late *assembler.NotMeteredError
		Expect(errors.As(err, &late)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring("apply the same plan again")))
		Expect(w.site.facts(ctx)).To(Equal(all[:1]), "the stages behind it have to wait")
		w.mute = false
		Expect(w.enact(ctx)).To(HaveField("Stored", 2))
		Expect(w.site.facts(ctx)).To(Equal(all))
	})

	DescribeTable("has the same facts once, whatever becomes of a write", func(ctx SpecContext, f fate) {
		for write := range 3 {
			w := newWorld(newSite(ctx))
			w.site.fates[write] = f
			if _, err := w.enact(ctx); err != nil {
				Expect(err).To(MatchError(errKilled))
				_, err = w.enact(ctx) // another process
				Expect(err).NotTo(HaveOccurred())
			}
			Expect(w.enact(ctx)).To(HaveField("Stored", 0))
			Expect(w.site.facts(ctx)).To(Equal(all), "write %d", write)
		}
	},
		Entry(string(killedBefore), killedBefore), Entry(string(killedBehind), killedBehind),
		Entry(string(requestLost), requestLost), Entry(string(answerLost), answerLost),
	)

	DescribeTable("is reverted once, whatever becomes of the write", func(ctx SpecContext, f fate) {
		_, err := w.enact(ctx)
		Expect(err).NotTo(HaveOccurred())
		w.site.fates[w.site.writes] = f
		revert := func() (bool, error) {
			return w.assembler().Revert(ctx, "cf", "eu", w.plan.ID, assembler.Word{By: "bob", Note: "a mistake"})
		}
		if _, err := revert(); err != nil {
			Expect(err).To(MatchError(errKilled))
		}
		_, err = revert()
		Expect(err).NotTo(HaveOccurred())
		Expect(revert()).To(BeFalse())
		Expect(w.site.facts(ctx)).To(Equal(append(append([]string{}, all...), " reverted")))
		_, err = w.enact(ctx)
		Expect(err).To(MatchError(acts.ErrReverted))
	},
		Entry(string(killedBefore), killedBefore), Entry(string(killedBehind), killedBehind),
		Entry(string(requestLost), requestLost), Entry(string(answerLost), answerLost),
	)

	It("has the same facts once from two executors", func(ctx SpecContext) {
		other := newWorld(&site{Bus: w.site.Bus, fates: map[int]fate{}})
		var both sync.WaitGroup
		for _, w := range []*world{w, other} {
			both.Go(func() {
				defer GinkgoRecover()
				_, err := w.enact(ctx)
				Expect(err).NotTo(HaveOccurred())
			})
		}
		both.Wait()
		Expect(w.site.facts(ctx)).To(HaveLen(3))
		Expect(w.site.facts(ctx)).To(ConsistOf(all))
	})

	DescribeTable("is refused as a whole", func(ctx SpecContext, change func(w *world), problem error) {
		change(w)
		_, err := w.enact(ctx)
		Expect(err).To(MatchError(problem))
		Expect(err).To(MatchError(ContainSubstring("make another one")))
		Expect(w.site.facts(ctx)).To(BeEmpty())
	},
		Entry("when it is too old", func(w *world) { w.now = now.Add(reconcile.Life + 1) }, assembler.ErrExpired),
		Entry("with a longer life", func(w *world) { w.plan.Expires = now.Add(time.Hour) }, assembler.ErrChanged),
		Entry("with another floorplan", func(w *world) { w.plan.Floorplan = "g" }, assembler.ErrChanged),
		Entry("with another resource", func(w *world) { w.plan.Remodels[0].Key.Resource = "x" }, assembler.ErrChanged),
		Entry("with another act", func(w *world) { w.plan.Remodels[0].Act = reconcile.Hold }, assembler.ErrChanged),
		Entry("with another time", func(w *world) { w.plan.Remodels[2].At = now }, assembler.ErrChanged),
		Entry("with another order", func(w *world) {
			w.plan.Remodels[0], w.plan.Remodels[2] = w.plan.Remodels[2], w.plan.Remodels[0]
		}, assembler.ErrChanged),
		Entry("with a stop out of a report", func(w *world) { w.plan.Remodels[2].Stage = reconcile.Reports },
			assembler.ErrChanged),
	)

	DescribeTable("skips a remodel that is no longer so", func(ctx SpecContext, change func(w *world), place int,
		word string,
	) {
		change(w)
		report, err := w.enact(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Stored).To(Equal(2))
		Expect(report.Outcomes[place].Skipped).To(Equal(word))
		Expect(w.site.facts(ctx)).NotTo(ContainElement(all[place]))
	},
		Entry("it is billed by now", func(w *world) { w.billed["start"] = material("start", 1) }, 0,
			"it is billed by now"),
		Entry("it is gone", func(w *world) { w.sights[app("start")] = reconcile.Sight{Key: app("start")} }, 0,
			"it is gone"),
		Entry("its size", func(w *world) {
			s := w.sights[app("drift")]
			s.Material = *material("drift", 3)
			w.sights[app("drift")] = s
		}, 1, "it has another size"),
		Entry("its span", func(w *world) {
			w.billed["drift"] = material("drift", 1)
			w.billed["drift"].Since = now
		}, 1, "what is billed of it has changed"),
		Entry("it stopped", func(w *world) { delete(w.billed, "stop") }, 2, "it is not billed any more"),
		Entry("it is there", func(w *world) {
			s := w.sights[app("stop")]
			s.There = true
			w.sights[app("stop")] = s
		}, 2, "it is there"),
		Entry("a word that is gone", func(w *world) { w.plan.Remodels[2].Told = true }, 2,
			"the platform does not say any more that it has ended"),
		Entry("a doubt", func(w *world) {
			s := w.sights[app("stop")]
			s.Doubt = "the scope was lost"
			w.sights[app("stop")] = s
		}, 2, "the scope was lost"),
		Entry("an end since the listing", func(w *world) {
			s := w.sights[app("stop")]
			s.Ended = w.plan.Seen.Add(1)
			w.sights[app("stop")] = s
		}, 2, "it has changed since it was listed"),
		Entry("a beginning since the listing", func(w *world) {
			s := w.sights[app("start")]
			s.Began = w.plan.Seen.Add(1)
			w.sights[app("start")] = s
		}, 0, "it has changed since it was listed"),
		Entry("no answer", func(w *world) { w.sights[app("stop")] = reconcile.Sight{} }, 2,
			"the platform was not asked for it"),
	)
})
