package foreman_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

// byBuildpack are prices that look at the buildpack alone.
type byBuildpack struct{}

func (byBuildpack) PerDay(_ string, m *reconcile.Material, _ time.Time) ([]reconcile.Money, bool) {
	amount := map[bool]string{true: "2", false: "1"}[m.Footprint.Buildpack == "java"]
	return []reconcile.Money{{Currency: "GBP", Amount: amount, VAT: "0"}}, false
}

var _ = Describe("A difference", func() {
	key := reconcile.Key{Kind: "app", Resource: "x"}

	It("is left for the next time where a fact beside it came since the listing began", func() {
		in := input(append(some(3), app("x", 1)), some(3))
		in.Blueprint.Changed = map[reconcile.Key]time.Time{key: noon.Add(-2 * time.Minute)}
		Expect(noted(in)).To(ContainSubstring("an event of it, or beside it"))
		in = input(some(3), append(some(3), app("x", 1)))
		in.Blueprint.Changed = map[reconcile.Key]time.Time{key: noon.Add(time.Minute)}
		Expect(noted(in)).To(ContainSubstring("an event of it, or beside it"), "it has stopped meanwhile")
		in.Blueprint.Changed[key] = noon.Add(-time.Hour)
		only(in)
	})

	It("is left alone where it changed behind the listing", func() {
		in := input(append(some(3), app("x", 1)), some(3))
		in.Sights[key] = reconcile.Sight{Key: key, Ended: noon.Add(time.Second)}
		Expect(noted(in)).To(ContainSubstring("it changed behind the listing"))
		in.Sights[key] = reconcile.Sight{Key: key, NotBefore: noon.Add(time.Second)}
		Expect(noted(in)).To(ContainSubstring("it changed behind the listing"))
		in = input(some(3), append(some(3), app("x", 1)))
		sight := in.Sights[key]
		sight.Began = noon.Add(time.Second)
		in.Sights[key] = sight
		Expect(noted(in)).To(ContainSubstring("it changed behind the listing"))
	})

	It("of a size has happened behind the last listing with the billed one", func() {
		in := settled(input(append(some(3), app("x", 2)), append(some(3), app("x", 1))))
		in.Floorplan.Find(key).Since = noon.Add(-10 * time.Minute)
		in.Same = map[reconcile.Key]time.Time{key: noon.Add(-time.Hour)}
		Expect(only(in)).To(And(HaveField("At", noon.Add(-time.Hour)), HaveField("NotBefore", noon.Add(-time.Hour)),
			HaveField("NotAfter", noon.Add(-10*time.Minute))))
	})

	It("takes no time of the platform's that contradicts a listing", func() {
		in := settled(input(append(some(30), app("x", 1)), some(30)))
		in.Proofs = map[reconcile.Key]time.Time{key: noon.Add(-3 * time.Hour)}
		in.Sights[key] = reconcile.Sight{Key: key, Ended: noon.Add(-5 * time.Hour)}
		Expect(only(in)).To(And(HaveField("Exact", false), HaveField("At", noon.Add(-3*time.Hour))))
		for _, m := range foreman.Candidates(in) {
			Expect(m.Proof).To(Equal(noon.Add(-3*time.Hour)), "whoever looks knows the last proof")
		}
	})

	It("takes no bound of the platform's that lies before the last proof of life", func() {
		in := settled(input(append(some(30), app("x", 1)), some(30)))
		in.Proofs = map[reconcile.Key]time.Time{key: noon.Add(-3 * time.Hour)}
		in.Sights[key] = reconcile.Sight{Key: key, NotAfter: noon.Add(-5 * time.Hour)}
		Expect(only(in)).To(And(HaveField("NotBefore", noon.Add(-3*time.Hour)),
			HaveField("NotAfter", noon.Add(-time.Hour))))
	})

	It("in the buildpack alone is only reported, and beside others it keeps the billed one", func() {
		one, other := app("x", 1), app("x", 1)
		one.Footprint.Buildpack, other.Footprint.Buildpack = "ruby", "java"
		in := settled(input([]reconcile.Material{one}, []reconcile.Material{other}))
		in.Prices = byBuildpack{}
		Expect(only(in)).To(And(HaveField("Type", reconcile.FootprintDrift), HaveField("Act", reconcile.Report),
			HaveField("Stake", []reconcile.Money{{Currency: "GBP", Amount: "-1", VAT: "0"}})))
		other.Footprint.Instances = events.Some(2)
		in = settled(input([]reconcile.Material{one}, []reconcile.Material{other}))
		plan := foreman.Make(in)
		o, enacted := foreman.Observation(plan, &plan.Remodels[0], nil)
		Expect(enacted).To(BeTrue())
		Expect(o.Footprint).To(And(HaveField("Buildpack", "ruby"), HaveField("Instances", events.Some(2))))
		one.Footprint.Buildpack = ""
		in = settled(input([]reconcile.Material{one}, []reconcile.Material{other}))
		plan = foreman.Make(in)
		o, _ = foreman.Observation(plan, &plan.Remodels[0], nil)
		Expect(o.Footprint.Buildpack).To(Equal("java"))
	})

	It("that an event ends before METERED has passed the listing is none: the time before stays unbilled", func() {
		since := app("a", 2)
		since.Since = noon.Add(time.Minute) // it was not billed when it was listed
		in := settled(input([]reconcile.Material{since}, []reconcile.Material{app("a", 2)}))
		Expect(noted(in)).To(BeEmpty())

		in.Blueprint.Materials = nil // no such event came
		Expect(only(in).Type).To(Equal(reconcile.MissingStart))
	})

	It("stands behind the facts that METERED knew, though they were collected behind the floorplan", func() {
		in := input(append(some(30), app("x", 1)), some(30))
		plan := foreman.Make(in)
		Expect(plan.AfterSequence).To(Equal(in.Blueprint.Usage))
		in.Floorplan.AfterSequence = in.Blueprint.Usage + 5
		Expect(foreman.Make(in).AfterSequence).To(Equal(in.Floorplan.AfterSequence))
	})

	It("goes by itself where what a plan had held as gone is there", func() {
		held := app("x", 1)
		held.Held = events.HoldObservedGone
		in := input(append(some(3), held), append(some(3), app("x", 1)))
		Expect(only(in)).To(And(HaveField("Type", reconcile.MissingStart), HaveField("Act", reconcile.Settle),
			HaveField("Why", ContainSubstring("it is there"))))
		in.Rules.Acts = []reconcile.ActRule{{Act: reconcile.Report}}
		Expect(only(in).Act).To(Equal(reconcile.Report))
	})

	It("waits for another listing only where that may prove something, and stops are asked for first", func() {
		codes := func(in *foreman.Input) (all []string) {
			for _, n := range foreman.Make(in).Notes {
				all = append(all, n.Code)
			}
			return all
		}
		in := input(append(some(3), app("x", 1)), append(some(3), app("a", 1)))
		Expect(foreman.Candidates(in)).To(HaveExactElements(HaveField("Resource", "x"), HaveField("Resource", "a")))
		in = input(append(some(3), app("x", 1)), some(3))
		in.Former = nil
		Expect(codes(in)).To(Equal([]string{reconcile.NoteWaits}))
		in.Floorplan.Listings[0].Complete = false
		Expect(codes(in)).To(Equal([]string{reconcile.NoteProof}), "another half of a listing proves nothing")
		in = input(append(some(3), app("x", 1)), some(3))
		in.Sights[key] = reconcile.Sight{Key: key, There: true}
		Expect(codes(in)).To(Equal([]string{reconcile.NoteProof}))
	})

	It("that stays as it is explains a difference of the sums, and no other does", func() {
		in := input(append(some(3), app("gone", 2)), append(some(3), app("x", 3)))
		Expect(foreman.Make(in).Explained).To(BeZero())
		in.Rules.Limitations = []reconcile.Limitation{{By: "ann", Note: "all of it"}}
		Expect(foreman.Make(in).Explained).To(Equal(reconcile.Sums{Instances: 1, MemoryMB: 1024}))
		in.Rules.Limitations[0].Resource = "x"
		Expect(foreman.Make(in).Explained).To(Equal(reconcile.Sums{Instances: 3, MemoryMB: 3072}))
		in.Rules.Limitations = nil
		in.Blueprint.Epoch = noon.Add(time.Hour)
		Expect(foreman.Make(in).Explained).To(Equal(reconcile.Sums{Instances: 1, MemoryMB: 1024}))
	})

	It("without a tenant, or of a kind that nobody knows, is only reported", func() {
		nobodys, strange := app("x", 1), app("y", 1)
		nobodys.Tenant, strange.Kind = "", "route"
		in := settled(input(some(3), append(some(3), nobodys, strange)))
		plan := foreman.Make(in)
		Expect(plan.Remodels).To(HaveLen(2))
		for i := range plan.Remodels {
			Expect(plan.Remodels[i]).To(And(HaveField("Type", reconcile.Unknown), HaveField("Act", reconcile.Report)))
		}
	})

	It("of a start that costs nothing is a note, and without any prices it is none", func() {
		in := input(some(3), append(some(3), app("x", 0)))
		Expect(noted(in)).To(ContainSubstring("no plan in force prices it differently"))
		in.Prices = foreman.Catalogue{}
		Expect(only(in).Unrated).To(BeTrue())
	})

	It("is left alone by a pattern with slashes and brackets as they are", func() {
		one := app("x", 1)
		one.Name = "a/b[1]"
		in := input(some(3), append(some(3), one))
		in.Rules.Limitations = []reconcile.Limitation{{Resource: "*[1]"}}
		noted(in)
		in.Rules.Limitations[0].Resource = "*[2]"
		only(in)
	})

	It("has a note as long as there is room", func() {
		in := input(nil, some(reconcile.MaxNotes+5))
		in.Blueprint.Horizon = noon
		plan := foreman.Make(in)
		Expect(plan.Notes).To(HaveLen(reconcile.MaxNotes + 1))
		Expect(plan.Notes[reconcile.MaxNotes].Text).To(Equal("5 further notes are left out"))
	})
})

var _ = Describe("The prices of a catalogue", func() {
	const text = `
currency: GBP
vat_rates:
  - {code: Standard, valid_from: 2015-01-01T00:00:00Z, rate: "0.2"}
plans:
  - name: small
    match: {kind: app}
    valid_from: 2015-01-01T00:00:00Z
    components:
      - {name: memory, formula: "seconds / 3600 * memory_mb / 1024 * 0.1 * instances", currency: GBP, vat: Standard}
`

	It("are those of a day, and none where no plan is in force", func() {
		c, err := catalogue.Parse("prices", []byte(text))
		Expect(err).NotTo(HaveOccurred())
		prices := foreman.Catalogue{In: c}
		one, two := app("x", 1), app("x", 2)
		all, unrated := prices.PerDay("eu", &two, noon)
		Expect(unrated).To(BeFalse())
		Expect(all).To(Equal([]reconcile.Money{{Currency: "GBP", Amount: "4.8", VAT: "0.96"}}))
		Expect(prices.Alike("eu", &one, &two, noon)).To(BeFalse())
		other := one
		other.Footprint.Buildpack = "go"
		Expect(prices.Alike("eu", &one, &other, noon)).To(BeTrue())
		other.Kind = events.KindService
		_, unrated = prices.PerDay("eu", &other, noon)
		Expect(unrated).To(BeTrue())
		Expect(prices.Alike("eu", &other, &other, noon)).To(BeFalse(), "nobody knows")
	})
})

var _ = Describe("A kind that is billed and listed as empty", func() {
	empty := func(in *foreman.Input) *foreman.Input {
		for _, f := range []*reconcile.Floorplan{in.Floorplan, in.Former} {
			for i := range f.Listings {
				if l := &f.Listings[i]; l.Kind == events.KindApp {
					l.Complete, l.Empty, l.Why = false, true, "it is billed, and listed as empty"
				}
			}
		}
		return settled(in)
	}

	It("proves no stop, whatever a look at each does not find", func() {
		in := empty(input(some(2), nil))
		Expect(foreman.Candidates(in)).To(HaveLen(2))
		Expect(noted(in)).To(ContainSubstring("does not itself say that this one has ended"))
	})

	It("leaves those to be stopped of which the platform itself says that they have ended", func() {
		in := empty(input(some(2), nil))
		first := in.Blueprint.Materials[0].Key()
		sight := in.Sights[first]
		sight.Told = true
		in.Sights[first] = sight
		Expect(only(in)).To(And(HaveField("Key", first), HaveField("Type", reconcile.MissingStop),
			HaveField("Act", reconcile.Settle), HaveField("Told", true)))
		in.Former = nil
		Expect(noted(in)).To(ContainSubstring("not yet from another one"), "two listings are needed all the same")
	})

	It("has only as many asked for as may be stopped at all", func() {
		Expect(foreman.Candidates(empty(input(some(reconcile.MaxStops+1), nil)))).To(HaveLen(reconcile.MaxStops))
	})
})
