package acts_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// discards are discards of the inputs q0, q1 and so on.
func discards(by string, n int) []events.Act {
	all := make([]events.Act, n)
	for i := range all {
		all[i] = acts.Discard(&events.Quarantined{
			ID: fmt.Sprint("q", i), Source: "cf", Foundation: "eu",
		}, by, "a test event", at)
	}
	return all
}

// counting counts the messages that are read of a site.
type counting struct {
	*site
	read int
}

func (c *counting) Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(m *bus.Stored) error,
) (uint64, error) {
	return c.site.Each(ctx, stream, from, to, options, func(m *bus.Stored) error {
		c.read++
		return yield(m)
	})
}

var _ = Describe("Discards of many inputs", func() {
	var s *site
	BeforeEach(func(ctx SpecContext) { s = newSite(ctx) })

	It("count without those of somebody else", func(ctx SpecContext) {
		s.faults = []fault{rivalFirst}
		s.rival = func(ctx context.Context) {
			Expect(acts.DiscardAll(ctx, s.Bus, discards("bob", 1)...)).To(Equal(1))
		}
		Expect(acts.DiscardAll(ctx, s, discards("ann", 3)...)).To(Equal(2))
		Expect(s.list(ctx, events.ActDiscard)).To(HaveLen(3))
		Expect(acts.DiscardAll(ctx, s, discards("ann", 3)...)).To(BeZero())
	})

	DescribeTable("count each once", func(ctx SpecContext, faults ...fault) {
		s.faults = faults
		Expect(acts.DiscardAll(ctx, s, append(discards("ann", 4), discards("ann", 2)...)...)).To(Equal(4))
		Expect(s.list(ctx, events.ActDiscard)).To(HaveLen(4))
	},
		Entry("well"),
		Entry("no answer, though they were stored", answerLost),
		Entry("no answer, and not stored", requestLost),
		Entry("no answer, and one half was stored", torn),
	)

	It("read what others discarded once", func(ctx SpecContext) {
		Expect(acts.DiscardAll(ctx, s, discards("bob", 3)...)).To(Equal(3))
		c := &counting{site: s}
		n := 2*bus.MaxBatch + 3
		Expect(acts.DiscardAll(ctx, c, append(discards("ann", n), discards("ann", n)...)...)).To(Equal(n - 3))
		Expect(c.read).To(Equal(3))
		Expect(s.list(ctx, events.ActDiscard)).To(HaveLen(n))
	})
})
