package ledgertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/audit"
	"github.com/daybook-billing/daybook/ledger"
)

// world is METERED and BILLING with entries of several owners, and a list of all of them.
type world struct {
	bus     *bus.Bus
	chains  map[string]audit.Chain // by stream
	charges []ledger.Charge
}

// The size of a world: messages of BILLING, with up to three entries each, in batches.
const (
	worldMessages = 120
	worldBatch    = 40
)

// words are the ids of a world: foundations, tenants, and everything else.
func words() (foundations, tenants, rest []string) {
	return []string{"north", "south"}, []string{"a", "b", "c"}, []string{"x", "y"}
}

// publish puts messages into a stream, with the chain over them on the last one.
func (w *world) publish(ctx context.Context, stream string, messages ...bus.Message) {
	GinkgoHelper()
	state, err := w.bus.Stream(ctx, stream)
	Expect(err).NotTo(HaveOccurred())
	chain := w.chains[stream]
	for _, m := range messages {
		chain = chain.Next(m.Subject, m.Data)
	}
	w.chains[stream] = chain
	last := &messages[len(messages)-1]
	last.Header = append(last.Header, events.Header{Key: stage.HeaderChain, Value: chain.String()}, events.Header{
		Key: stage.HeaderCount, Value: strconv.FormatUint(state.Last+uint64(len(messages)), 10),
	})
	_, err = w.bus.AppendDerived(ctx, stream, messages, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
}

// message is one of a stage, with the sequence of its input.
func message(subject, kind, id string, input uint64, body stage.Body) bus.Message {
	return bus.Message{Subject: subject, Data: body.AppendJSON(nil), Header: []events.Header{
		{Key: events.HeaderType, Value: kind},
		{Key: events.HeaderID, Value: id},
		{Key: stage.HeaderSourceSeq, Value: strconv.FormatUint(input, 10)},
	}}
}

// usageOf is the message of USAGE behind message n of BILLING. Some are earlier than those before
// them.
func usageOf(n uint64) uint64 {
	if n%13 == 0 {
		return 5 * n
	}
	return 10 * n
}

// newWorld publishes a world. The input of message n of BILLING is message n of METERED, and that
// one's is usageOf(n).
func newWorld(ctx context.Context, b *bus.Bus) *world {
	GinkgoHelper()
	w := &world{bus: b, chains: map[string]audit.Chain{}}
	dice := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same world each time
	foundations, tenants, rest := words()
	one := func(list []string) string { return list[dice.IntN(len(list))] }
	var metered, billing []bus.Message
	for n := uint64(1); n <= worldMessages; n++ {
		m := events.Billing{
			ID: fmt.Sprint("m", n), Source: events.SourceCF, Foundation: one(foundations), Tenant: one(tenants),
			Kind: events.KindApp, Resource: one(rest), Cause: events.Cause{Sequence: n, Usage: usageOf(n)},
		}
		for i := range 1 + dice.IntN(3) {
			period := one([]string{"2026-10", "2026-11"})
			c := Charge(m.Tenant, period, m.Kind, strconv.Itoa(1+dice.IntN(9)), "0.1").Charge
			c.ID, c.Resource, c.App, c.Space = fmt.Sprint("c", n, "-", i), m.Resource, m.Resource, one(rest)
			c.Plan, c.Component = "plan-"+one(rest), "hour-"+one(rest)
			c.Unit, c.Currency = one([]string{"h", "GB"}), one([]string{"GBP", "EUR"})
			c.VATRate = one([]string{"", "0.2"})
			if n%5 == 0 { // summed by its app
				c.Kind, c.Resource = events.KindTask, fmt.Sprint("task-", n)
			}
			c.Start = time.Date(2026, 10, 1+dice.IntN(60), dice.IntN(24), 0, 0, 0, time.UTC)
			if n%7 == 0 && period == "2026-11" {
				c.Entry, c.Month = events.EntryCorrection, one([]string{"2026-10", "2026-09"})
			}
			m.Charges = append(m.Charges, c)
		}
		w.charges = ledger.AppendCharges(w.charges, &m, n)
		horizon := &events.Horizon{ID: fmt.Sprint("h", n), Source: m.Source, Foundation: m.Foundation}
		metered = append(metered, message(events.MeteredHorizonSubject(m.Source, m.Foundation), events.TypeHorizon,
			horizon.ID, usageOf(n), horizon))
		billing = append(billing, message(events.ChargeSubject(m.Tenant, m.Source, m.Foundation, m.Kind, m.Resource),
			events.TypeBilling, m.ID, n, &m))
		if len(billing) == worldBatch {
			w.publish(ctx, events.StreamMetered, metered...)
			w.publish(ctx, events.StreamBilling, billing...)
			metered, billing = nil, nil
		}
	}
	return w
}

// selected are the entries that a query selects, by looking at each.
func (w *world) selected(q ledger.Query) (all []*ledger.Charge) {
	for i := range w.charges {
		c := &w.charges[i]
		mine := q.Owners == nil
		for _, o := range q.Owners {
			mine = mine || o.Foundation == c.Foundation && (o.Tenant == c.Tenant || o.Tenant == "")
		}
		differs := func(wanted, value string) bool { return wanted != "" && wanted != value }
		switch {
		case !mine, differs(q.Tenant, c.Tenant), differs(q.Foundation, c.Foundation), differs(q.Period, c.Period),
			differs(q.Space, c.Space), differs(q.Resource, c.SummedBy()), differs(q.App, c.App),
			differs(q.Kind, c.Kind), differs(q.Plan, c.Plan), differs(q.Component, c.Component),
			!q.From.IsZero() && c.Start.Before(q.From),
			!q.To.IsZero() && !c.Start.Before(q.To), q.Upto > 0 && c.Place.Sequence > q.Upto,
			q.Known > 0 && c.Usage > q.Known:
		default:
			all = append(all, c)
		}
	}
	return all
}

// expected are the ids and the sum of those entries.
func (w *world) expected(q ledger.Query) (ids []string, sum events.Decimal) {
	for _, c := range w.selected(q) {
		ids, sum = append(ids, c.ID), sum.Add(c.Amount)
	}
	return ids, sum
}

// judgeEarlier asks a reader for the sums at many earlier times.
func (w *world) judgeEarlier(ctx context.Context, r ledger.Reader, some []events.Owner) {
	GinkgoHelper()
	for n := uint64(0); n <= worldMessages+1; n += 4 {
		for _, q := range []ledger.Query{
			{Known: 10*n + 5},
			{Known: 10*n + 5, Tenant: "b", By: []ledger.Dimension{ledger.ByPlan, ledger.ByComponent}},
			{Known: 10*n + 5, Owners: some, By: []ledger.Dimension{ledger.ByMonth}},
			{Known: 10*n + 5, Upto: worldMessages - n/2 + 1, By: []ledger.Dimension{ledger.ByTenant}},
			{Upto: n + 1, Period: "2026-10", By: []ledger.Dimension{ledger.ByFoundation, ledger.ByTenant}},
			{Known: 10*n + 5, Tenant: "a", By: []ledger.Dimension{ledger.ByDay}},
		} {
			w.judgeTotals(ctx, r, q)
		}
	}
}

// judgeMonths asks a reader for the money of months, of which so many have corrections, and for
// their corrections since one of them was closed.
func (w *world) judgeMonths(ctx context.Context, r ledger.Reader, foundation string, months int) {
	GinkgoHelper()
	Expect(w.judgeMonthsSince(ctx, r, foundation, nil)).To(Equal(months))
	var last []ledger.MonthWord
	for i := range w.charges {
		if c := &w.charges[i]; i == len(w.charges)/2 || i == len(w.charges)/3 {
			last = append(last, ledger.MonthWord{
				Source: c.Source, Foundation: c.Foundation, Month: "2026-10", Usage: c.Usage,
			})
		}
	}
	w.judgeMonthsSince(ctx, r, foundation, last)
}

// judgeMonthsSince returns the number of months with corrections.
func (w *world) judgeMonthsSince(ctx context.Context, r ledger.Reader, foundation string, last []ledger.MonthWord) int {
	GinkgoHelper()
	type month struct{ foundation, month, currency string }
	amounts, vats := map[month]events.Decimal{}, map[month]events.Decimal{}
	corrected := map[month]events.Decimal{}
	count := map[month]int{}
	for i := range w.charges {
		c := &w.charges[i]
		if foundation != "" && c.Foundation != foundation {
			continue
		}
		posted := month{c.Foundation, c.Period, c.Currency}
		amounts[posted], vats[posted] = amounts[posted].Add(c.Amount), vats[posted].Add(c.VAT)
		before := slices.ContainsFunc(last, func(w ledger.MonthWord) bool {
			return w.Source == c.Source && w.Foundation == c.Foundation && w.Month == c.Month && c.Usage <= w.Usage
		})
		if about := (month{c.Foundation, c.Month, c.Currency}); c.Month != "" && !before {
			corrected[about], count[about] = corrected[about].Add(c.Amount), count[about]+1
		}
	}
	sums, err := r.MonthSums(ctx, foundation, last)
	Expect(err).NotTo(HaveOccurred())
	told := map[month]bool{}
	for i := range sums {
		s := &sums[i]
		of := month{s.Foundation, s.Month, s.Currency}
		told[of] = true
		Expect(s.Amount.Cmp(amounts[of])).To(BeZero(), "%v: %s", of, s.Amount)
		Expect(s.VAT.Cmp(vats[of])).To(BeZero(), "%v: %s", of, s.VAT)
		Expect(s.Corrected.Cmp(corrected[of])).To(BeZero(), "%v: %s", of, s.Corrected)
		Expect(s.Corrections).To(Equal(count[of]), "%v", of)
	}
	Expect(told).To(HaveLen(len(sums)))
	for of := range amounts {
		Expect(told).To(HaveKey(of))
	}
	for of := range corrected {
		Expect(told).To(HaveKey(of))
	}
	return len(corrected)
}

// Readers declares the suite of all readers. connect returns a bus with empty streams, open a
// reader of all that they have.
func Readers(connect func(ctx context.Context) *bus.Bus, open func(ctx context.Context, b *bus.Bus) ledger.Reader) {
	var w *world
	var r ledger.Reader
	BeforeEach(func(ctx context.Context) {
		w = newWorld(ctx, connect(ctx))
		r = open(ctx, w.bus)
	})
	north := []events.Owner{{Foundation: "north", Tenant: "a"}, {Foundation: "south", Tenant: "b"}}
	day := func(n int) time.Time { return time.Date(2026, 10, n, 0, 0, 0, 0, time.UTC) }
	queries := []ledger.Query{
		{},
		{Tenant: "a"},
		{Foundation: "south"},
		{Tenant: "b", Foundation: "north"},
		{Period: "2026-11"},
		{Owners: north},
		{Owners: north, Tenant: "a"},
		{Owners: north, Tenant: "c"},
		{Owners: []events.Owner{}},
		{Owners: []events.Owner{{Foundation: "south"}}, Period: "2026-10"},
		{Space: "x"},
		{Resource: "y", Tenant: "c"},
		{App: "x", Period: "2026-11"},
		{Kind: events.KindTask, Tenant: "a"},
		{Plan: "plan-y", Period: "2026-10"},
		{Component: "hour-x", Space: "y", Owners: north},
		{From: day(3), To: day(20)},
		{Upto: 50},
		{Known: 333, Tenant: "a"},
		{Upto: 80, Known: 700, Owners: north, Period: "2026-10"},
		{Tenant: "nobody"},
	}

	It("gives every entry once and in order, on pages of any length, and the pages add up to the totals",
		func(ctx context.Context) {
			for _, q := range queries {
				for _, length := range []int{11, 1000} {
					ids, sum := w.expected(q)
					var got []string
					var paged events.Decimal
					for after := (ledger.Place{}); ; {
						page, err := r.Charges(ctx, q, after, length)
						Expect(err).NotTo(HaveOccurred())
						Expect(len(page)).To(BeNumerically("<=", length))
						for i := range page {
							got, paged, after = append(got, page[i].ID), paged.Add(page[i].Amount), page[i].Place
						}
						if len(page) < length {
							break
						}
					}
					Expect(got).To(Equal(ids), "%+v", q)
					Expect(paged.Cmp(sum)).To(BeZero(), "%+v", q)
					if length < 1000 {
						continue
					}
					w.judgeTotals(ctx, r, q)
				}
			}
		})

	It("adds up what is posted by any dimensions, and bills it", func(ctx context.Context) {
		for _, q := range queries {
			if q.Upto+q.Known == 0 {
				w.judgeDivided(ctx, r, q)
			}
		}
	})

	It("adds up what was known, and what was posted, at any time, by any dimension", func(ctx context.Context) {
		w.judgeEarlier(ctx, r, north)
	})

	It("pages while more is posted as if nothing were: up to the first page's position", func(ctx context.Context) {
		at, err := r.Positions(ctx)
		Expect(err).NotTo(HaveOccurred())
		q := ledger.Query{Tenant: "a", Upto: at.Billing}
		ids, _ := w.expected(q)
		first, err := r.Charges(ctx, q, ledger.Place{}, 5)
		Expect(err).NotTo(HaveOccurred())
		m := events.Billing{
			ID: "later", Source: events.SourceCF, Foundation: "north", Tenant: "a", Kind: events.KindApp, Resource: "x",
			Charges: []events.Charge{Charge("a", "2026-11", "app", "1", "0").Charge},
		}
		m.Charges[0].ID = "later"
		w.publish(ctx, events.StreamBilling, message(
			events.ChargeSubject("a", m.Source, m.Foundation, m.Kind, m.Resource), events.TypeBilling, m.ID, 121, &m))
		r = open(ctx, w.bus)
		rest, err := r.Charges(ctx, q, first[4].Place, 1000)
		Expect(err).NotTo(HaveOccurred())
		var got []string
		for _, c := range append(first, rest...) {
			got = append(got, c.ID)
		}
		Expect(got).To(Equal(ids))
		Expect(r.Charge(ctx, ledger.Query{}, "later")).To(HaveField("ID", "later"))
	})

	It("tells the money of months, and of their corrections", func(ctx context.Context) {
		for foundation, corrected := range map[string]int{"": 8, "south": 4, "nowhere": 0} {
			w.judgeMonths(ctx, r, foundation, corrected)
		}
	})

	It("finds an entry by its id, and for nobody but its owners", func(ctx context.Context) {
		for _, c := range []ledger.Charge{w.charges[0], w.charges[len(w.charges)/2], w.charges[len(w.charges)-1]} {
			got, err := r.Charge(ctx, ledger.Query{}, c.ID)
			Expect(err).NotTo(HaveOccurred())
			Expect(got.AppendJSON(nil)).To(Equal(c.AppendJSON(nil)))
			Expect([]any{got.Source, got.Foundation, got.Place, got.Usage}).To(Equal(
				[]any{c.Source, c.Foundation, c.Place, c.Usage}))
			others := ledger.Query{Owners: []events.Owner{{Foundation: c.Foundation, Tenant: "other"}}}
			_, err = r.Charge(ctx, others, c.ID)
			Expect(err).To(MatchError(ledger.ErrNone))
		}
		_, err := r.Charge(ctx, ledger.Query{}, "none")
		Expect(err).To(MatchError(ledger.ErrNone))
	})

	It("lists what has no price until it has one", func(ctx context.Context) {
		notice := &events.UnratedNotice{ID: "u", Source: events.SourceCF, Foundation: "north", Tenant: "a"}
		for i, resource := range []string{"x", "y", "x"} {
			notice.Unrated = append(notice.Unrated, events.Unrated{
				ID: fmt.Sprint("u", i), Kind: events.KindApp, Resource: resource, Tenant: "a", Space: "s",
				Start: day(5 + i), End: day(6 + i), Reason: "no plan",
				Footprint: events.Footprint{Instances: events.Some(2), Buildpack: "java"},
			})
		}
		settled := &events.UnratedNotice{
			ID: "v", Source: notice.Source, Foundation: "north", Tenant: "a", Settled: []string{"u1"},
		}
		subject := events.UnratedSubject("a", notice.Source, "north", events.KindApp, "x")
		w.publish(ctx, events.StreamBilling,
			message(subject, events.TypeUnrated, "u", 121, notice),
			message(subject, events.TypeUnrated, "v", 122, settled),
		)
		r = open(ctx, w.bus)
		all, err := r.Unrated(ctx, ledger.Query{Tenant: "a", Period: "2026-10"})
		Expect(err).NotTo(HaveOccurred())
		Expect(all).To(HaveLen(2))
		Expect(all[0]).To(Equal(ledger.Unrated{
			Unrated: notice.Unrated[0], Source: notice.Source, Foundation: "north",
		}))
		Expect(r.Unrated(ctx, ledger.Query{Period: "2026-11"})).To(BeEmpty())
		Expect(r.Unrated(ctx, ledger.Query{Owners: []events.Owner{{Foundation: "south", Tenant: "a"}}})).To(BeEmpty())
	})

	It("lists the spans that stand and touch a time, and those that run", func(ctx context.Context) {
		span := func(id, resource string, start, end int) events.Span {
			x := events.Span{
				ID: id, Kind: events.KindApp, Resource: resource, App: resource, Tenant: "a", Space: "s",
				Start: day(start), Since: day(start), Footprint: events.Footprint{Instances: events.Some(2)},
				Evidence: []uint64{7, 8},
			}
			if end > 0 {
				x.End = day(end)
			}
			return x
		}
		m := func(id, foundation string, retracted, closed, running []events.Span) bus.Message {
			x := &events.Metered{
				ID: id, Source: events.SourceCF, Foundation: foundation, Tenant: "a", Kind: events.KindApp,
				Resource: "r-" + id, Retracted: retracted, Closed: closed, Running: running,
			}
			return message(events.MeteredSubject(x.Source, foundation, "a", x.Kind, x.Resource), events.TypeMetered, id,
				2000, x)
		}
		w.publish(ctx, events.StreamMetered,
			m("1", "north", nil, []events.Span{
				span("s1", "x", 1, 3), span("s2", "x", 3, 5), span("s3", "x", 5, 9),
			}, nil),
			m("2", "north", []events.Span{span("s2", "x", 3, 5)}, []events.Span{span("s4", "x", 3, 4)}, nil),
			m("3", "south", nil, []events.Span{span("s5", "x", 2, 4)}, []events.Span{span("", "y", 6, 0)}),
		)
		r = open(ctx, w.bus)
		ids := func(q ledger.Query, from, to int) (text string) {
			all, err := r.Spans(ctx, q, day(from), day(to))
			Expect(err).NotTo(HaveOccurred())
			for i := range all {
				text += all[i].Foundation + ":" + all[i].ID + " "
			}
			return text
		}
		Expect(ids(ledger.Query{}, 1, 30)).To(Equal("north:s1 south:s5 north:s4 north:s3 south: "))
		Expect(ids(ledger.Query{}, 3, 5)).To(Equal("south:s5 north:s4 "))
		Expect(ids(ledger.Query{Resource: "y"}, 7, 8)).To(Equal("south: "))
		Expect(ids(ledger.Query{Owners: []events.Owner{{Foundation: "south", Tenant: "a"}}}, 1, 30)).To(
			Equal("south:s5 south: "))
		Expect(ids(ledger.Query{Tenant: "b"}, 1, 30)).To(BeEmpty())
		all, err := r.Spans(ctx, ledger.Query{}, day(3), day(4))
		Expect(err).NotTo(HaveOccurred())
		Expect(all[1]).To(Equal(ledger.Span{
			Span: span("s4", "x", 3, 4), Source: events.SourceCF, Foundation: "north",
		}))
	})

	It("lists statements with all their parts, as they were known", func(ctx context.Context) {
		var issued []bus.Message
		for i, tenant := range []string{"a", "b"} {
			for part := range uint32(2) {
				x := &statement.Statement{
					ID: fmt.Sprint(tenant, part), Source: events.SourceCF, Foundation: "north", Tenant: tenant,
					Month: "2026-10", Number: uint64(i + 1), Revision: 1, Part: part, Parts: 2,
					Lines: []statement.Line{{Plan: fmt.Sprint("plan", part), Amount: amount("1"), Currency: "GBP"}},
				}
				issued = append(issued, message(statement.Subject(tenant, x.Source, x.Foundation, x.Month),
					statement.Type, x.ID, uint64(20+50*i), x))
			}
		}
		w.publish(ctx, events.StreamBilling, issued...)
		r = open(ctx, w.bus)
		numbers := func(q ledger.Query) (text string) {
			all, err := r.Statements(ctx, q)
			Expect(err).NotTo(HaveOccurred())
			for i := range all {
				text += fmt.Sprint(all[i].Number, ":", len(all[i].Lines), " ")
			}
			return text
		}
		Expect(numbers(ledger.Query{})).To(Equal("1:2 2:2 "))
		Expect(numbers(ledger.Query{Tenant: "b", Period: "2026-10"})).To(Equal("2:2 "))
		Expect(numbers(ledger.Query{Period: "2026-11"})).To(BeEmpty())
		Expect(numbers(ledger.Query{Known: 200})).To(Equal("1:2 "), "the second seal is message 700 of USAGE")
		Expect(numbers(ledger.Query{Owners: []events.Owner{{Foundation: "south", Tenant: "a"}}})).To(BeEmpty())
	})
}
