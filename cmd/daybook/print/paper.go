package print

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/ledger"
)

// totalKey is what a total is for.
type totalKey struct{ period, tenant, currency string }

// compare puts the newest month first.
func (k totalKey) compare(o totalKey) int {
	return cmp.Or(cmp.Compare(o.period, k.period), cmp.Compare(k.tenant, o.tenant), cmp.Compare(k.currency, o.currency))
}

func keyOf(l *ledger.Line) totalKey { return totalKey{l.Period, l.Tenant, l.Currency} }

// total is a sum of charges: exact, and as on paper, where net and VAT are rounded half-even once
// for each VAT rate, to the currency's minor unit.
type total struct {
	exactAmount, exactVAT events.Decimal
	rounded               statement.Total
}

func (t *total) add(o *ledger.Total) {
	t.exactAmount, t.exactVAT = t.exactAmount.Add(o.Amount), t.exactVAT.Add(o.VAT)
	rate := statement.Rate{Currency: o.Currency, VATRate: o.VATRate, Amount: o.Amount, VAT: o.VAT}
	rate.Round()
	t.rounded.Add(&rate)
}

// total is a total on paper: gross is the sum of the two as rounded.
func (p *paper) total(k totalKey) totalJSON {
	t := p.sums[k]
	return totalJSON{
		k.period, k.tenant, p.TenantNames[k.tenant], money(t.rounded.Amount, k.currency),
		money(t.rounded.VAT, k.currency), money(t.rounded.Total, k.currency), k.currency,
	}
}

// paper is a bill in the order of its lines on paper, the newest month first, without those that
// say nothing.
type paper struct {
	*ledger.Bill
	by     []ledger.Dimension
	lines  []paperLine
	totals []totalKey // in their order
	sums   map[totalKey]*total
}

// paperLine is a line with its amounts as on paper: rounded to the currency's minor unit, so that
// they add up to the total.
type paperLine struct {
	*ledger.Line
	amount, vat events.Decimal
}

// defaultBy are the dimensions of a bill that names none.
func defaultBy() []ledger.Dimension {
	return []ledger.Dimension{ledger.ByKind, ledger.ByPlan, ledger.ByComponent}
}

// values are a line's values of the dimensions.
func (p *paper) values(l *ledger.Line) []string {
	if l.Group != nil {
		return l.Group
	}
	return []string{l.Kind, l.Plan, l.Component}
}

func newPaper(bill *ledger.Bill) *paper {
	p := &paper{Bill: bill, by: bill.Query.By, sums: map[totalKey]*total{}}
	if len(p.by) == 0 {
		p.by = defaultBy()
	}
	parts := map[totalKey][]int{}
	for i := range bill.Lines {
		l := &bill.Lines[i]
		if l.Vain() {
			continue
		}
		if key := keyOf(l); p.sums[key] == nil {
			p.sums[key] = &total{}
		}
		p.lines = append(p.lines, paperLine{Line: l})
	}
	for i := range bill.Totals {
		t := &bill.Totals[i]
		if sum := p.sums[totalKey{t.Period, t.Tenant, t.Currency}]; sum != nil {
			sum.add(t)
		}
	}
	slices.SortStableFunc(p.lines, func(a, b paperLine) int {
		return cmp.Or(cmp.Compare(b.Period, a.Period), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Of, b.Of))
	})
	for i := range p.lines {
		key := keyOf(p.lines[i].Line)
		parts[key] = append(parts[key], i)
	}
	p.totals = slices.SortedFunc(maps.Keys(p.sums), totalKey.compare)
	for _, key := range p.totals {
		p.round(key, parts[key])
	}
	return p
}

// round rounds the lines of a total.
func (p *paper) round(key totalKey, lines []int) {
	amounts, vats := make([]events.Decimal, len(lines)), make([]events.Decimal, len(lines))
	for i, n := range lines {
		amounts[i], vats[i] = p.lines[n].Amount, p.lines[n].VAT
	}
	sum := &p.sums[key].rounded
	amounts, vats = statement.Apportion(key.currency, amounts, vats, sum.Amount, sum.VAT)
	for i, n := range lines {
		p.lines[n].amount, p.lines[n].vat = amounts[i], vats[i]
	}
}

// texts are the quantity, amount and VAT of a line for people, or exact.
func (l *paperLine) texts(exact bool) (quantity, amount, vat string) {
	if l.Counted() {
		quantity = l.Quantity.String()
	}
	if exact {
		return quantity, l.Amount.String(), l.VAT.String()
	}
	if rounded := l.Quantity.Round(quantityPlaces); l.Counted() && !rounded.IsZero() {
		quantity = rounded.String()
	}
	return quantity, money(l.amount, l.Currency), money(l.vat, l.Currency)
}

// quantityPlaces are the decimal places of a quantity for people.
const quantityPlaces = 3
