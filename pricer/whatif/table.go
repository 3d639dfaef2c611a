// Package whatif adds up what other prices change: the bill of the open months under two catalogue
// versions, by month and tenant.
//
// A preview and the pricer use the same Table: the effect that is shown before a version is
// published is the one that publishing has.
package whatif

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/posted"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Price is a span under one catalogue version.
type Price struct {
	Lines   []rating.Line
	Unrated []rating.Unrated
}

// Same reports whether two prices of a span have the same entries.
func (p *Price) Same(o *Price) bool {
	return slices.EqualFunc(p.Lines, o.Lines, sameLine) && slices.Equal(p.Unrated, o.Unrated)
}

func sameLine(a, b rating.Line) bool {
	return a.Plan.Name == b.Plan.Name && a.Component.Name == b.Component.Name && a.Unit == b.Unit &&
		a.Currency == b.Currency && a.VATCode == b.VATCode &&
		a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Quantity.Cmp(b.Quantity) == 0 &&
		a.Amount.Cmp(b.Amount) == 0 && a.VAT.Cmp(b.VAT) == 0
}

// Table is the sums of spans under two versions. The order of the spans does not matter.
type Table struct {
	before, after string // billing currencies
	rows          map[key]*row
	leaves        map[string]bool // closed months
	corrects      map[string]bool // closed months, too
	last          *row            // of the span before: spans of a tenant often stand together
	lastKey       key
}

type key struct {
	month  uint32 // events.MonthOf
	tenant string
	before string // billing currency
}

// row is a row that grows.
type row struct {
	before, after side
	newly         int
	newlySeconds  events.Decimal
}

type side struct {
	amount, vat money.Sum
	unrated     int
	seconds     events.Decimal
	plans       map[*catalogue.Plan]struct{}
	last        *catalogue.Plan
}

// New returns an empty table for two billing currencies; an empty one stands for no version.
func New(before, after string) *Table {
	return &Table{
		before: before, after: after, rows: map[key]*row{}, leaves: map[string]bool{}, corrects: map[string]bool{},
	}
}

// Add adds a span of an open month.
func (t *Table) Add(p *posted.Span, before, after *Price) {
	t.add(t.before, p, before, after)
}

// Correct adds a span of a closed month that is priced anew. The currency is its billing currency
// before.
func (t *Table) Correct(currency string, p *posted.Span, before, after *Price) {
	t.corrects[p.Month()] = true
	t.add(currency, p, before, after)
}

// Corrects reports whether a span of a closed month is added.
func (t *Table) Corrects(month string) bool { return t.corrects[month] }

func (t *Table) add(currency string, p *posted.Span, before, after *Price) {
	r := t.row(currency, p)
	r.before.add(before)
	r.after.add(after)
	if len(after.Unrated) > 0 {
		if lost := uncovered(after.Unrated, before.Unrated); !lost.IsZero() {
			r.newly++
			r.newlySeconds = r.newlySeconds.Add(lost)
		}
	}
}

// Leave notes a closed month that the version would change, and leaves as it is.
func (t *Table) Leave(month string) { t.leaves[month] = true }

// Leaves reports whether a closed month is noted.
func (t *Table) Leaves(month string) bool { return t.leaves[month] }

// Left are the noted months, in order.
func (t *Table) Left() []string { return slices.Sorted(maps.Keys(t.leaves)) }

func (t *Table) row(currency string, p *posted.Span) *row {
	k := key{events.MonthOf(p.Start), p.Tenant, currency}
	if t.last != nil && k == t.lastKey {
		return t.last
	}
	r := t.rows[k]
	if r == nil {
		r = &row{}
		t.rows[k] = r
	}
	t.last, t.lastKey = r, k
	return r
}

func (s *side) add(p *Price) {
	for i := range p.Lines {
		line := &p.Lines[i]
		s.amount.Add(line.Amount)
		s.vat.Add(line.VAT)
		if line.Plan != s.last {
			if s.plans == nil {
				s.plans = map[*catalogue.Plan]struct{}{}
			}
			s.plans[line.Plan] = struct{}{}
			s.last = line.Plan
		}
	}
	if len(p.Unrated) > 0 {
		s.unrated++
		for _, u := range p.Unrated {
			s.seconds = s.seconds.Add(events.SecondsBetween(u.Start, u.End))
		}
	}
}

// uncovered is the time in parts that is in none of others, in seconds. Both are sorted by start.
func uncovered(parts, others []rating.Unrated) (seconds events.Decimal) {
	for _, p := range parts {
		from := p.Start
		for _, o := range others {
			if !o.End.After(from) || !o.Start.Before(p.End) {
				continue
			}
			if o.Start.After(from) {
				seconds = seconds.Add(events.SecondsBetween(from, o.Start))
			}
			from = o.End
		}
		if from.Before(p.End) {
			seconds = seconds.Add(events.SecondsBetween(from, p.End))
		}
	}
	return seconds
}

// Rows are the rows, by month, tenant and currency before.
func (t *Table) Rows() []effect.Row {
	keys := slices.SortedFunc(maps.Keys(t.rows), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.month, b.month), cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.before, b.before))
	})
	rows := make([]effect.Row, len(keys))
	for i, k := range keys {
		r := t.rows[k]
		rows[i] = effect.Row{
			Month:  events.MonthText(k.month),
			Tenant: k.tenant, Before: r.before.said(k.before), After: r.after.said(t.after),
			NewlyUnrated: uint32(r.newly), NewlyUnratedSeconds: r.newlySeconds, //nolint:gosec // spans in memory
		}
		row := &rows[i]
		before, after := r.before.names(), r.after.names()
		row.Appearing = lacking(after, before, &row.PlansOmitted)
		row.Disappearing = lacking(before, after, &row.PlansOmitted)
	}
	return rows
}

func (s *side) said(currency string) effect.Side {
	return effect.Side{
		Currency: currency, Amount: s.amount.Decimal(), VAT: s.vat.Decimal(),
		Unrated: uint32(s.unrated), UnratedSeconds: s.seconds, //nolint:gosec // a number of spans in memory
	}
}

// names are the names of the plans, sorted.
func (s *side) names() []string {
	names := make([]string, 0, len(s.plans))
	for p := range s.plans {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxPlans is how many plans a list of a row names at the most. A name has up to 200 characters.
const maxPlans = 20

// lacking are the first names that others lack; the rest is counted.
func lacking(names, others []string, omitted *uint32) (list []string) {
	for _, name := range names {
		if _, found := slices.BinarySearch(others, name); found {
			continue
		}
		if len(list) == maxPlans {
			*omitted++
			continue
		}
		list = append(list, name)
	}
	return list
}
