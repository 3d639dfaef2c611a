package memory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/memory"
)

func TestMemory(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Ledger in memory")
}

var _ = Describe("The ledger in memory", func() {
	ledgertest.Specs(func() ledger.Ledger { return memory.New() })
})

// acted is a stream of acts.
type acted []events.Act

func (all acted) Each(_ context.Context, _ string, _, _ uint64, _ bus.ReadOptions, yield func(m *bus.Stored) error,
) (last uint64, err error) {
	for i := range all {
		a := &all[i]
		m := bus.NewStored(bus.Message{
			Subject: events.ActSubject(a.Kind, a.Source, a.Foundation), Data: a.AppendJSON(nil),
			Header: events.AppendHeaders(nil, a.ID, events.TypeAct, "test"),
		}, uint64(i+1), time.Time{}, 0)
		if err := yield(&m); err != nil {
			return 0, err
		}
	}
	return uint64(len(all)), nil
}

func TestErasedNames(t *testing.T) {
	RegisterTestingT(t)
	l, ctx := memory.New(), context.Background()
	running := func(foundation string) ledger.Running {
		return ledger.Running{
			Subject: "metered.cf." + foundation + ".o.app.A", Source: "cf", Foundation: foundation, Tenant: "o",
			Spans: []events.Span{{
				Kind: "app", Resource: "P", App: "A", Tenant: "o", Space: "S", Name: "shop-" + foundation,
				SpaceName: "dev-" + foundation, Start: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
			}},
		}
	}
	Expect(l.Post(ctx, ledger.Batch{
		Positions: ledger.Positions{Metered: 1}, Running: []ledger.Running{running("eu"), running("us")},
	})).To(Succeed())
	erasures, err := names.LoadErasures(ctx, acted{{
		ID: "e", Kind: events.ActErasure, Source: "cf", Foundation: "eu", Erasure: events.Erasure{Tenant: "o"},
	}})
	Expect(err).NotTo(HaveOccurred())
	l.Erase(erasures)
	var snapshot strings.Builder
	Expect(l.Snapshot(ctx, &snapshot)).To(Succeed())
	Expect(snapshot.String()).To(And(Not(ContainSubstring("shop-eu")), Not(ContainSubstring("dev-eu")),
		ContainSubstring("shop-us"), ContainSubstring("dev-us")))
}

// batch draws a batch with a little of everything, behind the positions.
func batch(t *rapid.T, at *ledger.Positions) ledger.Batch {
	few := func(label string) string { return rapid.SampledFrom([]string{"", "a", "b", "ü"}).Draw(t, label) }
	moment := func(label string) time.Time {
		return time.Date(2026, 10, 1, rapid.IntRange(0, 2000).Draw(t, label), 0, 0, 0, time.UTC)
	}
	decimal := func(label string) events.Decimal {
		return events.NewDecimal(rapid.Int64().Draw(t, label), -int32(rapid.IntRange(0, 12).Draw(t,
			label)))
	}
	from := *at
	at.Metered, at.Billing = at.Metered+1, at.Billing+2
	b := ledger.Batch{From: from, Positions: *at}
	for range rapid.IntRange(0, 5).Draw(t, "charges") {
		start := moment("start")
		c := ledger.Charge{Source: few("source"), Foundation: few("foundation")}
		c.Charge = events.Charge{
			Period: start.Format("2006-01"), Tenant: few("tenant"), Space: few("space"), App: few("app"),
			Kind:     few("kind"),
			Resource: few("resource"), Plan: few("plan"), Component: few("component"), Unit: few("unit"),
			Currency: "GBP", VATRate: few("rate"),
			Start: start, Quantity: decimal("quantity"), Amount: decimal("amount"), VAT: decimal("vat"),
		}
		b.Charges = append(b.Charges, c)
	}
	for range rapid.IntRange(0, 2).Draw(t, "unrated") {
		b.Unrated = append(b.Unrated, ledger.Unrated{Unrated: events.Unrated{
			ID: few("unrated"), Tenant: few("tenant"), Start: moment("start"),
		}})
	}
	if rapid.Bool().Draw(t, "settles") {
		b.Settled = []string{few("settled")}
	}
	for range rapid.IntRange(0, 2).Draw(t, "subjects") {
		tenant := few("tenant")
		r := ledger.Running{
			Subject: few("subject"), Source: few("source"), Foundation: few("foundation"),
			Tenant: tenant,
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "running") {
			r.Spans = append(r.Spans, events.Span{
				Kind: "app", Resource: fmt.Sprint("r", i), Tenant: "t", Start: moment("since"),
				Footprint: events.Footprint{Instances: events.Some(2)},
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "held") {
			r.Held = append(r.Held, events.Hold{
				ID: "h", Kind: "app", Resource: "r0", Code: "lost_change",
				Reason: few("reason"),
			})
		}
		if rapid.Bool().Draw(t, "partial") {
			r.SpansOmitted, r.HeldOmitted = 50, 50 // more than earlier ones list
			r.Ended = []string{"r1"}
		}
		for range rapid.IntRange(0, 2).Draw(t, "anomalies") {
			r.Anomalies = append(r.Anomalies, anomalies.Anomaly{
				Anomaly: events.Anomaly{
					Code:     rapid.SampledFrom([]string{"clock", "silent", "lost_change"}).Draw(t, "code"),
					Resource: "r0", Time: moment("found"), Message: few("message"),
				},
				Source: r.Source, Foundation: r.Foundation, Tenant: tenant, Kind: "app",
			})
		}
		b.Running = append(b.Running, r)
	}
	if rapid.Bool().Draw(t, "horizon") {
		h := []events.Horizon{{Source: few("source"), Foundation: few("foundation"), Time: moment("horizon")}}
		b.Metered, b.Billed = h, h
		b.Gaps = []events.Gap{{Source: few("source"), From: moment("from"), Reason: few("reason")}}
		b.Closings = []events.Closing{{
			Source: few("source"), Foundation: few("foundation"), Month: moment("month").Format("2006-01"),
			Reopened: rapid.Bool().Draw(t, "reopened"),
		}}
	}
	return b
}

// everything is all that a ledger can be asked.
func everything(t interface{ Fatal(args ...any) }, l *memory.Ledger) []any {
	ctx := context.Background()
	var all []any
	add := func(answer any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, answer)
	}
	for _, q := range []ledger.Query{
		{},
		{Tenant: "a"},
		{Period: "2026-11"},
		{Owners: []events.Owner{{Foundation: "a", Tenant: "b"}}},
		{By: []ledger.Dimension{ledger.ByDay, ledger.ByComponent}},
	} {
		bill, err := l.Bill(ctx, q)
		add(bill, err)
		sums, err := l.Totals(ctx, q)
		add(sums, err)
	}
	positions, err := l.Positions(ctx)
	add(positions, err)
	found, omitted, err := l.Anomalies(ctx, anomalies.Filter{})
	add(found, err)
	add(omitted, err)
	running, err := l.Running(ctx, ledger.Query{})
	add(running, err)
	return all
}

// balanced compares the sums by day, of which those of old months are packed, with those by month.
func balanced(t *rapid.T, l *memory.Ledger) {
	sums := func(q ledger.Query) (charges int, amount events.Decimal) {
		bill, err := l.Bill(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range bill.Lines {
			charges, amount = charges+bill.Lines[i].Charges, amount.Add(bill.Lines[i].Amount)
		}
		return charges, amount
	}
	for _, q := range []ledger.Query{{}, {Tenant: "a"}, {Period: "2026-10"}, {Period: "2026-12", Tenant: "b"}} {
		charges, amount := sums(q)
		q.By = []ledger.Dimension{ledger.ByDay, ledger.ByResource}
		if n, sum := sums(q); n != charges || sum.Cmp(amount) != 0 {
			t.Fatalf("%+v: %d charges of %s by day, %d of %s by month", q, n, sum, charges, amount)
		}
	}
}

// A ledger restored from a snapshot answers as the one that it was taken of, then and after
// whatever comes later; a damaged snapshot changes nothing.
func TestSnapshotAnywhere(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		whole, restored := memory.New(), memory.New()
		var at ledger.Positions
		for range rapid.IntRange(0, 6).Draw(t, "batches") {
			b := batch(t, &at)
			for _, l := range []*memory.Ledger{whole, restored} {
				if err := l.Post(ctx, b); err != nil {
					t.Fatal(err)
				}
			}
			if rapid.Bool().Draw(t, "restart") {
				var made bytes.Buffer
				if err := restored.Snapshot(ctx, &made); err != nil {
					t.Fatal(err)
				}
				snapshot := made.Bytes()
				restored = memory.New()
				if err := restored.Restore(ctx, snapshot); err != nil {
					t.Fatal(err)
				}
				n := rapid.IntRange(0, len(snapshot)-1).Draw(t, "cut")
				if err := restored.Restore(ctx, snapshot[:n]); err == nil {
					t.Fatalf("a snapshot of %d bytes is taken without its last %d", len(snapshot), len(snapshot)-n)
				}
			}
		}
		balanced(t, restored)
		opaque := cmp.Comparer(func(a, b events.Decimal) bool { return a.Cmp(b) == 0 })
		if diff := cmp.Diff(everything(t, whole), everything(t, restored), opaque,
			cmp.AllowUnexported(events.Count{})); diff != "" {
			t.Fatal(diff)
		}
		if err := restored.Restore(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(everything(t, memory.New()), everything(t, restored), opaque); diff != "" {
			t.Fatal(diff)
		}
	})
}

// full takes some bytes, and then no more.
type full struct{ room int }

var errFull = errors.New("no room")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// A snapshot is written in parts, of packed months, too, and comes back whole; where one of them
// cannot be written it fails.
func TestLargeSnapshot(t *testing.T) {
	ctx := context.Background()
	whole := memory.New()
	b := ledger.Batch{Positions: ledger.Positions{Metered: 1, Billing: 1}}
	for month := range 4 {
		begin := time.Date(2026, 1+time.Month(month), 1, 0, 0, 0, 0, time.UTC)
		for n := range 4000 {
			b.Charges = append(b.Charges, ledger.Charge{Source: "cf", Foundation: "eu", Charge: events.Charge{
				Period: begin.Format(events.MonthForm), Tenant: "o", App: events.ID("app", fmt.Sprint(n)), Kind: "app",
				Resource: events.ID("process", fmt.Sprint(n, month)), Start: begin,
				Amount: events.NewDecimal(int64(n), -2),
			}})
		}
	}
	if err := whole.Post(ctx, b); err != nil {
		t.Fatal(err)
	}
	var made bytes.Buffer
	restored := memory.New()
	if err := errors.Join(whole.Snapshot(ctx, &made), restored.Restore(ctx, made.Bytes())); err != nil {
		t.Fatal(err)
	}
	opaque := cmp.Comparer(func(a, b events.Decimal) bool { return a.Cmp(b) == 0 })
	if diff := cmp.Diff(everything(t, whole), everything(t, restored), opaque,
		cmp.AllowUnexported(events.Count{})); diff != "" {
		t.Fatal(diff)
	}
	for _, room := range []int{0, made.Len() / 2, made.Len() - 1} {
		if err := whole.Snapshot(ctx, &full{room}); !errors.Is(err, errFull) {
			t.Errorf("with room for %d of %d bytes: %v", room, made.Len(), err)
		}
	}
}
