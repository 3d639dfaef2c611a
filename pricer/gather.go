package pricer

import (
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/posted"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// gathered is the content of the statements of a foundation's month.
type gathered struct {
	book        *Book
	issues      *issues
	month       string
	from, to    time.Time                   // of the month
	spans       map[string][]posted.Address // by tenant: of the month, and earlier ones, perhaps unrated
	corrections map[string][]*events.Charge // by tenant
}

// gather finds the content of the statements of a month.
func gather(b *Book, i *issues, at place, month string) *gathered {
	g := &gathered{
		book: b, issues: i, month: month, spans: map[string][]posted.Address{},
		corrections: map[string][]*events.Charge{},
	}
	g.from, g.to = events.MonthTime(month)
	for _, address := range b.spans.All() {
		p := b.spans.At(address)
		if p.Source == at.source && p.Foundation == at.foundation &&
			(p.Month() == month || p.Month() < month && b.unrated > 0) {
			g.spans[p.Tenant] = append(g.spans[p.Tenant], address)
		}
	}
	for n := range i.corrections[month] {
		c := &i.corrections[month][n]
		g.corrections[c.Tenant] = append(g.corrections[c.Tenant], c)
	}
	return g
}

// tenants are the tenants with any content, sorted.
func (g *gathered) tenants() []string {
	all := map[string]bool{}
	for tenant := range g.spans {
		all[tenant] = true
	}
	for tenant := range g.corrections {
		all[tenant] = true
	}
	for s := range g.issues.held {
		all[s.tenant] = true
	}
	for tenant := range g.issues.issued[g.month] {
		all[tenant] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// draft makes the draft of a tenant's statement.
func (g *gathered) draft(tenant string) *statements.Draft {
	d := &statements.Draft{}
	for _, address := range g.spans[tenant] {
		p := g.book.spans.At(address)
		price := g.book.price(&p)
		if p.Month() == g.month && p.Correction == "" {
			for n := range price.Lines {
				c := g.book.entry(&p, &price.Lines[n], n)
				d.Add(&c, statements.PriceOf(price.Lines[n].Component))
			}
			d.Concerned = d.Concerned || len(price.Unrated) > 0
		}
		for _, u := range price.Unrated {
			d.Unrated = append(d.Unrated, statement.Unbilled{
				Kind: p.Kind, Resource: p.Resource, Start: u.Start, End: u.End, Reason: u.Reason,
			})
		}
	}
	for _, c := range g.corrections[tenant] {
		d.Add(c, statements.Price{})
	}
	for _, gap := range g.issues.gaps {
		if gap.From.Before(g.to) && gap.To.After(g.from) {
			d.Gaps = append(d.Gaps, statement.Gap{List: gap.List, From: gap.From, To: gap.To, Reason: gap.Reason})
		}
	}
	g.hold(d, tenant)
	return d
}

// hold adds the holds of a tenant up to the end of the month.
func (g *gathered) hold(d *statements.Draft, tenant string) {
	for s, of := range g.issues.held {
		if s.tenant != tenant {
			continue
		}
		listed := 0
		for _, id := range of.Resources() {
			_, held := of.Of(id)
			listed += len(held)
			for _, h := range held {
				if !h.Start.Before(g.to) {
					continue
				}
				d.Held = append(d.Held, statement.Unbilled{
					Kind: h.Kind, Resource: h.Resource, Start: h.Start, End: h.End, Reason: h.Code,
				})
				d.Concerned = d.Concerned || h.End.IsZero() || h.End.After(g.from)
			}
		}
		d.Unlisted += max(of.Held()-listed, 0)
	}
}
