package acts_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// proposed is the statement of a tenant, with so many lines.
func proposed(foundation, tenant string, lines int) statement.Statement {
	x := statement.Statement{
		ID: events.ID("statement", foundation, tenant), Source: "cf", Foundation: foundation, Tenant: tenant,
		Month: "2026-10", Revision: 1, Parts: 1,
	}
	for i := range lines {
		x.Lines = append(x.Lines, statement.Line{
			Plan: strings.Repeat("p", 500), Component: fmt.Sprint(i), Currency: "GBP", Amount: events.NewDecimal(1, 0),
		})
	}
	x.Settle()
	return x
}

// seals are the stored seals of a foundation, each as its number, tenant and part.
func (s *site) seals(ctx context.Context) (all []string) {
	GinkgoHelper()
	for _, a := range s.list(ctx, events.ActSeal) {
		var x statement.Statement
		Expect(x.DecodeJSON(a.Statement)).To(Succeed())
		all = append(all, fmt.Sprintf("%s %d %s %d/%d", x.Foundation, x.Number, x.Tenant, x.Part+1, x.Parts))
	}
	return all
}

var _ = Describe("The seals of statements", func() {
	long := proposed("eu", "b", 1200) // in two parts
	all := []statement.Statement{proposed("eu", "a", 1), long, proposed("eu", "c", 0), proposed("us", "a", 1)}
	once := []string{"eu 1 a 1/1", "eu 2 b 1/2", "eu 2 b 2/2", "eu 3 c 1/1", "us 1 a 1/1"}

	DescribeTable("are stored once, whatever becomes of the append", func(ctx SpecContext, faults ...fault) {
		s := newSite(ctx)
		s.faults = faults
		s.rival = func(ctx context.Context) { Expect(acts.Seal(ctx, s.Bus, all[:2], at)).To(Succeed()) }
		Expect(acts.Seal(ctx, s, all, at)).To(Succeed())
		Expect(s.seals(ctx)).To(Equal(once))
		Expect(acts.Seal(ctx, s, all, at.Add(time.Hour))).To(Succeed(), "after a kill")
		Expect(s.seals(ctx)).To(Equal(once))
	},
		Entry("stored"),
		Entry("not stored", requestLost),
		Entry("stored, and the answer lost", answerLost),
		Entry("not stored, then stored and the answer lost", requestLost, answerLost),
		Entry("stored in part, in the middle of a statement", torn),
		Entry("stored in part, and the rest's answer lost", torn, answerLost),
		Entry("another pricer was first", rivalFirst),
		Entry("another pricer was first, and the answer lost", rivalFirst, answerLost),
	)

	It("are stored with what a later pricer proposes, behind the former numbers", func(ctx SpecContext) {
		s := newSite(ctx)
		s.faults = []fault{denied}
		Expect(acts.Seal(ctx, s, all[:1], at)).To(MatchError(errDenied))
		Expect(s.seals(ctx)).To(BeEmpty())
		Expect(acts.Seal(ctx, s, all[:1], at)).To(Succeed())
		Expect(acts.Seal(ctx, s, []statement.Statement{proposed("eu", "0", 1), all[0]}, at)).To(Succeed())
		Expect(s.seals(ctx)).To(Equal([]string{"eu 1 a 1/1", "eu 2 0 1/1"}))
	})
})
