package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

func sumTexts(sums []ledger.Sum) (lines []string) {
	for _, s := range sums {
		lines = append(lines, strings.Join(append(slices.Clone(s.Group), s.Amount.String(), s.VAT.String()), " "))
	}
	return lines
}

// owners declares the specs about what a query selects; of gives the ledger of a spec.
func owners(of func() ledger.Ledger) {
	var l ledger.Ledger
	ctx := context.Background()
	post, bill := tools(of)
	BeforeEach(func() { l = of() })

	It("keeps apart what belongs to other owners: a cloned foundation has tenants with the same ids", func() {
		of := func(foundation, tenant, net string) ledger.Charge {
			c := Charge(tenant, "2026-11", "app", net, "0")
			c.Foundation, c.Source = foundation, "cf"
			return c
		}
		span := events.Span{
			Kind: "app", Resource: "r", Tenant: "a", Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		}
		listed := func(foundation string) ledger.Running {
			return ledger.Running{
				Subject: "metered." + foundation, Source: "cf", Foundation: foundation, Tenant: "a",
				Spans: []events.Span{span}, Held: []events.Hold{{ID: foundation, Start: span.Start}},
				Anomalies: []anomalies.Anomaly{{
					Anomaly: events.Anomaly{Code: "clock", Time: span.Start}, Source: "cf", Foundation: foundation,
					Tenant: "a",
				}},
			}
		}
		h := []events.Horizon{{Source: "cf", Foundation: "north"}, {Source: "cf", Foundation: "south"}}
		post(ledger.Batch{
			Positions: at(1, 1), Metered: h, Billed: h,
			Charges: []ledger.Charge{of("north", "a", "1"), of("south", "a", "2"), of("south", "b", "4")},
			Running: []ledger.Running{listed("north"), listed("south")},
			Unrated: []ledger.Unrated{
				{Unrated: events.Unrated{ID: "u1", Tenant: "a", Start: span.Start}, Foundation: "north"},
				{Unrated: events.Unrated{ID: "u2", Tenant: "a", Start: span.Start}, Foundation: "south"},
			},
			Gaps: []events.Gap{{ID: "g", Source: "cf", Foundation: "north"}},
		})
		answer := func(q ledger.Query) string {
			b := bill(q)
			text := ""
			for _, l := range b.Lines {
				text += l.Tenant + " " + l.Amount.String() + ", "
			}
			running, err := l.Running(ctx, q)
			Expect(err).NotTo(HaveOccurred())
			return text + fmt.Sprintf("running %d %d, held %d, unrated %d, clock %d, gaps %d, horizons %d", b.Running,
				len(running), b.Held, b.Unrated, b.Anomalies["clock"], len(b.Gaps), len(b.Horizons))
		}
		north := []events.Owner{{Foundation: "north", Tenant: "a"}}
		both := append(north, events.Owner{Foundation: "south", Tenant: "a"})
		Expect(answer(ledger.Query{})).To(Equal(
			"a 3, b 4, running 2 2, held 2, unrated 2, clock 2, gaps 1, horizons 2"))
		Expect(answer(ledger.Query{Foundation: "south"})).To(Equal(
			"a 2, b 4, running 1 1, held 1, unrated 1, clock 1, gaps 0, horizons 1"))
		Expect(answer(ledger.Query{Owners: north})).To(Equal(
			"a 1, running 1 1, held 1, unrated 1, clock 1, gaps 1, horizons 1"))
		Expect(answer(ledger.Query{Owners: both})).To(Equal(
			"a 3, running 2 2, held 2, unrated 2, clock 2, gaps 1, horizons 2"))
		none := HavePrefix("running 0 0, held 0, unrated 0")
		Expect(answer(ledger.Query{Owners: north, Foundation: "south"})).To(none)
		Expect(answer(ledger.Query{Owners: north, Tenant: "b"})).To(none)
		south := []events.Owner{{Foundation: "south"}}
		Expect(answer(ledger.Query{Owners: south})).To(Equal(
			"a 2, b 4, running 1 1, held 1, unrated 1, clock 1, gaps 0, horizons 1"), "every tenant of a foundation")
		Expect(answer(ledger.Query{Owners: south, Tenant: "b"})).To(HavePrefix("b 4, running 0 0, held 0, unrated 0"))
		Expect(answer(ledger.Query{Owners: []events.Owner{}})).To(Equal(
			"running 0 0, held 0, unrated 0, clock 0, gaps 0, horizons 0"))
		sums, err := l.Totals(ctx, ledger.Query{Owners: both, By: []ledger.Dimension{ledger.ByFoundation}})
		Expect(err).NotTo(HaveOccurred())
		Expect(sumTexts(sums)).To(Equal([]string{"north 1 0", "south 2 0"}))
	})

	It("selects by space, app, resource, kind, plan, component and day", func() {
		c := func(space, app, resource, kind, plan, component string, day int) ledger.Charge {
			c := Charge("a", "2026-11", kind, "1", "0")
			c.Space, c.App, c.Resource, c.Plan, c.Component = space, app, resource, plan, component
			c.Start = time.Date(2026, 11, day, 7, 0, 0, 0, time.UTC)
			return c
		}
		post(ledger.Batch{Positions: at(0, 1), Charges: []ledger.Charge{
			c("s", "x", "p", "app", "small", "memory", 1), c("s", "x", "p", "app", "small", "memory", 2),
			c("s", "x", "t1", "task", "task", "memory", 2), c("t", "y", "q", "app", "large", "start", 3),
		}})
		count := func(q ledger.Query) string {
			sums, err := l.Totals(ctx, q)
			Expect(err).NotTo(HaveOccurred())
			n := 0
			for _, s := range sums {
				n += s.Charges
			}
			m := 0
			for _, line := range bill(q).Lines {
				m += line.Charges
			}
			return fmt.Sprint(n, " ", m)
		}
		on := func(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }
		Expect(count(ledger.Query{Space: "s"})).To(Equal("3 3"))
		Expect(count(ledger.Query{App: "x"})).To(Equal("3 3"))
		Expect(count(ledger.Query{Resource: "p"})).To(Equal("2 2"))
		Expect(count(ledger.Query{Resource: "x"})).To(Equal("1 1"), "tasks are summed by their app")
		Expect(count(ledger.Query{Kind: "task"})).To(Equal("1 1"))
		Expect(count(ledger.Query{Plan: "large"})).To(Equal("1 1"))
		Expect(count(ledger.Query{Component: "memory"})).To(Equal("3 3"))
		Expect(count(ledger.Query{From: on(2), To: on(3)})).To(Equal("2 2"))
	})
}
