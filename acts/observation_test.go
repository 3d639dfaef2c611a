package acts_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("The observations of a plan", func() {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	gone := func(resource string) events.Observation {
		return events.Observation{
			Finding: events.FindingGone, Remodel: "missing_stop", Kind: events.KindApp, Resource: resource,
			At: now.Add(-time.Hour), Seen: now, AfterSequence: 7, Hold: true, Evidence: []byte(`{"there":null}`),
		}
	}
	many := func(n int) (all []events.Observation) {
		for i := range n {
			all = append(all, gone(fmt.Sprintf("app-%04d", i)))
		}
		return all
	}
	observe := func(ctx context.Context, s acts.Bus, plan string, all ...events.Observation) (int, error) {
		return acts.Observe(ctx, s, "cf", "eu", plan, all, "ann", "after the outage", now)
	}
	revert := func(ctx context.Context, s acts.Bus, plan string) (bool, error) {
		return acts.Revert(ctx, s, "cf", "eu", plan, "bob", "a mistake", now)
	}

	It("are each stored once, whatever is lost, and in whatever part", func(ctx SpecContext) {
		s := newSite(ctx)
		for i, faults := range [][]fault{
			{}, {requestLost}, {answerLost}, {requestLost, answerLost}, {torn}, {torn, torn, answerLost},
		} {
			plan := fmt.Sprint("p", i)
			s.faults = faults
			Expect(observe(ctx, s, plan, many(5)...)).To(Equal(5), plan)
			Expect(observe(ctx, s, plan, many(5)...)).To(BeZero(), plan)
			Expect(observe(ctx, s, plan, many(6)...)).To(Equal(1), plan)
		}
		all := s.list(ctx, events.ActObservation)
		Expect(all).To(HaveLen(6 * 6))
		Expect(all[0].Observation.Plan).To(Equal("p0"))
		Expect(all[0].By + all[0].Note).To(Equal("annafter the outage"))
		Expect(all[6].Expectation).To(Equal(all[5].Sequence), "it expects the one before on the subject")
		ids := map[string]bool{}
		for _, a := range all {
			ids[a.ID] = true
		}
		Expect(ids).To(HaveLen(len(all)))
	})

	It("go on after a crash between two batches, of many acts and of large ones", func(ctx SpecContext) {
		s := newSite(ctx)
		all := many(bus.MaxBatch + 7)
		s.faults = []fault{none, denied}
		n, err := observe(ctx, s, "p1", all...)
		Expect(err).To(MatchError(errDenied))
		Expect(n).To(Equal(bus.MaxBatch))
		Expect(s.list(ctx, events.ActObservation)).To(HaveLen(bus.MaxBatch))
		Expect(observe(ctx, s, "p1", all...)).To(Equal(7))

		large := many(600)
		for i := range large {
			large[i].Evidence = append(append([]byte(`{"there":"`), bytes.Repeat([]byte("x"), 15<<10)...), `"}`...)
		}
		sizes := &sized{site: s}
		Expect(observe(ctx, sizes, "p2", large...)).To(Equal(600))
		Expect(len(sizes.batches)).To(BeNumerically(">", 1))
		for _, size := range sizes.batches {
			Expect(size).To(BeNumerically("<=", 4<<20))
		}
	})

	It("are each stored once by two executors at the same time", func(ctx SpecContext) {
		s := newSite(ctx)
		s.faults, s.rival = []fault{rivalFirst}, func(ctx context.Context) {
			Expect(observe(ctx, s.Bus, "p1", many(3)...)).To(Equal(3))
		}
		_, err := observe(ctx, s, "p1", many(5)...)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.list(ctx, events.ActObservation)).To(HaveLen(5))
	})

	It("are reverted once, by whomever, and not stored again", func(ctx SpecContext) {
		s := newSite(ctx)
		Expect(revert(ctx, s, "p1")).Error().To(MatchError(acts.ErrUnknownPlan))
		Expect(observe(ctx, s, "p1", many(2)...)).To(Equal(2))
		Expect(observe(ctx, s, "p2", many(2)...)).To(Equal(2), "another plan may see the same")
		s.faults = []fault{requestLost, answerLost}
		Expect(revert(ctx, s, "p1")).To(BeTrue())
		Expect(revert(ctx, s, "p1")).To(BeFalse())
		Expect(observe(ctx, s, "p1", many(2)...)).To(BeZero(), "all of it is there")
		Expect(observe(ctx, s, "p1", many(3)...)).Error().To(MatchError(acts.ErrReverted))
		s.faults, s.rival = []fault{rivalFirst}, func(ctx context.Context) {
			Expect(revert(ctx, s.Bus, "p2")).To(BeTrue())
		}
		Expect(observe(ctx, s, "p2", many(4)...)).Error().To(MatchError(acts.ErrReverted),
			"it was reverted meanwhile")
		all := s.list(ctx, events.ActObservation)
		Expect(all).To(HaveLen(6))
		Expect(all[4].Observation).To(Equal(events.Observation{Finding: events.FindingReverted, Plan: "p1"}))
	})

	DescribeTable("are refused where they mean nothing", func(ctx SpecContext, change func(o *events.Observation),
		problem string,
	) {
		o := gone("app-1")
		change(&o)
		n, err := observe(ctx, nil, "p1", gone("app-2"), o)
		Expect(n).To(BeZero())
		Expect(err).To(MatchError(ContainSubstring(problem)))
	},
		Entry("twice", func(o *events.Observation) { o.Resource = "app-2" }, "the plan has two of it"),
		Entry("of no resource", func(o *events.Observation) { o.Resource = "" }, "a resource"),
		Entry("of a build", func(o *events.Observation) { o.Kind = events.KindStaging }, "not reconciled"),
		Entry("with another finding", func(o *events.Observation) { o.Finding = events.FindingReverted },
			`"running" or "gone"`),
		Entry("without a tenant", func(o *events.Observation) { o.Finding = events.FindingRunning }, "needs a tenant"),
		Entry("after the look", func(o *events.Observation) { o.At = o.Seen.Add(1) }, "not after it"),
		Entry("before time", func(o *events.Observation) { o.NotBefore = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC) },
			"between the years"),
		Entry("with evidence that is no object", func(o *events.Observation) { o.Evidence = []byte(`[1]`) },
			"no JSON object"),
		Entry("with a long id", func(o *events.Observation) { o.Space = string(bytes.Repeat([]byte("x"), 2000)) },
			"observation.space"),
	)
})

// sized notes the bytes of the batches.
type sized struct {
	*site
	batches []int
}

func (s *sized) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	size := 0
	for i := range msgs {
		size += len(msgs[i].Data)
	}
	s.batches = append(s.batches, size)
	return s.site.Append(ctx, stream, msgs, expect)
}
