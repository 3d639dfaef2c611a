package pricer

import (
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/posted"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// corrections are what one cause changes in closed months of one foundation: the differences, one a
// resource, plan, component, month, VAT rate and currency rate.
type corrections struct {
	book   *Book
	cause  string
	period string // the month that they are posted to
	groups *grouping
	list   []correction
	by     map[difference]int // indexes of the first ones of list; nil while one is all
}

// correction is one difference that grows.
type correction struct {
	to     *Entries
	charge events.Charge
}

// take adds a span of a closed month, or with the sign -1 takes it back.
func (k *corrections) take(p *posted.Span, sign int) {
	if k.book.silent {
		return
	}
	price := k.book.price(p)
	for i := range price.Lines {
		k.add(p, &price.Lines[i], i, sign)
	}
}

// add adds a line of a span.
func (k *corrections) add(p *posted.Span, line *rating.Line, i, sign int) {
	c := k.book.entry(p, line, i)
	charged := c.ID
	if p.Correction != "" || sign > 0 {
		charged = "" // it was never charged by itself
	}
	c.ID, c.Entry, c.Span, c.Month, c.Period, c.Flags = "", events.EntryCorrection, "", p.Month(), k.period, 0
	if sign < 0 {
		c.Seconds, c.Quantity, c.Amount, c.VAT = c.Seconds.Neg(), c.Quantity.Neg(), c.Amount.Neg(), c.VAT.Neg()
	}
	k.sum(k.groups.of(p), &c, charged, sign)
}

// sum adds an entry without an id to the correction that it is a part of.
func (k *corrections) sum(to *Entries, c *events.Charge, charged string, sign int) {
	if i := k.find(to, c); i >= 0 {
		of := &k.list[i].charge
		of.Seconds, of.Quantity = of.Seconds.Add(c.Seconds), of.Quantity.Add(c.Quantity)
		of.Amount, of.VAT = of.Amount.Add(c.Amount), of.VAT.Add(c.VAT)
		if sign > 0 {
			of.Catalogue, of.Name = c.Catalogue, c.Name
		}
		if charged != "" && (of.Corrects == "" || c.Start.Before(of.Start)) {
			of.Corrects = charged
		}
		if c.Start.Before(of.Start) {
			of.Start = c.Start
		}
		if c.End.After(of.End) {
			of.End = c.End
		}
		return
	}
	of := *c
	of.Corrects = charged
	k.list = append(k.list, correction{to, of})
}

// difference is the part of a correction that its entries have in common.
type difference struct {
	to *Entries

	resource, plan, component, unit, month, vatCode, vatRate, currency, currencyRate string
}

func differenceOf(to *Entries, c *events.Charge) difference {
	return difference{
		to: to, resource: c.Resource, plan: c.Plan, component: c.Component, unit: c.Unit, month: c.Month,
		vatCode: c.VATCode, vatRate: c.VATRate, currency: c.Currency, currencyRate: c.CurrencyRate,
	}
}

// find is the index of the correction that an entry is a part of; -1 for none.
func (k *corrections) find(to *Entries, c *events.Charge) int {
	last := len(k.list) - 1
	if last < 0 {
		return -1
	}
	key := differenceOf(to, c)
	if differenceOf(k.list[last].to, &k.list[last].charge) == key {
		return last
	}
	if k.by == nil {
		k.by = map[difference]int{}
	}
	for i := len(k.by); i <= last; i++ {
		k.by[differenceOf(k.list[i].to, &k.list[i].charge)] = i
	}
	if i, known := k.by[key]; known {
		return i
	}
	return -1
}

// emit adds the differences to the entries of their subjects; what comes to nothing is none.
func (k *corrections) emit() (n int) {
	for i := range k.list {
		c, to := &k.list[i].charge, k.list[i].to
		if c.Seconds.IsZero() && c.Quantity.IsZero() && c.Amount.IsZero() && c.VAT.IsZero() {
			continue
		}
		c.ID = events.ID("correction", k.cause, to.Source, to.Foundation, c.Kind, c.Resource, c.Plan, c.Component,
			c.Unit, c.Month, c.VATCode, c.VATRate, c.Currency, c.CurrencyRate, to.Tenant, strconv.Itoa(i))
		to.Charges = append(to.Charges, *c)
		n++
	}
	k.list = k.list[:0]
	clear(k.by)
	return n
}

// retract takes a span of a closed month back. The charges of the last closed one are kept, for it
// may be opened again.
func (k *corrections) retract(p *posted.Span) {
	k.take(p, -1)
	k.book.settle(p, k.groups.of(p))
	if m := k.book.monthsOf(p); p.Correction == "" && events.MonthAfter(p.Month(), 1) == m.open {
		k.book.replaced.Put(p)
	}
}

// post posts a span of a closed month.
func (k *corrections) post(p *posted.Span) {
	p.Correction = k.period
	k.book.spans.Put(p)
	k.take(p, 1)
	k.book.list(p, k.groups.of(p))
}
