package acts_test

import (
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// hold puts holds under one subject of METERED.
func (s *site) hold(ctx SpecContext, tenant, resource string, holds ...events.Hold) {
	GinkgoHelper()
	m := events.Metered{
		Source: "trove", Foundation: "dbaas", Tenant: tenant, Kind: "instance", Resource: resource, Held: holds,
	}
	s.put(ctx, events.StreamMetered, bus.Message{
		Subject: events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource), Data: m.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderType, Value: events.TypeMetered}},
	})
}

var _ = Describe("A decision about a hold", func() {
	var s *site
	BeforeEach(func(ctx SpecContext) { s = newSite(ctx) })

	It("is made again with an id of its own when another stands between", func(ctx SpecContext) {
		ids := map[string]bool{}
		for _, action := range []string{"release", "discard", "release"} {
			decided, err := acts.Decide(ctx, s, decision("hold-1", action))
			Expect(err).NotTo(HaveOccurred())
			ids[decided[0].ID] = true
		}
		larger := decision("hold-1", "release")
		larger.Decision.Footprint.VolumeGB = events.Some(20)
		decided, err := acts.Decide(ctx, s, larger, larger)
		Expect(err).NotTo(HaveOccurred())
		ids[decided[0].ID] = true
		Expect(ids).To(HaveLen(4))
		Expect(decided[1].Already).To(BeTrue(), "the same in one call is stored once")
		Expect(s.list(ctx, events.ActDecision)).To(HaveLen(4))
	})

	It("that says the same as the last one is not stored, and the last one is returned", func(ctx SpecContext) {
		first, err := acts.Decide(ctx, s, decision("hold-1", "discard"))
		Expect(err).NotTo(HaveOccurred())
		again := decision("hold-1", "discard")
		again.By = "bob"
		second, err := acts.Decide(ctx, s, again)
		Expect(err).NotTo(HaveOccurred())
		Expect(second).To(HaveExactElements(acts.Decided{Act: first[0].Act, Already: true}))
	})

	It("is stored once when the server stores the beginning of its batch alone", func(ctx SpecContext) {
		var all []events.Act
		for i := range 10 {
			all = append(all, decision(fmt.Sprint("hold-", i), "discard"))
		}
		s.faults = []fault{torn, torn}
		decided, err := acts.Decide(ctx, s, all...)
		Expect(err).NotTo(HaveOccurred())
		Expect(decided).To(HaveEach(HaveField("Already", BeFalse())))
		for i, a := range s.list(ctx, events.ActDecision) {
			Expect(a.Decision.Hold).To(Equal(fmt.Sprint("hold-", i)))
			Expect(a.Sequence).To(Equal(decided[i].Sequence))
		}
		Expect(s.list(ctx, events.ActDecision)).To(HaveLen(10))
	})

	It("goes out with others in batches, each with its sequence", func(ctx SpecContext) {
		var all []events.Act
		for i := range bus.MaxBatch + 3 {
			all = append(all, decision(fmt.Sprint("hold-", i), "discard"))
		}
		_, err := acts.Decide(ctx, s, all[7])
		Expect(err).NotTo(HaveOccurred())
		s.faults = []fault{answerLost}
		decided, err := acts.Decide(ctx, s, all...)
		Expect(err).NotTo(HaveOccurred())
		Expect(decided).To(HaveLen(len(all)))
		already := 0
		for _, o := range decided {
			m, err := s.Get(ctx, events.StreamUsage, o.Sequence)
			Expect(err).NotTo(HaveOccurred())
			Expect(m.Header(events.HeaderID)).To(Equal(o.ID))
			if o.Already {
				already++
			}
		}
		Expect(already).To(Equal(1))
		Expect(s.list(ctx, events.ActDecision)).To(HaveLen(len(all)))
	})
})

var _ = Describe("Holds", func() {
	It("are found by id, and selected by tenant, code and action", func(ctx SpecContext) {
		s := newSite(ctx)
		sized := events.Footprint{VolumeGB: events.Some(5)}
		s.hold(ctx, "org-1", "db-1", events.Hold{
			ID: "a", Kind: "volume", Resource: "db-1", Code: "gap",
			Footprint: sized,
		},
			events.Hold{ID: "b", Kind: "volume", Resource: "db-1", Code: "unknown_volume"})
		s.hold(ctx, "org-2", "db-2", events.Hold{
			ID: "c", Kind: "volume", Resource: "db-2", Code: "gap",
			Footprint: sized,
		})

		found, err := acts.FindHold(ctx, s, "", "c")
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Decision("discard", "ann", "outage", at)).To(Equal(events.Act{
			Kind: events.ActDecision, Source: "trove", Foundation: "dbaas", By: "ann", Note: "outage", Time: at,
			Decision: events.Decision{Kind: "instance", Resource: "db-2", Hold: "c", Action: "discard"},
		}))
		_, err = acts.FindHold(ctx, s, "elsewhere", "c")
		Expect(err).To(MatchError(acts.ErrUnknownHold))

		ids := func(f acts.Filter, action string) (ids []string, unfit int) {
			selected, err := acts.Select(ctx, s, f, func(h *acts.Held) (acts.Word, error) {
				if action == "discard" {
					return acts.Word{Action: action}, nil
				}
				return acts.Word{Action: action}, acts.Releasable(&h.Hold, &events.Footprint{})
			})
			Expect(err).NotTo(HaveOccurred())
			for i := range selected.Holds {
				ids = append(ids, selected.Holds[i].Hold.ID)
			}
			return ids, selected.Unfit
		}
		all, _ := ids(acts.Filter{}, "discard")
		Expect(all).To(Equal([]string{"a", "b", "c"}))
		fit, unfit := ids(acts.Filter{}, "release")
		Expect(fit).To(Equal([]string{"a", "c"}))
		Expect(unfit).To(Equal(1))
		some, _ := ids(acts.Filter{Foundation: "dbaas", Tenant: "org-1", Code: "gap"}, "release")
		Expect(some).To(Equal([]string{"a"}))
	})
})

var _ = DescribeTable("A hold is released only with what does not contradict it", func(hold string, volume *uint32,
	flavor, flavorID string, problem acts.Problem, text string,
) {
	h := map[string]events.Hold{
		"unknown volume": {Kind: "volume", Code: "unknown_volume"},
		"known volume": {Kind: "volume", Code: "delete_without_create", Footprint: events.Footprint{
			VolumeGB: events.Some(5),
		}},
		"unknown flavour": {Kind: "instance", Code: "unknown_flavor", Footprint: events.Footprint{
			MemoryMB: events.Some(512),
		}},
		"known flavour": {Kind: "instance", Code: "delete_without_create", Footprint: events.Footprint{
			Flavor: "m1", FlavorID: "10",
		}},
		"closed": {Kind: "volume", Code: "closed_period", Footprint: events.Footprint{VolumeGB: events.Some(5)}},
	}[hold]
	h.ID, h.Resource = "h", "db-3"
	given := events.Footprint{Flavor: flavor, FlavorID: flavorID}
	if volume != nil {
		given.VolumeGB = events.Some(*volume)
	}
	err := acts.Releasable(&h, &given)
	if problem == 0 {
		Expect(err).NotTo(HaveOccurred())
		return
	}
	var refused *acts.NotReleasableError
	Expect(errors.As(err, &refused)).To(BeTrue())
	Expect(refused.Problem).To(Equal(problem))
	Expect(err).To(MatchError(HavePrefix("hold h (" + h.Code + " of " + h.Kind + " db-3) is not released: " + text)))
},
	Entry("no size where none is known", "unknown volume", nil, "", "", acts.SizeUnknown, "nothing says how large"),
	Entry("a flavour for a volume", "unknown volume", nil, "m1", "", acts.NoFlavor, "it is not about a flavour"),
	Entry("the size of an unknown volume", "unknown volume", new(uint32(10)), "", "", acts.Problem(0), ""),
	Entry("another size than the known one", "known volume", new(uint32(6)), "", "", acts.SizeContradicted,
		"what was collected says that the volume had 5 GiB, not 6"),
	Entry("the known size", "known volume", new(uint32(5)), "", "", acts.Problem(0), ""),
	Entry("nothing where the size is known", "known volume", nil, "", "", acts.Problem(0), ""),
	Entry("no flavour where none is known", "unknown flavour", nil, "", "", acts.FlavorUnknown, "nothing says which"),
	Entry("a volume for a flavour", "unknown flavour", new(uint32(5)), "", "", acts.NoVolume, "it is not about a "+
		"volume"),
	Entry("a flavour where none is known", "unknown flavour", nil, "m1", "10", acts.Problem(0), ""),
	Entry("another flavour than the known one", "known flavour", nil, "m2", "", acts.FlavorContradicted,
		`what was collected says the flavour "m1" with the id "10"`),
	Entry("another flavour's id", "known flavour", nil, "", "11", acts.FlavorContradicted, "what was collected says"),
	Entry("the known flavour", "known flavour", nil, "m1", "", acts.Problem(0), ""),
	Entry("what is closed", "closed", nil, "", "", acts.PeriodClosed, "what it would change is closed"),
)
