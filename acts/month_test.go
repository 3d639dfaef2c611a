package acts_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
)

// closing is an act that closes a month.
func closing(month string) events.Act {
	return events.Act{
		Kind: events.ActClosing, Source: "cf", Foundation: "eu", By: "ann", Note: "signed", Time: at,
		Month: events.Month{Month: month},
	}
}

var _ = Describe("A word about months", func() {
	It("is stored once, whatever becomes of the append, and again when it is given again", func(ctx SpecContext) {
		for _, faults := range [][]fault{{}, {answerLost}, {requestLost}, {requestLost, answerLost}} {
			s := newSite(ctx)
			s.faults = faults
			first, err := acts.DecideMonth(ctx, s, closing("2026-10"), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(s.list(ctx, events.ActClosing)).To(HaveExactElements(And(
				HaveField("Month.Month", "2026-10"), HaveField("Sequence", first), HaveField("By", "ann"))))
			second, err := acts.DecideMonth(ctx, s, closing("2026-10"), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(second).To(BeNumerically(">", first), "the projector may have refused the first")
		}
	})
	It("stands directly behind what its author knew, or is not stored", func(ctx SpecContext) {
		s := newSite(ctx)
		expected, asked := uint64(0), []uint64{}
		check := func(_ context.Context, usage uint64) error {
			if asked = append(asked, usage); usage != expected {
				return errDenied
			}
			return nil
		}
		first, err := acts.DecideMonth(ctx, s, closing("2026-10"), check)
		Expect(err).NotTo(HaveOccurred())
		Expect(first).To(Equal(uint64(1)))
		_, err = acts.DecideMonth(ctx, s, closing("2026-11"), check)
		Expect(err).To(MatchError(errDenied))
		Expect(asked).To(Equal([]uint64{0, 1}))
		expected = 1
		s.faults = []fault{answerLost}
		second, err := acts.DecideMonth(ctx, s, closing("2026-11"), check)
		Expect(err).NotTo(HaveOccurred())
		Expect(second).To(Equal(uint64(2)))
		Expect(s.list(ctx, events.ActClosing)).To(HaveLen(2))
	})
	It("stands on the subject of its kind, also for all foundations", func(ctx SpecContext) {
		s := newSite(ctx)
		_, err := acts.DecideMonth(ctx, s, events.Act{Kind: events.ActMode, Month: events.Month{Mode: "manual"}}, nil)
		Expect(err).NotTo(HaveOccurred())
		subject, _, body := s.stored(ctx, events.StreamUsage, 1)
		Expect(subject).To(Equal("usage.act.mode.all.all"))
		Expect(body).To(ContainSubstring(`"month":{"mode":"manual"}`))
	})
})

var _ = Describe("A catalogue that prices closed months", func() {
	It("is stored again for a month that it has not priced, and not for one that it has", func(ctx SpecContext) {
		s := newSite(ctx)
		p := version("v1", "a")
		Expect(acts.PublishCatalogue(ctx, s, p)).To(BeTrue())
		p.Reprice = []string{"2026-10"}
		Expect(acts.Published(ctx, s, p)).To(BeFalse())
		Expect(acts.PublishCatalogue(ctx, s, p)).To(BeTrue())
		Expect(acts.Published(ctx, s, p)).To(BeTrue())
		Expect(acts.PublishCatalogue(ctx, s, p)).To(BeFalse(), "twice is once")
		Expect(acts.PublishCatalogue(ctx, s, version("v2", "b"))).To(BeTrue())
		Expect(acts.PublishCatalogue(ctx, s, p)).To(BeTrue(), "another version was in force between")
		Expect(s.list(ctx, events.ActCatalogue)).To(HaveLen(4))
	})
})

var _ = Describe("A catalogue with closed months that can not be priced", func() {
	It("is not published where one is no month", func(ctx SpecContext) {
		s := newSite(ctx)
		p := version("v1", "a")
		p.Reprice = []string{"2026-10", "0000-xx"}
		_, err := acts.PublishCatalogue(ctx, s, p)
		Expect(err).To(MatchError(`catalogue version "v1" is not published: it names "0000-xx" among the closed ` +
			`months to be priced, which is not a month such as 2026-11`))
		Expect(s.list(ctx, events.ActCatalogue)).To(BeEmpty())
	})
	It("is not published with more of them than one message names, and takes the others when published again", func(
		ctx SpecContext,
	) {
		s := newSite(ctx)
		p := version("v1", "a")
		for n := range limit.MaxReprice + 1 {
			p.Reprice = append(p.Reprice, time.Date(2010, time.Month(1+n), 1, 0, 0, 0, 0, time.UTC).Format("2006-01"))
		}
		_, err := acts.PublishCatalogue(ctx, s, p)
		Expect(err).To(MatchError(ContainSubstring("121 closed months to be priced, more than 120: name the others " +
			"when the version is published again")))
		all := p.Reprice
		p.Reprice = all[:limit.MaxReprice]
		Expect(acts.PublishCatalogue(ctx, s, p)).To(BeTrue())
		p.Reprice = all[limit.MaxReprice:]
		Expect(acts.PublishCatalogue(ctx, s, p)).To(BeTrue())
	})
})

var _ = Describe("The months of a foundation", func() {
	It("are read from METERED, and say what can be closed and opened again", func(ctx SpecContext) {
		s := newSite(ctx)
		put := func(kind, subject string, body interface{ AppendJSON(b []byte) []byte }) {
			s.put(ctx, events.StreamMetered, bus.Message{
				Subject: subject, Data: body.AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: kind}},
			})
		}
		said := func(month string, reopened bool) {
			put(events.TypeClosing, events.MeteredClosingSubject("cf", "eu"),
				&events.Closing{Source: "cf", Foundation: "eu", Month: month, Reopened: reopened})
		}
		put(events.TypeHorizon, events.MeteredHorizonSubject("cf", "eu"),
			&events.Horizon{Source: "cf", Foundation: "eu", Time: time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC)})
		said("2026-09", false)
		said("2026-10", false)
		read := func() acts.Months {
			all, err := acts.ReadMonths(ctx, s, "eu")
			Expect(err).NotTo(HaveOccurred())
			Expect(all).To(HaveLen(1))
			return all[0]
		}
		m := read()
		Expect(m.Closed).To(HaveExactElements(HaveField("Month", "2026-09"), HaveField("Month", "2026-10")))
		Expect(m.Closable("2026-10")).To(MatchError(acts.ErrMonthClosed))
		Expect(m.Closable("2026-11")).To(Succeed())
		Expect(m.Closable("2026-12")).To(MatchError(acts.ErrMonthNotOver))
		Expect(m.Closable("autumn")).NotTo(Succeed())
		Expect(m.Openable("2026-09")).To(MatchError(acts.ErrMonthOpen))
		Expect(m.Openable("2026-10")).To(Succeed())
		said("2026-10", true)
		m = read()
		Expect(m.Closed).To(HaveExactElements(HaveField("Month", "2026-09")))
		Expect(m.Reopened).To(HaveExactElements(HaveField("Month", "2026-10")))
		Expect(m.Openable("2026-09")).To(MatchError(acts.ErrMonthOpen))
		Expect(m.Closable("2026-10")).To(Succeed())
	})
})
