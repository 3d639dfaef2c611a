package main

import (
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("A contradiction that is held", func() {
	begin := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	of := func(instances uint32) events.Footprint {
		return events.Footprint{Instances: events.Some(instances), MemoryMB: events.Some(512)}
	}
	plan := func(name string) events.Footprint { return events.Footprint{Plan: name, PlanGUID: name + "-guid"} }
	held := func(id, kind string, higher, lower events.Footprint) events.Hold {
		return events.Hold{
			ID: id, Kind: kind, Resource: id, Code: "lost_change", Start: begin, End: begin.Add(10 * time.Hour),
			Footprint: higher, Lower: lower, Reason: "a change is missing",
		}
	}
	var s *site
	var prices string

	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		prices = filepath.Join(GinkgoT().TempDir(), "rates.yaml")
		Expect(os.WriteFile(prices, []byte(`currency: GBP
vat_rates: [{code: Standard, valid_from: 2000-01-01, rate: "0.2"}]
plans:
  - {name: small, match: {kind: service, plan: small}, valid_from: 2001-01-01, components: [{name: hour, formula: "seconds / 3600 * 0.01", vat: Standard}]}
  - {name: large, match: {kind: service, plan: large}, valid_from: 2001-01-01, components: [{name: hour, formula: "seconds / 3600 * 0.05", vat: Standard}]}
`), 0o600)).To(Succeed())
		for i, h := range []events.Hold{
			held("scaled", "app", of(5), of(2)), held("stopped", "app", of(3), of(0)),
			held("service", "service", plan("large"), plan("small")),
		} {
			s.metered(ctx, &events.Metered{
				Source: "trove", Foundation: "dbaas", Tenant: "org-2", Kind: h.Kind, Resource: h.Resource,
				Held: []events.Hold{h},
			}, uint64(i+1))
		}
	})

	decisions := func(ctx SpecContext) map[string]events.Decision {
		byHold := map[string]events.Decision{}
		for _, d := range s.decisions(ctx) {
			byHold[d.Decision.Hold] = d.Decision
		}
		return byHold
	}

	It("is listed with both bounds", func() {
		_, out, _ := s.daybook("holds", "list")
		Expect(out).To(ContainSubstring("instances=5 memory_mb=512 or instances=2 memory_mb=512"))
		_, out, _ = s.daybook("holds", "list", "--format", "json")
		Expect(out).To(ContainSubstring(`"lower":{"instances":2,"memory_mb":512`))
	})

	It("is not released without a word on which, and the advice is right", func(ctx SpecContext) {
		status, _, notices := s.daybook("holds", "release", "scaled", "--wait", "0")
		Expect(status).To(Equal(1))
		Expect(notices).To(ContainSubstring("it lies between two bounds; choose with --as lower or --as higher"))
		Expect(s.decisions(ctx)).To(BeEmpty())
		status, _, _ = s.daybook("holds", "release", "scaled", "--as", "lower", "--wait", "0")
		Expect(status).To(BeZero())
		Expect(decisions(ctx)["scaled"].Footprint).To(Equal(of(2)))
	})

	It("is billed at the higher bound, or not at all where it may not have run", func(ctx SpecContext) {
		s.daybook("holds", "release", "scaled", "--as", "higher", "--wait", "0")
		s.daybook("holds", "release", "stopped", "--as", "lower", "--wait", "0")
		got := decisions(ctx)
		Expect(got["scaled"].Footprint).To(Equal(of(5)))
		Expect(got["stopped"].Action).To(Equal(events.ActionDiscard))
	})

	It("of a service names the plan, or takes the cheaper one of a catalogue", func(ctx SpecContext) {
		_, _, notices := s.daybook("holds", "release", "service", "--as", "lower", "--wait", "0")
		Expect(notices).To(ContainSubstring("its bounds are the plans large and small; name one of them with --plan, " +
			"or give prices with --catalogue"))
		s.daybook("holds", "release", "service", "--plan", "large", "--wait", "0")
		Expect(decisions(ctx)["service"].Footprint).To(Equal(plan("large")))
		s.daybook("holds", "release", "service", "--as", "lower", "--catalogue", prices, "--wait", "0")
		Expect(decisions(ctx)["service"].Footprint).To(Equal(plan("small")))
	})

	It("is decided about with all others of its code", func(ctx SpecContext) {
		all := []string{"holds", "release", "--all", "--code", "lost_change"}
		_, out, notices := s.daybook(append(all, "--yes")...)
		Expect(out).To(ContainSubstring("release of 0 holds"))
		Expect(notices).To(ContainSubstring("left out: 3"))
		_, out, notices = s.daybook(append(all, "--as", "higher")...)
		Expect(out).To(And(ContainSubstring("release of 2 holds: nothing published yet"),
			MatchRegexp(`scaled .* release at instances=5 memory_mb=512 +a change is missing`)))
		Expect(notices).To(ContainSubstring("left out: 1"))
		status, out, _ := s.daybook(append(all, "--as", "higher", "--catalogue", prices, "--yes")...)
		Expect(status).To(BeZero())
		Expect(out).To(ContainSubstring("published: release of 3 holds"))
		got := decisions(ctx)
		Expect(got["scaled"].Footprint).To(Equal(of(5)))
		Expect(got["stopped"].Footprint).To(Equal(of(3)))
		Expect(got["service"].Footprint).To(Equal(plan("large")))
	})

	DescribeTable("is refused words that do not go together", func(expected string, args ...string) {
		status, _, notices := s.daybook(append([]string{"holds", "release"}, args...)...)
		Expect(status).NotTo(BeZero())
		Expect(notices).To(ContainSubstring(expected))
	},
		Entry("two sizes", "give one of them", "scaled", "--as", "lower", "--plan", "small"),
		Entry("prices without a bound", "--catalogue goes with --as", "scaled", "--catalogue", "x.yaml"),
		Entry("another plan", "and medium is none of them", "service", "--plan", "medium"),
	)
})
