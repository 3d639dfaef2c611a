package rating_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

var _ = Describe("A buildpack of the same name with a new guid", func() {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	minute := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	// 20 minutes each with the guids A, B and C
	run := func() (spans []rating.Span) {
		var earlier []events.Stretch
		for i, guid := range []string{"A", "B", "C"} {
			s := rating.Span{Span: events.Span{
				Kind: events.KindApp, Resource: "P", Start: minute(20 * i), Since: minute(20 * i),
				End: minute(20*i + 20), Footprint: events.Footprint{
					Instances: events.Some(1), Buildpack: "java", BuildpackGUID: guid,
				},
				Earlier: earlier,
			}}
			earlier = append([]events.Stretch{{
				Since: s.Start, Footprint: events.Footprint{BuildpackGUID: guid},
			}}, earlier...)
			spans = append(spans, s)
		}
		return spans
	}
	cost := func(plans string) (lines []string, joined int) {
		GinkgoHelper()
		cat, err := catalogue.Check("rates.yaml", []byte("currency: GBP\nplans:\n"+plans))
		Expect(err).NotTo(HaveOccurred())
		spans := rating.Join(run(), cat, "eu")
		rating.Price(cat, "eu", spans)
		for _, s := range spans {
			for _, l := range s.Lines {
				lines = append(lines, l.Plan.Name+" "+l.Amount.String())
			}
		}
		return lines, len(spans)
	}
	plan := func(name, match string) string {
		return "  - {name: " + name + ", match: {kind: app" + match + "}, valid_from: 2001-01-01, " +
			`components: [{name: c, formula: "ceil(seconds / 3600)"}]}` + "\n"
	}

	It("begins no started hour, and prints as one, where no plan is by guid", func() {
		lines, spans := cost(plan("app", "") + plan("java", ", buildpack: java"))
		Expect(lines).To(Equal([]string{"java 1"}))
		Expect(spans).To(Equal(1))
	})
	It("is one without a catalogue", func() { Expect(rating.Join(run(), nil, "")).To(HaveLen(1)) })
	It("divides where a plan is by one of the guids, and there alone", func() {
		lines, spans := cost(plan("app", "") + plan("a", ", buildpack: A"))
		Expect(lines).To(Equal([]string{"a 1", "app 1"}), "B and C are alike")
		Expect(spans).To(Equal(2))
		lines, _ = cost(plan("app", "") + plan("b", ", buildpack: B"))
		Expect(lines).To(Equal([]string{"app 1", "b 1", "app 1"}))
	})
	It("divides nothing where the plan by guid is not the one that wins", func() {
		lines, _ := cost(plan("app", "") + plan("all", ", buildpack: java, tenant: '*'") + plan("b", ", buildpack: B"))
		Expect(lines).To(Equal([]string{"all 1"}))
	})

	Describe("in a run that is cropped", func() {
		// from January on with the guid A, and then with B
		hours := func(b, from, to string, plans string) (amount string) {
			GinkgoHelper()
			cat, err := catalogue.Check("rates.yaml", []byte("currency: GBP\nplans:\n"+plans))
			Expect(err).NotTo(HaveOccurred())
			spans := []rating.Span{{Span: *app("2001-01-01T00:30:00Z", b)}, {Span: *app(b, "2001-03-01")}}
			spans[0].Footprint.BuildpackGUID, spans[1].Footprint.BuildpackGUID = "A", "B"
			spans[1].Earlier = []events.Stretch{{Since: spans[0].Since, Footprint: spans[0].Footprint}}
			was := spans[1].Earlier[0]
			total := rating.Price(cat, "eu", rating.Join(rating.Crop(spans, day(from), day(to)), cat, "eu"))
			Expect(spans[1].Earlier).To(Equal([]events.Stretch{was}), "the input is as it was")
			return total.Amount.String()
		}
		It("counts from the bound on", func() {
			Expect(hours("2001-02-10T00:10:00Z", "2001-02-01", "2001-02-11", plan("app", ""))).To(Equal("240"))
			Expect(hours("2001-02-01", "2001-02-01", "2001-02-11", plan("app", ""))).To(Equal("240"))
		})
		It("counts from its own beginning on where a plan is by guid", func() {
			plans := plan("app", "") + plan("b", ", buildpack: B")
			Expect(hours("2001-02-10T00:10:00Z", "2001-02-01", "2001-02-11", plans)).
				To(Equal("241"), "217 of A and 24 of B")
		})
		It("counts from the bound on in a span that is cut off the run", func() {
			first, second := *app("2001-01-01T00:30:00Z", "2001-02-10"), *app("2001-02-10", "2001-02-11")
			second.Since = first.Since
			spans := rating.Crop([]rating.Span{{Span: first}, {Span: second}}, day("2001-02-01"), time.Time{})
			Expect(spans).To(HaveEach(HaveField("Since", day("2001-02-01"))))
		})
	})
})
