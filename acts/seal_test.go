package acts_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
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

// seal seals statements of a foundation for a pricer that has taken whatever is in USAGE.
func (s *site) seal(ctx context.Context, b acts.Bus, foundation string, all []statement.Statement) error {
	return acts.Seal(ctx, b, "cf", foundation, at, func(ctx context.Context, last uint64) (u acts.Unsealed, err error) {
		begun := ""
		sealed := map[string]bool{}
		err = acts.List(ctx, s.Bus, events.ActSeal, foundation, func(a *acts.Act) error {
			var x statement.Statement
			if a.Sequence > last {
				return nil
			}
			if err := x.DecodeJSON(a.Statement); err != nil {
				return err
			}
			if x.Part == 0 {
				begun = x.ID
			}
			if x.Last() {
				sealed[begun], u.Number = true, x.Number
			}
			return nil
		})
		for i := range all {
			if !sealed[all[i].ID] {
				u.Statements = append(u.Statements, all[i])
			}
		}
		return u, err
	})
}

var _ = Describe("The seals of statements", func() {
	long := proposed("eu", "b", 1200) // in two parts
	all := []statement.Statement{proposed("eu", "a", 1), long, proposed("eu", "c", 0)}
	once := []string{"eu 1 a 1/1", "eu 2 b 1/2", "eu 2 b 2/2", "eu 3 c 1/1"}
	again := []string{"eu 1 a 1/1", "eu 2 b 1/2", "eu 2 b 1/2", "eu 2 b 2/2", "eu 3 c 1/1"}

	DescribeTable("are stored once, whatever becomes of the append",
		func(ctx SpecContext, want []string, faults ...fault) {
			s := newSite(ctx)
			s.faults = faults
			s.rival = func(ctx context.Context) { Expect(s.seal(ctx, s.Bus, "eu", all[:2])).To(Succeed()) }
			Expect(s.seal(ctx, s, "eu", all)).To(Succeed())
			Expect(s.seals(ctx)).To(Equal(want))
			Expect(s.seal(ctx, s, "eu", all)).To(Succeed(), "after a kill")
			Expect(s.seals(ctx)).To(Equal(want))
			Expect(s.seal(ctx, s, "us", []statement.Statement{proposed("us", "a", 1)})).To(Succeed())
			Expect(s.seals(ctx)).To(Equal(append(slices.Clone(want), "us 1 a 1/1")), "each foundation by itself")
		},
		Entry("stored", once),
		Entry("not stored", once, requestLost),
		Entry("stored, and the answer lost", once, answerLost),
		Entry("not stored, then stored and the answer lost", once, requestLost, answerLost),
		Entry("stored in part, in the middle of a statement: it is begun anew", again, torn),
		Entry("stored in part, and the rest's answer lost", again, torn, answerLost),
		Entry("another pricer was first", once, rivalFirst),
		Entry("another pricer was first, and the answer lost", once, rivalFirst, answerLost),
	)

	It("are stored with what a later pricer proposes, behind the former numbers", func(ctx SpecContext) {
		s := newSite(ctx)
		s.faults = []fault{denied}
		Expect(s.seal(ctx, s, "eu", all[:1])).To(MatchError(errDenied))
		Expect(s.seals(ctx)).To(BeEmpty())
		Expect(s.seal(ctx, s, "eu", all[:1])).To(Succeed())
		Expect(s.seal(ctx, s, "eu", []statement.Statement{proposed("eu", "0", 1), all[0]})).To(Succeed())
		Expect(s.seals(ctx)).To(Equal([]string{"eu 1 a 1/1", "eu 2 0 1/1"}))
	})

	It("go out in several batches, where a batch has not room for all", func(ctx SpecContext) {
		s := newSite(ctx)
		var many []statement.Statement
		for i := range bus.MaxBatch + 1 {
			many = append(many, proposed("eu", fmt.Sprint(i), 0))
		}
		Expect(s.seal(ctx, s, "eu", many)).To(Succeed())
		Expect(s.seals(ctx)).To(HaveLen(bus.MaxBatch + 1))
	})

	It("are refused to a statement in too many parts, and given to the others", func(ctx SpecContext) {
		s := newSite(ctx)
		large := proposed("eu", "b", 0)
		line := statement.Line{Plan: strings.Repeat("p", 900_000)}
		for range statement.MaxParts + 1 {
			large.Lines = append(large.Lines, line)
		}
		next := proposed("eu", "b", 0)
		next.ID, next.Revision = events.ID("next"), 2
		Expect(s.seal(ctx, s, "eu", []statement.Statement{all[0], large, next, all[2]})).To(And(
			MatchError(acts.ErrUnsealable), MatchError(ContainSubstring(
				"the statement of tenant b, month 2026-10, has 65 lines in 65 parts, and at most 64 are sealed"))))
		Expect(s.seals(ctx)).To(Equal([]string{"eu 1 a 1/1", "eu 2 c 1/1"}))
	})

	It("are not stored again and again where nobody takes them", func(ctx SpecContext) {
		s := newSite(ctx)
		Expect(acts.Seal(ctx, s, "cf", "eu", at, func(context.Context, uint64) (acts.Unsealed, error) {
			return acts.Unsealed{Statements: all[:1]}, nil
		})).To(And(MatchError(acts.ErrUnsealable),
			MatchError(ContainSubstring("are stored up to number 1, and taken up to number 0"))))
		Expect(s.seals(ctx)).To(HaveLen(1))
	})
})
