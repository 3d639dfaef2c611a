package acts_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("An erasure of names", func() {
	erasure := events.Act{
		Source: "cf", Foundation: "eu", By: "ann", Note: "the contract has ended",
		Time:    time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Erasure: events.Erasure{Tenant: "org-1"},
	}
	It("is stored once for a tenant of a foundation, whoever gives it, and whatever is lost", func(ctx SpecContext) {
		s := newSite(ctx)
		s.faults = []fault{requestLost, answerLost}
		sequence, err := acts.Erase(ctx, s, erasure)
		Expect(err).NotTo(HaveOccurred())
		_, err = acts.Erase(ctx, s, erasure)
		Expect(err).To(MatchError(acts.ErrErased))
		other := erasure
		other.Erasure.Tenant = "org-2"
		s.faults, s.rival = []fault{rivalFirst}, func(ctx context.Context) {
			_, err := acts.Erase(ctx, s.Bus, other)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(acts.Erase(ctx, s, other)).To(Equal(sequence + 1))
		all := s.list(ctx, events.ActErasure)
		Expect(all).To(HaveLen(2))
		Expect(all[0].Erasure.Tenant + all[1].Erasure.Tenant).To(Equal("org-1org-2"))
		Expect(all[0].Expectation).To(BeZero())
		Expect(all[1].Expectation).To(Equal(sequence))
	})
})
