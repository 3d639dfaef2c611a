package foreman_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

func TestForeman(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Foreman")
}

// noon is when the platform is listed; an hour before, it was listed, too.
var noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

// perGiB prices an app at 2.40 a day for each GiB; a service of the plan "free" costs nothing, and
// of "none" it has no price.
type perGiB struct{}

func (perGiB) PerDay(_ string, m *reconcile.Material, _ time.Time) ([]reconcile.Money, bool) {
	switch m.Footprint.Plan {
	case "none":
		return nil, true
	case "free":
		return []reconcile.Money{{Currency: "GBP", Amount: "0", VAT: "0"}}, false
	}
	mib := int64(m.Footprint.Instances.Or(1)) * int64(m.Footprint.MemoryMB.Or(1024))
	amount := events.NewDecimal(24*mib, -1).Mul(events.NewDecimal(9765625, -10))
	return []reconcile.Money{{
		Currency: "GBP", Amount: amount.String(), VAT: amount.Mul(events.NewDecimal(2, -1)).String(),
	}}, false
}

func app(resource string, instances uint32) reconcile.Material {
	return reconcile.Material{
		Kind: events.KindApp, Resource: resource, App: resource, Tenant: "org", Space: "space", SpaceName: "prod",
		Name: "shop-" + resource, Since: noon.Add(-48 * time.Hour), Proof: noon.Add(-48 * time.Hour),
		Footprint: events.Footprint{Instances: events.Some(instances), MemoryMB: events.Some(1024)},
		Evidence:  []byte(`{"guid":"` + resource + `"}`),
	}
}

// input is a comparison of what is billed with what is there, where the listing before is the same.
func input(billed, there []reconcile.Material) *foreman.Input {
	order := func(all []reconcile.Material) []reconcile.Material {
		all = slices.Clone(all)
		slices.SortFunc(all, func(a, b reconcile.Material) int { return a.Key().Compare(b.Key()) })
		return all
	}
	plan := func(at time.Time) *reconcile.Floorplan {
		f := &reconcile.Floorplan{
			Source: "cf", Foundation: "eu", Begun: at.Add(-time.Minute), Seen: at, AfterSequence: 7,
			Materials: order(there),
		}
		counts := map[string]int{}
		for i := range there {
			counts[there[i].Kind]++
		}
		for _, kind := range []string{events.KindApp, events.KindService, events.KindTask} {
			f.Listings = append(f.Listings, reconcile.Listing{Kind: kind, Count: counts[kind], Complete: true})
		}
		return f
	}
	in := &foreman.Input{
		Blueprint: &reconcile.Blueprint{
			Source: "cf", Foundation: "eu", Horizon: noon.Add(5 * time.Minute), Usage: 9, Metered: 11,
			Materials: order(billed),
		},
		Floorplan: plan(noon), Former: plan(noon.Add(-time.Hour)), Sights: map[reconcile.Key]reconcile.Sight{},
		Rules: &reconcile.Rules{Settle: 30 * time.Minute}, Prices: perGiB{}, Now: noon.Add(6 * time.Minute),
	}
	for i := range in.Floorplan.Materials {
		m := &in.Floorplan.Materials[i]
		m.Since = noon.Add(-24 * time.Hour) // updated since it was taken up
		in.Sights[m.Key()] = reconcile.Sight{Key: m.Key(), Seen: noon.Add(time.Minute), There: true, Material: *m}
	}
	for i := range billed {
		if key := billed[i].Key(); !in.Sights[key].There {
			in.Sights[key] = reconcile.Sight{Key: key, Seen: noon.Add(time.Minute)}
		}
	}
	return in
}

// some are apps that are billed and there.
func some(n int) (all []reconcile.Material) {
	for i := range n {
		all = append(all, app(fmt.Sprintf("same-%03d", i), 1))
	}
	return all
}

func settled(in *foreman.Input) *foreman.Input {
	in.Rules.Acts = []reconcile.ActRule{{Act: reconcile.Settle}}
	return in
}

// only is the one remodel of a plan.
func only(in *foreman.Input) *reconcile.Remodel {
	GinkgoHelper()
	plan := foreman.Make(in)
	Expect(plan.Remodels).To(HaveLen(1), "notes: %v", plan.Notes)
	return &plan.Remodels[0]
}

// noted are the texts of a plan without remodels.
func noted(in *foreman.Input) string {
	GinkgoHelper()
	plan := foreman.Make(in)
	Expect(plan.Remodels).To(BeEmpty())
	text := ""
	for _, n := range plan.Notes {
		text += n.Key.Resource + ": " + n.Text + "\n"
	}
	return text
}

var _ = Describe("A resource that is billed and gone", func() {
	var in *foreman.Input
	BeforeEach(func() { in = input(append(some(30), app("gone", 2)), some(30)) })

	It("is held from the last proof of life on, by default, with its money a day", func() {
		r := only(in)
		Expect(r).To(And(HaveField("Type", reconcile.MissingStop), HaveField("Act", reconcile.Hold),
			HaveField("Stage", reconcile.Stops), HaveField("At", noon.Add(-48*time.Hour)),
			HaveField("Stake", []reconcile.Money{{Currency: "GBP", Amount: "4.8", VAT: "0.96"}})))
		Expect(r.NotAfter).To(Equal(noon.Add(-time.Hour)), "it was missing an hour ago")
	})

	It("is held from the last listing with it on", func() {
		in.Proofs = map[reconcile.Key]time.Time{{Kind: "app", Resource: "gone"}: noon.Add(-3 * time.Hour)}
		Expect(only(in).At).To(Equal(noon.Add(-3 * time.Hour)))
	})

	It("ends at the true time, where the platform tells", func() {
		key := reconcile.Key{Kind: "app", Resource: "gone"}
		sight := in.Sights[key]
		sight.Ended = noon.Add(-2 * time.Hour)
		in.Sights[key] = sight
		Expect(only(settled(in))).To(And(HaveField("At", noon.Add(-2*time.Hour)), HaveField("Exact", true)))
	})

	It("ends at the bound that costs less, unless a rule says otherwise", func() {
		Expect(only(settled(in)).At).To(Equal(noon.Add(-48 * time.Hour)))
		in.Rules.Acts[0].At = "latest"
		Expect(only(in).At).To(Equal(noon.Add(-time.Hour)))
	})

	DescribeTable("is left alone where that is not proven", func(change func(), why string) {
		change()
		Expect(noted(in)).To(ContainSubstring(why))
		for _, m := range foreman.Candidates(in) {
			Expect(m.Resource).NotTo(Equal("gone"), "nobody is asked where it cannot be enacted")
		}
	},
		Entry("half a listing", func() { in.Floorplan.Listings[0].Complete = false }, "the listing is not complete"),
		Entry("half a listing before", func() { in.Former.Listings[0].Complete = false }, "the listing before was not"),
		Entry("an empty listing", func() { in.Floorplan.Listings[0].Count = 0 }, "lists nothing of the kind"),
		Entry("one listing", func() { in.Former = nil }, "missing from one listing"),
		Entry("two listings too near", func() { in.Former.Seen = noon.Add(-time.Minute) }, "missing from one listing"),
		Entry("a listing before with it", func() {
			in.Former.Materials = append(in.Former.Materials, app("gone", 2))
		}, "the listing before had it"),
		Entry("an event while it was listed", func() {
			in.Blueprint.Materials[0].Since = noon.Add(-2 * time.Minute)
		}, "an event of it came"),
		Entry("events that are not metered yet", func() {
			in.Blueprint.Horizon = noon.Add(-time.Second)
		}, "not all metered"),
	)

	DescribeTable("is left alone where it was looked at alone", func(sight reconcile.Sight, looked bool, why string) {
		key := reconcile.Key{Kind: "app", Resource: "gone"}
		if in.Sights[key] = sight; !looked {
			delete(in.Sights, key)
		}
		Expect(noted(in)).To(ContainSubstring(why))
	},
		Entry("and lives", reconcile.Sight{There: true}, true, "it is there"),
		Entry("and nobody can tell", reconcile.Sight{Doubt: "the scope was lost"}, true, "the scope was lost"),
		Entry("and was not", reconcile.Sight{}, false, "was not asked"),
	)

	It("is left alone by a limitation, until its end", func() {
		in.Rules.Limitations = []reconcile.Limitation{
			{Space: "pr*", Kind: "app", Until: noon.Add(time.Hour), By: "ann", Note: "moving house"},
		}
		Expect(noted(in)).To(ContainSubstring("moving house (ann)"))
		in.Now = noon.Add(2 * time.Hour)
		only(in)
	})
})

var _ = Describe("The guard over stops", func() {
	stops := func(gone, of int) *reconcile.Plan {
		all := some(of)
		return foreman.Make(settled(input(all, all[gone:])))
	}
	acted := func(p *reconcile.Plan) (n int) {
		for i := range p.Remodels {
			if p.Remodels[i].Act != reconcile.Report {
				n++
			}
		}
		return n
	}

	DescribeTable("lets few through", func(gone, of, enacted int) {
		plan := stops(gone, of)
		Expect(acted(plan)).To(Equal(enacted))
		Expect(plan.Remodels).To(HaveLen(gone))
		if enacted == 0 {
			Expect(plan.Refused).To(HaveLen(1))
			Expect(plan.Refused[0].Why).To(ContainSubstring(fmt.Sprintf("--allow eu/app=%d", gone)))
		}
	},
		Entry("three of four", 3, 4, 3), Entry("four of fifty", 4, 50, 0), Entry("5 % of 100", 5, 100, 5),
		Entry("6 % of 100", 6, 100, 0), Entry("200 of 10,000", 200, 10_000, 200),
		Entry("201 of 10,000", 201, 10_000, 0),
	)

	It("takes the very number that was allowed, and no other", func() {
		all := some(50)
		in := settled(input(all, all[10:]))
		for allowed, enacted := range map[string]int{
			"app=9": 0, "service=10": 0, "us/app=10": 0, "app=10": 10, "eu/app=10": 10,
		} {
			var one reconcile.Allowance
			Expect(one.UnmarshalText([]byte(allowed))).To(Succeed())
			in.Rules.Allow = []reconcile.Allowance{one}
			Expect(acted(foreman.Make(in))).To(Equal(enacted), allowed)
		}
	})
})

var _ = Describe("A resource that runs and is not billed", func() {
	It("is held from the look on, and settled at the latest time it can have begun", func() {
		in := input(some(3), append(some(3), app("new", 1)))
		Expect(only(in)).To(And(HaveField("Type", reconcile.MissingStart), HaveField("At", noon),
			HaveField("Stake", []reconcile.Money{{Currency: "GBP", Amount: "-2.4", VAT: "-0.48"}})))
		Expect(only(settled(in)).At).To(Equal(noon.Add(-24 * time.Hour)))
	})

	It("is left alone where it is gone, or in doubt", func() {
		in := input(some(3), append(some(3), app("new", 1)))
		in.Sights[reconcile.Key{Kind: "app", Resource: "new"}] = reconcile.Sight{}
		Expect(noted(in)).To(ContainSubstring("it is gone, when it is asked for alone"))
		in.Floorplan.Materials[0].Doubt = "it may not run"
		Expect(noted(in)).To(ContainSubstring("it may not run"))
	})

	It("begins no earlier than the epoch", func() {
		in := settled(input(some(3), append(some(3), app("new", 1))))
		in.Blueprint.Epoch = noon.Add(-time.Hour)
		Expect(only(in).At).To(Equal(noon.Add(-time.Hour)))
	})
})

var _ = Describe("A resource with another size", func() {
	drift := func(billed, there uint32) *foreman.Input {
		return input(append(some(3), app("x", billed)), append(some(3), app("x", there)))
	}

	It("grows as late, and shrinks as early as it can have", func() {
		Expect(only(settled(drift(1, 2)))).To(And(HaveField("Type", reconcile.FootprintDrift),
			HaveField("Stage", reconcile.Changes), HaveField("At", noon.Add(-24*time.Hour))))
		Expect(only(settled(drift(2, 1))).At).To(Equal(noon.Add(-48 * time.Hour)))
	})

	It("is a note where no plan in force prices it differently", func() {
		service := func(plan, guid string) reconcile.Material {
			m := app("db", 0)
			m.Kind, m.Footprint = events.KindService, events.Footprint{Plan: plan, PlanGUID: guid}
			return m
		}
		in := input([]reconcile.Material{service("free", "a")}, []reconcile.Material{service("free", "b")})
		Expect(noted(in)).To(ContainSubstring("no plan in force prices it differently"))
		in = input([]reconcile.Material{service("free", "a")}, []reconcile.Material{service("none", "b")})
		Expect(only(in).Unrated).To(BeTrue())
	})

	It("is only reported where the tenant is another one", func() {
		other := app("x", 1)
		other.Tenant = "clone"
		in := settled(input([]reconcile.Material{app("x", 1)}, []reconcile.Material{other}))
		r := only(in)
		Expect(r).To(And(HaveField("Type", reconcile.TenantDrift), HaveField("Act", reconcile.Report)))
		_, enacted := foreman.Observation(foreman.Make(in), r, nil)
		Expect(enacted).To(BeFalse())
	})
})

var _ = Describe("An observation", func() {
	It("has both sides as evidence, and all that the projector needs", func() {
		in := settled(input(append(some(30), app("gone", 2)), some(30)))
		plan := foreman.Make(in)
		o, enacted := foreman.Observation(plan, &plan.Remodels[0], json.RawMessage(`{"status":404}`))
		Expect(enacted).To(BeTrue())
		Expect(o).To(And(HaveField("Finding", events.FindingGone), HaveField("Resource", "gone"),
			HaveField("Plan", plan.ID), HaveField("Seen", noon), HaveField("AfterSequence", uint64(9)),
			HaveField("Hold", false), HaveField("Tenant", "org")))
		Expect(string(o.Evidence)).To(Equal(`{"billed":{"guid":"gone"},"look":{"status":404}}`))
	})
})

var _ = Describe("The id of a plan", func() {
	It("changes with a size, a look and a rule, and with nothing else", func() {
		id := func(change func(in *foreman.Input)) string {
			in := input(append(some(3), app("x", 1)), append(some(3), app("x", 2)))
			change(in)
			return foreman.Make(in).ID
		}
		same := id(func(*foreman.Input) {})
		Expect(id(func(in *foreman.Input) { in.Now = in.Now.Add(time.Minute) })).To(Equal(same))
		for _, change := range []func(in *foreman.Input){
			func(in *foreman.Input) { in.Floorplan.Materials[3].Footprint.Instances = events.Some(3) },
			func(in *foreman.Input) { in.Sights[reconcile.Key{Kind: "app", Resource: "x"}] = reconcile.Sight{} },
			func(in *foreman.Input) { in.Rules.Allow = []reconcile.Allowance{{Kind: "app", Count: 1}} },
			func(in *foreman.Input) { in.Blueprint.Metered++ },
			func(in *foreman.Input) { in.Former = nil },
			func(in *foreman.Input) {
				in.Same = map[reconcile.Key]time.Time{{Kind: "app", Resource: "x"}: noon.Add(-time.Hour)}
			},
		} {
			Expect(id(change)).NotTo(Equal(same))
		}
	})
})

var _ = Describe("A buildpack that the listing does not tell", func() {
	It("is that of the look at the app", func() {
		in := settled(input(some(1), append(some(1), app("new", 2))))
		key := reconcile.Key{Kind: events.KindApp, Resource: "new"}
		sight := in.Sights[key]
		sight.Material.Footprint.Buildpack, sight.Material.Footprint.BuildpackGUID = "java", "j"
		in.Sights[key] = sight
		r := only(in)
		Expect(r.There.Footprint.Buildpack).To(Equal("java"))
		o, _ := foreman.Observation(foreman.Make(in), r, nil)
		Expect(o.Footprint.BuildpackGUID).To(Equal("j"))
		Expect(in.Floorplan.Find(key).Footprint.Buildpack).To(BeEmpty())
	})
})
