package acts_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("The end of a foundation", func() {
	var s *site
	ends := &acts.Ending{
		Source: "cf", Foundation: "eu", At: at.Add(-time.Hour), By: "ann", Note: "dismantled", Now: at,
	}
	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		s.put(ctx, events.StreamUsage, horizon("west", at.Add(-2*time.Hour)), horizon("east", at.Add(-3*time.Hour)))
	})

	It("is an act with its time, and tells up to when the foundation was collected", func(ctx SpecContext) {
		Expect(acts.End(ctx, s, ends)).To(Equal(at.Add(-2 * time.Hour)))
		subject, _, body := s.stored(ctx, events.StreamUsage, 3)
		Expect(subject).To(Equal("usage.act.retirement.cf.eu"))
		Expect(body).To(ContainSubstring(`"kind":"retirement","source":"cf","foundation":"eu","by":"ann",` +
			`"note":"dismantled","time":"2026-11-02T10:00:00.123456Z","expectation":"2",` +
			`"retirement":{"at":"2026-11-02T09:00:00.123456Z"}}`))
	})

	DescribeTable("tells the lowest horizon of the collectors at work", func(ctx SpecContext, faults ...fault) {
		s.put(ctx, events.StreamUsage, horizon("east", at.Add(-90*time.Minute)), horizon("", at),
			horizon("south", at.Add(-150*time.Minute)))
		s.faults = faults
		Expect(acts.End(ctx, s, ends)).To(Equal(at.Add(-2*time.Hour)), "a horizon never goes back")
		s.put(ctx, events.StreamUsage, horizon("east", at))
		Expect(acts.End(ctx, s, ends)).To(Equal(at), "the others were retired with the foundation")
	},
		Entry("well"),
		Entry("no answer, though it was stored", answerLost),
	)

	It("does not wait for a collector that was retired", func(ctx SpecContext) {
		s.put(ctx, events.StreamUsage, horizon("west", at.Add(-time.Hour)))
		_, err := acts.Retire(ctx, s, leaver("east"))
		Expect(err).NotTo(HaveOccurred())
		_, err = acts.Retire(ctx, s, west())
		Expect(err).NotTo(HaveOccurred())
		Expect(acts.End(ctx, s, ends)).To(Equal(at.Add(-time.Hour)))
	})

	It("is there once, until a collector says something again", func(ctx SpecContext) {
		_, err := acts.End(ctx, s, ends)
		Expect(err).NotTo(HaveOccurred())
		_, err = acts.End(ctx, s, ends)
		Expect(err).To(MatchError(acts.ErrEnded))
		_, err = acts.Retire(ctx, s, west())
		Expect(err).To(MatchError(acts.ErrRetired), "all collectors are retired with it")
		s.put(ctx, events.StreamUsage, horizon("west", at))
		_, err = acts.End(ctx, s, ends)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.list(ctx, events.ActRetirement)).To(HaveLen(2))
	})

	It("is not in the future", func(ctx SpecContext) {
		later := *ends
		later.At = at.Add(time.Second)
		_, err := acts.End(ctx, s, &later)
		Expect(err).To(MatchError(acts.ErrFuture))
	})

	It("is stored once where no answer came, and not over a collector at work", func(ctx SpecContext) {
		s.faults = []fault{answerLost}
		_, err := acts.End(ctx, s, ends)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.list(ctx, events.ActRetirement)).To(HaveLen(1))
		s.put(ctx, events.StreamUsage, horizon("west", at))
		s.faults = []fault{rivalFirst}
		s.rival = func(ctx context.Context) { s.put(ctx, events.StreamUsage, horizon("west", at.Add(1))) }
		_, err = acts.End(ctx, s, ends)
		Expect(err).To(MatchError(acts.ErrNotStopped))
	})

	It("is of the sources that have told something", func(ctx SpecContext) {
		Expect(acts.Sources(ctx, s, "eu")).To(Equal([]string{"cf"}))
		Expect(acts.Sources(ctx, s, "us")).To(BeEmpty())
		s.put(ctx, events.StreamUsage, bus.Message{Subject: "usage.trove.eu.t.instance.i"})
		Expect(acts.Sources(ctx, s, "eu")).To(Equal([]string{"cf", "trove"}))
	})
})
