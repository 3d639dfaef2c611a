// Package ledgertest is the conformance suite of all ledgers.
package ledgertest

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

func amount(s string) events.Decimal {
	d, err := events.ParseDecimal(s)
	Expect(err).NotTo(HaveOccurred())
	return d
}

// Charge is an entry as the suite posts it.
func Charge(tenant, period, kind, net, vat string) ledger.Charge {
	return ledger.Charge{Charge: events.Charge{
		Entry: events.EntryCharge, Period: period, Tenant: tenant, Kind: kind, Plan: "plan", Component: "hour",
		Unit: "h", Currency: "GBP",
		Quantity: amount("1"), Amount: amount(net), VAT: amount(vat),
	}}
}

func at(metered, billing uint64) ledger.Positions {
	return ledger.Positions{Metered: metered, Billing: billing}
}

// tools post to the ledger of a spec, and ask it for bills: each has the horizons of Horizons.
func tools(of func() ledger.Ledger) (post func(b ledger.Batch), bill func(q ledger.Query) ledger.Bill) {
	ctx := context.Background()
	post = func(b ledger.Batch) {
		GinkgoHelper()
		var err error
		b.From, err = of().Positions(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(of().Post(ctx, b)).To(Succeed())
	}
	bill = func(q ledger.Query) ledger.Bill {
		GinkgoHelper()
		b, err := of().Bill(ctx, q)
		Expect(err).NotTo(HaveOccurred())
		Expect(of().Horizons(ctx, q)).To(Equal(b.Horizons))
		return b
	}
	return post, bill
}

// Specs declares the suite. empty makes a new ledger without postings.
func Specs(empty func() ledger.Ledger) {
	var l ledger.Ledger
	ctx := context.Background()
	present := func() ledger.Ledger { return l }
	post, bill := tools(present)
	BeforeEach(func() { l = empty() })
	owners(present)

	It("starts at the beginning of both streams, with an empty bill", func() {
		Expect(l.Positions(ctx)).To(Equal(at(0, 0)))
		Expect(bill(ledger.Query{}).Lines).To(BeEmpty())
	})

	It("keeps the positions with the postings", func() {
		post(ledger.Batch{Positions: at(5, 0)})
		post(ledger.Batch{Positions: at(5, 3), Charges: []ledger.Charge{Charge("a", "2026-11", "app", "1", "0.2")}})
		Expect(l.Positions(ctx)).To(Equal(at(5, 3)))
	})

	It("refuses a batch that it has posted, or that goes back, and counts nothing twice", func() {
		batch := ledger.Batch{Positions: at(2, 3), Charges: []ledger.Charge{Charge("a", "2026-11", "app", "1", "0.2")}}
		post(batch)
		Expect(l.Post(ctx, batch)).To(MatchError(ledger.ErrPosted))
		batch.From, batch.Positions = at(2, 3), at(1, 9)
		Expect(l.Post(ctx, batch)).To(MatchError(ledger.ErrPosted))
		batch.From, batch.Positions = at(2, 2), at(2, 4)
		Expect(l.Post(ctx, batch)).To(MatchError(ledger.ErrPosted), "another poster has posted message 3")
		Expect(bill(ledger.Query{}).Lines[0].Amount.String()).To(Equal("1"))
	})

	It("divides a bill by what its charges say, and the parts add up to the whole", func() {
		var charges []ledger.Charge
		for _, of := range [][3]string{
			{"mysql", "north", "a"}, {"mysql", "north", "b"}, {"redis", "north", "a"}, {"mysql", "south", "a"}, {},
		} {
			c := Charge("a", "2026-11", "instance", "1", "0.2")
			c.Datastore, c.Region, c.AvailabilityZone = of[0], of[1], of[2]
			c.Space, c.App, c.Resource = "space", "app", "db"
			charges = append(charges, c)
		}
		post(ledger.Batch{Positions: at(0, 1), Charges: charges})
		by := func(dimensions ...ledger.Dimension) (lines []string) {
			for _, l := range bill(ledger.Query{Tenant: "a", By: dimensions}).Lines {
				lines = append(lines, strings.Join(append(l.Group, l.Amount.String(), l.VAT.String()), " "))
			}
			return lines
		}
		Expect(by(ledger.ByDatastore)).To(Equal([]string{" 1 0.2", "mysql 3 0.6", "redis 1 0.2"}))
		Expect(by(ledger.ByRegion, ledger.ByDatastore)).To(Equal([]string{
			"  1 0.2", "north mysql 2 0.4", "north redis 1 0.2", "south mysql 1 0.2",
		}))
		Expect(by(ledger.ByAvailabilityZone)).To(Equal([]string{" 1 0.2", "a 3 0.6", "b 1 0.2"}))
		Expect(by(ledger.BySpace, ledger.ByApp, ledger.ByResource)).To(Equal([]string{"space app db 5 1"}))
		Expect(by()).To(Equal([]string{"5 1"}))
		Expect(by(ledger.ByKind, ledger.ByPlan, ledger.ByComponent)).To(Equal([]string{"instance plan hour 5 1"}))
	})

	It("divides a bill by plan, component and day, and counts nothing where units differ", func() {
		day := func(plan, component, unit string, d int) ledger.Charge {
			c := Charge("a", "2026-11", "app", "1", "0.2")
			c.Plan, c.Component, c.Unit, c.Start = plan, component, unit, time.Date(2026, 11, d, 5, 0, 0, 0, time.UTC)
			return c
		}
		post(ledger.Batch{Positions: at(0, 1), Charges: []ledger.Charge{
			day("small", "memory", "h", 1), day("small", "memory", "h", 2), day("large", "memory", "h", 2),
			day("large", "start", "", 2),
		}})
		by := func(dimensions ...ledger.Dimension) (lines []string) {
			for _, l := range bill(ledger.Query{By: dimensions}).Lines {
				quantity := "-"
				if l.Counted() {
					quantity = l.Quantity.String() + l.Unit
				}
				lines = append(lines, strings.Join(append(l.Group, quantity, l.Amount.String()), " "))
			}
			return lines
		}
		Expect(by(ledger.ByPlan)).To(Equal([]string{"large - 2", "small 2h 2"}))
		Expect(by(ledger.ByComponent)).To(Equal([]string{"memory 3h 3", "start - 1"}))
		Expect(by(ledger.ByDay)).To(Equal([]string{"2026-11-01 1h 1", "2026-11-02 - 3"}))
		Expect(by(ledger.ByDay, ledger.ByPlan)).To(Equal([]string{
			"2026-11-01 small 1h 1", "2026-11-02 large - 2", "2026-11-02 small 1h 1",
		}))
	})

	It("keeps corrections of earlier months apart, by the month that they are of", func() {
		of := func(month time.Month, net string) ledger.Charge {
			c := Charge("a", "2026-11", "app", net, "0")
			c.Start = time.Date(2026, month, 3, 0, 0, 0, 0, time.UTC)
			return c
		}
		post(ledger.Batch{Positions: at(0, 1), Charges: []ledger.Charge{
			of(11, "4"), of(10, "-1"), of(10, "3"), of(9, "1"), of(12, "7"),
		}})
		for _, q := range []ledger.Query{{}, {By: []ledger.Dimension{ledger.ByResource}}} {
			var got []string
			for _, l := range bill(q).Lines {
				got = append(got, l.Of+" "+l.Amount.String())
			}
			Expect(got).To(Equal([]string{" 11", "2026-09 1", "2026-10 2"}))
		}
	})

	It("says of one month and one tenant what may still change them, and nothing of others", func() {
		on := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
		listing := func(tenant, foundation string, start, end time.Time) ledger.Running {
			return ledger.Running{
				Subject: "metered." + tenant, Source: "cf", Foundation: foundation, Tenant: tenant,
				Spans: []events.Span{{Kind: "app", Resource: "r", Tenant: tenant, Start: end}},
				Held:  []events.Hold{{ID: tenant, Resource: "r", Start: start, End: end}},
				Anomalies: []anomalies.Anomaly{{
					Anomaly: events.Anomaly{Code: "clock", Time: start}, Source: "cf", Foundation: foundation,
					Tenant: tenant, Kind: "app",
				}},
			}
		}
		h := []events.Horizon{
			{Source: "cf", Foundation: "north", Time: on(11, 9)}, {Source: "cf", Foundation: "south", Time: on(11, 9)},
		}
		post(ledger.Batch{
			Positions: at(1, 1), Metered: h, Billed: h,
			Running: []ledger.Running{
				listing("a", "north", on(10, 30), on(10, 31)), listing("b", "south", on(11, 2), on(11, 3)),
			},
			Gaps: []events.Gap{
				{ID: "g1", Source: "cf", Foundation: "north", From: on(10, 1), To: on(10, 2)},
				{ID: "g2", Source: "cf", Foundation: "south", To: on(11, 1)},
				{ID: "g3", Source: "cf", Foundation: "south", From: on(11, 8)},
			},
		})
		answer := func(q ledger.Query) string {
			b := bill(q)
			text := fmt.Sprintf("running %d, held %d, clock %d", b.Running, b.Held, b.Anomalies["clock"])
			for _, g := range b.Gaps {
				text += ", gap " + g.ID
			}
			for _, h := range b.Horizons {
				text += ", " + h.Foundation + " charged through " + h.Billed.Format("01-02")
			}
			return text
		}
		Expect(answer(ledger.Query{})).To(Equal("running 2, held 2, clock 2, gap g1, gap g2, gap g3, " +
			"north charged through 10-31, south charged through 11-03"))
		Expect(answer(ledger.Query{Period: "2026-10"})).To(Equal("running 1, held 1, clock 1, gap g1, gap g2, " +
			"north charged through 10-31, south charged through 11-03"))
		Expect(answer(ledger.Query{Tenant: "b"})).To(Equal("running 1, held 1, clock 1, gap g2, gap g3, " +
			"south charged through 11-03"))
		Expect(answer(ledger.Query{Tenant: "b", Period: "2026-11"})).To(Equal("running 1, held 1, clock 1, gap g3, " +
			"south charged through 11-03"))
		Expect(answer(ledger.Query{Tenant: "b", Period: "2026-10"})).To(Equal("running 0, held 0, clock 0, gap g2, " +
			"south charged through 11-03"))
	})

	It("adds charges up exactly, by month, tenant, kind, plan and component, in that order", func() {
		post(ledger.Batch{Positions: at(0, 1), Charges: []ledger.Charge{
			Charge("b", "2026-10", "app", "0.1", "0.02"), Charge("a", "2026-11", "app", "0.000000000001", "0"),
			Charge("a", "2026-10", "task", "3", "0.6"),
		}})
		post(ledger.Batch{Positions: at(0, 2), Charges: []ledger.Charge{Charge("b", "2026-10", "app", "0.2", "0.04")}})
		var got []string
		for _, l := range bill(ledger.Query{}).Lines {
			got = append(got,
				l.Period+" "+l.Tenant+" "+l.Kind+" "+l.Quantity.String()+" "+l.Amount.String()+" "+l.VAT.String())
		}
		Expect(got).To(Equal([]string{
			"2026-10 a task 1 3 0.6", "2026-10 b app 2 0.3 0.06",
			"2026-11 a app 1 0.000000000001 0",
		}))
	})

	It("keeps the sums by the day on which a charge begins, resource and component", func() {
		day := func(d, hour int) time.Time { return time.Date(2026, 10, d, hour, 0, 0, 0, time.UTC) }
		at := func(resource string, start time.Time) ledger.Charge {
			c := Charge("a", "2026-10", "app", "0.1", "0.02")
			c.Resource, c.Start, c.Space = resource, start, "space"
			return c
		}
		late := at("q", day(31, 23))
		late.Period = "2026-11"
		post(ledger.Batch{Positions: ledger.Positions{Billing: 1}, Charges: []ledger.Charge{
			at("q", day(31, 0)), at("p", day(31, 1)), at("q", day(31, 23)), at("q", day(1, 0)), late,
			Charge("b", "2026-10", "app", "1", "0"),
		}})
		task := at("task-1", day(2, 0))
		task.Kind, task.App = events.KindTask, "q"
		again := task
		again.Resource = "task-2"
		post(ledger.Batch{Positions: ledger.Positions{Billing: 2}, Charges: []ledger.Charge{task, again}})
		sums, err := l.Totals(ctx, ledger.Query{Tenant: "a", By: []ledger.Dimension{
			ledger.ByDay, ledger.ByResource, ledger.BySpace, ledger.ByMonth,
		}})
		Expect(err).NotTo(HaveOccurred())
		Expect(sumTexts(sums)).To(Equal([]string{
			"2026-10-01 q space 2026-10 0.1 0.02", "2026-10-02 q space 2026-10 0.2 0.04",
			"2026-10-31 p space 2026-10 0.1 0.02", "2026-10-31 q space 2026-10 0.2 0.04",
			"2026-10-31 q space 2026-11 0.1 0.02",
		}))
	})

	It("says which of its months are final: closed in every foundation of their tenants", func() {
		listed := func(tenant, foundation string) ledger.Running {
			return ledger.Running{
				Subject: tenant + "." + foundation, Source: "cf", Foundation: foundation, Tenant: tenant,
			}
		}
		closing := func(foundation, month string, reopened bool) events.Closing {
			return events.Closing{Source: "cf", Foundation: foundation, Month: month, Reopened: reopened}
		}
		h := []events.Horizon{{Source: "cf", Foundation: "north"}, {Source: "cf", Foundation: "south"}}
		post(ledger.Batch{
			Positions: at(1, 1), Metered: h,
			Running: []ledger.Running{listed("a", "north"), listed("b", "north"), listed("b", "south")},
			Charges: []ledger.Charge{
				Charge("a", "2026-10", "app", "1", "0"), Charge("b", "2026-10", "app", "1", "0"),
				Charge("a", "2026-11", "app", "1", "0"),
			},
			Closings: []events.Closing{closing("north", "2026-10", false)},
		})
		answer := func(q ledger.Query) string {
			b := bill(q)
			return strings.Join(b.Final, " ") + ", " + strings.Join(b.Preliminary, " ")
		}
		Expect(answer(ledger.Query{Tenant: "a"})).To(Equal("2026-10, 2026-11"))
		Expect(answer(ledger.Query{Tenant: "b"})).To(Equal(", 2026-10"))
		Expect(answer(ledger.Query{})).To(Equal(", 2026-11 2026-10"))
		Expect(answer(ledger.Query{Tenant: "a", Period: "2026-09"})).To(Equal("2026-09, "))
		post(ledger.Batch{Positions: at(2, 1), Closings: []events.Closing{closing("south", "2026-10", false)}})
		Expect(answer(ledger.Query{})).To(Equal("2026-10, 2026-11"))
		post(ledger.Batch{Positions: at(3, 1), Closings: []events.Closing{closing("south", "2026-10", true)}})
		Expect(answer(ledger.Query{})).To(Equal(", 2026-11 2026-10"))
	})

	It("has totals by VAT rate, of a query's month and tenant", func() {
		at20, at15 := Charge("a", "2026-11", "app", "1", "0.2"), Charge("a", "2026-11", "app", "2", "0.3")
		at20.VATRate, at15.VATRate = "0.2", "0.15"
		post(ledger.Batch{Positions: at(0, 1), Charges: []ledger.Charge{
			at20, at15, at20, Charge("b", "2026-11", "app", "4", "0"),
		}})
		var got []string
		for _, t := range bill(ledger.Query{Tenant: "a"}).Totals {
			got = append(got, t.Period+" "+t.Tenant+" "+t.VATRate+" "+t.Amount.String()+" "+t.VAT.String())
		}
		Expect(got).To(Equal([]string{"2026-11 a 0.15 2 0.3", "2026-11 a 0.2 2 0.4"}))
		Expect(bill(ledger.Query{Period: "2026-10"}).Totals).To(BeEmpty())
	})

	It("nets a reversal", func() {
		c := Charge("a", "2026-11", "app", "5", "1")
		r := c
		r.Entry, r.Quantity, r.Amount, r.VAT = events.EntryReversal, c.Quantity.Neg(), c.Amount.Neg(), c.VAT.Neg()
		post(ledger.Batch{Positions: at(0, 1), Charges: []ledger.Charge{c, r, Charge("a", "2026-11", "app", "2",
			"0.4")}})
		line := bill(ledger.Query{}).Lines[0]
		Expect([]string{line.Quantity.String(), line.Amount.String(), line.VAT.String()}).To(Equal([]string{
			"1", "2",
			"0.4",
		}))
		Expect(line.Charges).To(Equal(3))
	})

	It("answers for one tenant, and for one month", func() {
		post(ledger.Batch{Positions: at(0, 1), Charges: []ledger.Charge{
			Charge("a", "2026-10", "app", "1", "0"),
			Charge("b", "2026-10", "app", "2", "0"), Charge("a", "2026-11", "app", "4", "0"),
		}})
		Expect(bill(ledger.Query{Tenant: "a"}).Lines).To(HaveLen(2))
		Expect(bill(ledger.Query{Period: "2026-10"}).Lines).To(HaveLen(2))
		Expect(bill(ledger.Query{Tenant: "a", Period: "2026-10"}).Lines).To(HaveLen(1))
		Expect(bill(ledger.Query{Tenant: "nobody"}).Lines).To(BeEmpty())
	})

	It("counts what is unrated until it is settled", func() {
		start := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
		u := ledger.Unrated{Unrated: events.Unrated{ID: "u1", Tenant: "a", Start: start}}
		post(ledger.Batch{Positions: at(0, 1), Unrated: []ledger.Unrated{u}})
		Expect(bill(ledger.Query{Tenant: "a"}).Unrated).To(Equal(1))
		Expect(bill(ledger.Query{Tenant: "b"}).Unrated).To(BeZero())
		Expect(bill(ledger.Query{Period: "2026-10"}).Unrated).To(BeZero())
		post(ledger.Batch{Positions: at(0, 2), Settled: []string{"u1"}})
		Expect(bill(ledger.Query{}).Unrated).To(BeZero())
	})

	It("counts what is unrated in the month that a charge for it would be posted to", func() {
		late := events.Unrated{
			ID: "u1", Tenant: "a", Start: time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC),
			Period: "2026-11",
		}
		post(ledger.Batch{Positions: at(0, 1), Unrated: []ledger.Unrated{{Unrated: late}}})
		Expect(bill(ledger.Query{Period: "2026-10"}).Unrated).To(BeZero())
		Expect(bill(ledger.Query{Period: "2026-11"}).Unrated).To(Equal(1))
	})

	It("does not count what is unrated and settled in one batch, as a replay has it", func() {
		unrated := []ledger.Unrated{
			{Unrated: events.Unrated{ID: "u1", Tenant: "a"}},
			{Unrated: events.Unrated{ID: "u2", Tenant: "a"}},
		}
		post(ledger.Batch{Positions: at(0, 2), Unrated: unrated, Settled: []string{"u1"}})
		Expect(bill(ledger.Query{}).Unrated).To(Equal(1))
	})

	It("replaces what runs under a subject by what its last message lists", func() {
		span := func(resource string) events.Span {
			return events.Span{Kind: "app", Resource: resource, Tenant: "a", Start: time.Date(2026, 11, 1, 0, 0, 0, 0,
				time.UTC)}
		}
		post(ledger.Batch{Positions: at(1, 0), Running: []ledger.Running{{Subject: "s1", Spans: []events.Span{
			span("q"),
			span("p"),
		}}, {Subject: "s2", Spans: []events.Span{span("r")}}}})
		Expect(l.Running(ctx, ledger.Query{Tenant: "a"})).To(HaveLen(3))
		Expect(l.Running(ctx, ledger.Query{Tenant: "b"})).To(BeEmpty())
		post(ledger.Batch{Positions: at(2, 0), Running: []ledger.Running{{
			Subject: "s1",
			Spans:   []events.Span{span("q")},
		}, {Subject: "s2"}}})
		running, err := l.Running(ctx, ledger.Query{})
		Expect(err).NotTo(HaveOccurred())
		Expect(running).To(HaveLen(1))
		Expect(running[0].Resource).To(Equal("q"))
	})

	It("counts what is held under a subject, by the tenant, until a message lists it no more", func() {
		held := []ledger.Running{
			{Subject: "s1", Tenant: "a", Held: []events.Hold{{ID: "h1"}, {ID: "h2"}}, HeldOmitted: 3},
			{Subject: "s2", Tenant: "b", Held: []events.Hold{{ID: "h3"}}, Spans: []events.Span{{Tenant: "b"}}},
		}
		post(ledger.Batch{Positions: at(1, 0), Running: held})
		Expect(bill(ledger.Query{}).Held).To(Equal(6))
		Expect(bill(ledger.Query{Tenant: "a"}).Held).To(Equal(5))
		post(ledger.Batch{Positions: at(2, 0), Running: []ledger.Running{{Subject: "s1", Tenant: "a"}}})
		Expect(bill(ledger.Query{}).Held).To(Equal(1))
	})

	It("says that what runs is charged up to its last cut only", func() {
		cut, horizon := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
		h := []events.Horizon{{Source: "cf", Foundation: "prod", Time: horizon}, {
			Source: "cf", Foundation: "other",
			Time: horizon,
		}}
		running := ledger.Running{
			Subject: "s", Source: "cf", Foundation: "prod",
			Spans: []events.Span{{Tenant: "a", Start: horizon.Add(-time.Minute)}, {Tenant: "b", Start: cut}},
		}
		post(ledger.Batch{Positions: at(1, 1), Metered: h, Billed: h, Running: []ledger.Running{running}})
		Expect(bill(ledger.Query{}).Horizons).To(Equal([]ledger.Horizon{
			{Source: "cf", Foundation: "other", Metered: horizon, Billed: horizon}, {
				Source: "cf", Foundation: "prod",
				Metered: horizon, Billed: cut,
			},
		}))
		Expect(bill(ledger.Query{}).Running).To(Equal(2))
		Expect(bill(ledger.Query{Tenant: "b"}).Running).To(Equal(1))
	})

	It("says how complete it is: horizons, gaps", func() {
		t1, t2 := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
		h := func(t time.Time) []events.Horizon {
			return []events.Horizon{{Source: "cf", Foundation: "prod", Time: t}}
		}
		post(ledger.Batch{Positions: at(1, 0), Metered: h(t2), Gaps: []events.Gap{{
			Source: "cf", Foundation: "prod",
			Reason: "pruned",
		}}})
		post(ledger.Batch{Positions: at(1, 1), Billed: h(t1)})
		b := bill(ledger.Query{})
		Expect(b.Horizons).To(Equal([]ledger.Horizon{{Source: "cf", Foundation: "prod", Metered: t2, Billed: t1}}))
		Expect(b.Gaps).To(HaveLen(1))
	})

	It("says which anomalies stand: until the end of the month after they were found", func() {
		month := func(m time.Month) time.Time { return time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC) }
		h := func(t time.Time) events.Horizon { return events.Horizon{Source: "cf", Foundation: "prod", Time: t} }
		found := func(tenant, code string) []anomalies.Anomaly {
			return []anomalies.Anomaly{{
				Anomaly: events.Anomaly{Code: code, Time: month(8)}, Source: "cf", Foundation: "prod", Tenant: tenant,
			}}
		}
		on := func(horizons int, all []anomalies.Anomaly) ledger.Running {
			return ledger.Running{Source: "cf", Foundation: "prod", Horizons: horizons, Anomalies: all}
		}
		post(ledger.Batch{
			Positions: at(1, 0), Metered: []events.Horizon{h(month(10)), h(month(11))},
			Running: []ledger.Running{
				on(1, found("a", "clock")), on(2, found("b", "clock")),
				on(2, found("", "unreadable")),
			},
		})
		Expect(bill(ledger.Query{}).Anomalies).To(Equal(map[string]int{"clock": 2, "unreadable": 1}))
		Expect(bill(ledger.Query{Tenant: "a"}).Anomalies).To(Equal(map[string]int{"clock": 1, "unreadable": 1}))
		all, omitted, err := l.Anomalies(ctx, anomalies.Filter{Tenant: "b"})
		Expect(err).NotTo(HaveOccurred())
		Expect(all).To(HaveExactElements(HaveField("Code", "clock")))
		Expect(omitted).To(BeZero())
		post(ledger.Batch{Positions: at(2, 0), Metered: []events.Horizon{h(month(12))}})
		Expect(bill(ledger.Query{}).Anomalies).To(Equal(map[string]int{"clock": 1, "unreadable": 1}))
		post(ledger.Batch{Positions: at(3, 0), Metered: []events.Horizon{h(month(13))}})
		Expect(bill(ledger.Query{}).Anomalies).To(BeEmpty())
	})
}
