package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// Foundation is an installation of a platform.
type Foundation struct{ Source, Name string }

// MeteredThrough is up to when each foundation is metered: a retired one up to its end.
func MeteredThrough(horizons []Horizon) map[Foundation]time.Time {
	through := map[Foundation]time.Time{}
	for i := range horizons {
		h := &horizons[i]
		at := h.Metered
		if !h.Ended.IsZero() {
			at = h.Ended
		}
		through[Foundation{h.Source, h.Foundation}] = at
	}
	return through
}

// Completeness is a ledger's knowledge about possible changes of a bill.
type Completeness struct {
	Horizons map[Foundation]*Horizon
	Places   map[string]map[Foundation]bool // of a tenant: where something of it was metered
	Closed   map[Foundation]string          // the last closed month, YYYY-MM
	Gaps     []events.Gap                   // in their order
}

// NewCompleteness returns the one of a ledger without postings.
func NewCompleteness() Completeness {
	return Completeness{
		Horizons: map[Foundation]*Horizon{}, Places: map[string]map[Foundation]bool{}, Closed: map[Foundation]string{},
	}
}

func (c *Completeness) horizon(h *events.Horizon) *Horizon {
	key := Foundation{h.Source, h.Foundation}
	if c.Horizons[key] == nil {
		c.Horizons[key] = &Horizon{Source: h.Source, Foundation: h.Foundation}
	}
	return c.Horizons[key]
}

// Crosses reports whether a metered horizon is of another month than the one before it.
func (c *Completeness) Crosses(to *events.Horizon) bool {
	var before time.Time
	if own := c.Horizons[Foundation{to.Source, to.Foundation}]; own != nil {
		before = own.Metered
	}
	return before.Year() != to.Time.Year() || before.Month() != to.Time.Month()
}

// Meter takes a metered horizon; with another month anomalies may stand no more.
func (c *Completeness) Meter(to *events.Horizon, standing *anomalies.Standing) {
	crosses := c.Crosses(to)
	h := c.horizon(to)
	h.Metered, h.Ended = to.Time, to.Ended
	if crosses {
		standing.Advance(to.Time, func(source, foundation string) bool {
			own := c.Horizons[Foundation{source, foundation}]
			return own == h || own == nil
		})
	}
}

// Bill takes a charged horizon.
func (c *Completeness) Bill(to *events.Horizon) { c.horizon(to).Billed = to.Time }

// Now is the metered horizon of a foundation; without one, as of a message that belongs nowhere,
// the newest of all.
func (c *Completeness) Now(of Foundation) (now time.Time) {
	if h := c.Horizons[of]; h != nil && !h.Metered.IsZero() {
		return h.Metered
	}
	for _, h := range c.Horizons {
		if h.Metered.After(now) {
			now = h.Metered
		}
	}
	return now
}

// Place notes metered usage of a tenant in a foundation.
func (c *Completeness) Place(tenant string, at Foundation) {
	if c.Places[tenant] == nil {
		c.Places[tenant] = map[Foundation]bool{}
	}
	c.Places[tenant][at] = true
}

// Close takes a closing, or the opening of the last closed month.
func (c *Completeness) Close(to *events.Closing) {
	month := to.Month
	if at, _ := events.MonthTime(month); to.Reopened && !at.IsZero() {
		month = events.MonthAfter(month, -1)
	}
	c.Closed[Foundation{to.Source, to.Foundation}] = month
}

// concerns reports whether a foundation is one of a query: of its tenants, if it has any.
func (c *Completeness) concerns(q *Query, at Foundation) bool {
	if q.Whole() {
		return q.Foundation == "" || q.Foundation == at.Name
	}
	if q.Tenant != "" {
		return c.Places[q.Tenant][at] && q.Has(at.Name, q.Tenant)
	}
	for _, o := range q.Owners {
		theirs := o.Tenant == "" || c.Places[o.Tenant][at]
		if o.Foundation == at.Name && theirs && (q.Foundation == "" || q.Foundation == at.Name) {
			return true
		}
	}
	return false
}

// Complete adds the gaps and the horizons to a bill, and divides its months into final and
// preliminary ones. charged is up to when foundations are charged for their running spans.
func (c *Completeness) Complete(bill *Bill, charged map[Foundation]time.Time) {
	q := &bill.Query
	for i := range c.Gaps {
		if g := &c.Gaps[i]; q.Touches(g.From, g.To) && c.concerns(q, Foundation{g.Source, g.Foundation}) {
			bill.Gaps = append(bill.Gaps, *g)
		}
	}
	for key, h := range c.Horizons {
		if !c.concerns(q, key) {
			continue
		}
		horizon := *h
		if at, has := charged[key]; has && at.Before(horizon.Billed) {
			horizon.Billed = at
		}
		bill.Horizons = append(bill.Horizons, horizon)
	}
	slices.SortFunc(bill.Horizons, func(a, b Horizon) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation))
	})
	c.judge(bill)
}

func (c *Completeness) judge(bill *Bill) {
	q := &bill.Query
	final := map[string]bool{}
	note := func(period, tenant string) {
		is, known := final[period]
		final[period] = (is || !known) && c.final(q, period, tenant)
	}
	if q.Period != "" {
		note(q.Period, q.Tenant)
	}
	for i := range bill.Lines {
		if line := &bill.Lines[i]; !line.Vain() {
			note(line.Period, line.Tenant)
		}
	}
	for _, period := range slices.Backward(slices.Sorted(maps.Keys(final))) {
		if final[period] {
			bill.Final = append(bill.Final, period)
		} else {
			bill.Preliminary = append(bill.Preliminary, period)
		}
	}
}

// final reports whether a month is closed, and charged, in every foundation of a query, or of a
// tenant of it. A foundation has no part in months behind its end.
func (c *Completeness) final(q *Query, period, tenant string) bool {
	from, _ := events.MonthTime(period)
	found := false
	for at, h := range c.Horizons {
		if tenant != "" && !c.Places[tenant][at] || !c.concerns(q, at) || !h.Ended.IsZero() && !h.Ended.After(from) {
			continue
		}
		if found = true; c.Closed[at] < period {
			return false
		}
	}
	return found
}

// SortLines sorts the lines and the totals of a bill.
func (b *Bill) SortLines() {
	slices.SortFunc(b.Lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Of, b.Of),
			cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Group, b.Group), cmp.Compare(a.Plan, b.Plan),
			cmp.Compare(a.Component, b.Component), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Currency, b.Currency))
	})
	slices.SortFunc(b.Totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Tenant, b.Tenant),
			cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.VATRate, b.VATRate))
	})
}
