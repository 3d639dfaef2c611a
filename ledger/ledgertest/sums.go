package ledgertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// added are sums over entries, by the key of each: their number, and what they come to.
type added map[string]*oneSum

// oneSum is a sum over entries.
type oneSum struct {
	entries               int
	units                 map[string]bool
	quantity, amount, vat events.Decimal
}

// add adds an entry.
func (a added) add(key string, c *ledger.Charge) {
	if a[key] == nil {
		a[key] = &oneSum{units: map[string]bool{}}
	}
	s := a[key]
	s.entries++
	s.units[c.Unit] = true
	s.quantity, s.amount, s.vat = s.quantity.Add(c.Quantity), s.amount.Add(c.Amount), s.vat.Add(c.VAT)
}

// texts are the sums as text. Different units have none, and no quantity.
func (a added) texts() []string {
	all := []string{}
	for key, s := range a {
		unit := ""
		if len(s.units) == 1 {
			unit = slices.Collect(maps.Keys(s.units))[0]
		}
		all = append(all, sumText(key, s.entries, s.quantity, unit, s.amount, s.vat))
	}
	slices.Sort(all)
	return all
}

// sumText is a sum of a ledger in the form of texts.
func sumText(key string, entries int, quantity events.Decimal, unit string, amount, vat events.Decimal) string {
	counted := "-"
	if unit != "" {
		counted = quantity.String() + unit
	}
	return fmt.Sprint(key, ": ", entries, " ", counted, " ", amount, " ", vat)
}

// judgeTotals asks a reader for sums, and compares them with the entries one by one.
func (w *world) judgeTotals(ctx context.Context, r ledger.Reader, q ledger.Query) {
	GinkgoHelper()
	want := added{}
	for _, c := range w.selected(q) {
		want.add(fmt.Sprint(ledger.Group(c, q.By), c.Currency), c)
	}
	sums, err := r.Totals(ctx, q)
	Expect(err).NotTo(HaveOccurred())
	got := []string{}
	for i := range sums {
		s := &sums[i]
		got = append(got, sumText(fmt.Sprint(s.Group, s.Currency), s.Charges, s.Quantity, s.Unit, s.Amount, s.VAT))
	}
	slices.Sort(got)
	Expect(got).To(Equal(want.texts()), "%+v", q)
}

// judgeBill asks a reader for a bill, and compares its lines with the entries one by one, and its
// totals with those of the tenants' whole months.
func (w *world) judgeBill(ctx context.Context, r ledger.Reader, q ledger.Query) {
	GinkgoHelper()
	by := q.By
	if len(by) == 0 {
		by = []ledger.Dimension{ledger.ByKind, ledger.ByPlan, ledger.ByComponent}
	}
	want := added{}
	for _, c := range w.selected(q) {
		key := fmt.Sprint([]string{c.Period, c.Of(), c.Tenant, c.Currency}, ledger.Group(c, by))
		if len(q.By) == 0 {
			key += c.Unit
		}
		want.add(key, c)
	}
	bill, err := r.Bill(ctx, q)
	Expect(err).NotTo(HaveOccurred())
	got := []string{}
	for i := range bill.Lines {
		l := &bill.Lines[i]
		group, unit := l.Group, ""
		if len(q.By) == 0 {
			group, unit = []string{l.Kind, l.Plan, l.Component}, l.Unit
		}
		key := fmt.Sprint([]string{l.Period, l.Of, l.Tenant, l.Currency}, group) + unit
		got = append(got, sumText(key, l.Charges, l.Quantity, l.Unit, l.Amount, l.VAT))
	}
	slices.Sort(got)
	Expect(got).To(Equal(want.texts()), "%+v", q)

	totals := map[string][2]events.Decimal{}
	month := ledger.Query{Owners: q.Owners, Foundation: q.Foundation, Tenant: q.Tenant, Period: q.Period}
	for _, c := range w.selected(month) {
		key := strings.Join([]string{c.Period, c.Tenant, c.Currency, c.VATRate}, " ")
		totals[key] = [2]events.Decimal{totals[key][0].Add(c.Amount), totals[key][1].Add(c.VAT)}
	}
	Expect(bill.Totals).To(HaveLen(len(totals)), "%+v", q)
	for i := range bill.Totals {
		t := &bill.Totals[i]
		sum := totals[strings.Join([]string{t.Period, t.Tenant, t.Currency, t.VATRate}, " ")]
		Expect(fmt.Sprint(t.Amount, " ", t.VAT)).To(Equal(fmt.Sprint(sum[0], " ", sum[1])), "%+v: %+v", q, t)
	}
}

// judgeDivided asks a reader for the sums and the bills of a query by many dimensions.
func (w *world) judgeDivided(ctx context.Context, r ledger.Reader, q ledger.Query) {
	GinkgoHelper()
	for _, by := range [][]ledger.Dimension{
		nil,
		{ledger.ByFoundation, ledger.ByTenant, ledger.ByMonth},
		{ledger.ByKind},
		{ledger.ByPlan},
		{ledger.ByComponent, ledger.ByTenant},
		{ledger.BySpace},
		{ledger.ByApp},
		{ledger.ByResource, ledger.ByMonth},
		{ledger.ByApp, ledger.ByResource, ledger.BySpace},
		{ledger.ByDay},
		{ledger.ByDay, ledger.BySpace},
		{ledger.ByDay, ledger.ByApp},
		{ledger.ByDay, ledger.ByResource},
		{ledger.ByDay, ledger.ByPlan},
		{ledger.ByResource, ledger.ByPlan},
		{ledger.ByRegion},
	} {
		q.By = by
		w.judgeTotals(ctx, r, q)
		w.judgeBill(ctx, r, q)
	}
}
