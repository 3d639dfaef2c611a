package pricer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// This file proposes statements when months close, and issues them when their seals come back.

// issuing is the statements of all foundations.
type issuing map[place]*issues

// issues are the statements of one foundation, and their content beside charges. Months beyond
// reopening keep nothing but their unsealed statements.
type issues struct {
	corrections map[string][]events.Charge                 // by month of posting
	derived     map[string]map[string][]statement.Line     // by month and tenant: as the month closed
	issued      map[string]map[string]*statement.Statement // by month and tenant: the last one
	series      statements.Series
	proposed    statements.Pending
	held        map[subject]*standing.Subject // with holds
	gaps        []events.Gap
}

// subject is the part of a subject of METERED behind the foundation.
type subject struct{ tenant, kind, resource string }

func (s subject) compare(o subject) int {
	return cmp.Or(cmp.Compare(s.tenant, o.tenant), cmp.Compare(s.kind, o.kind), cmp.Compare(s.resource, o.resource))
}

func (i issuing) of(at place) *issues {
	if i[at] == nil {
		i[at] = &issues{
			corrections: map[string][]events.Charge{}, derived: map[string]map[string][]statement.Line{},
			issued: map[string]map[string]*statement.Statement{}, held: map[subject]*standing.Subject{},
		}
	}
	return i[at]
}

// note keeps the corrections among entries.
func (i issuing) note(e *Entries) {
	for n := range e.Charges {
		if c := &e.Charges[n]; c.Entry == events.EntryCorrection {
			of := i.of(place{e.Source, e.Foundation})
			of.corrections[c.Period] = append(of.corrections[c.Period], *c)
		}
	}
}

// concerns reports whether a message holds anything, or may end what is held.
func (i issuing) concerns(m *events.Metered) bool {
	if len(m.Held) > 0 || m.HeldOmitted > 0 {
		return true
	}
	of := i[place{m.Source, m.Foundation}]
	return of != nil && of.held[subject{m.Tenant, m.Kind, m.Resource}] != nil
}

// holds takes the holds of a message of METERED. A partial one lists its running spans, too.
func (i issuing) holds(m *events.Metered) {
	held, s := i.of(place{m.Source, m.Foundation}).held, subject{m.Tenant, m.Kind, m.Resource}
	of := held[s]
	if of == nil {
		of = &standing.Subject{}
	}
	if of.Apply(m); of.Held() == 0 {
		delete(held, s)
		return
	}
	held[s] = of
}

// forget drops the content of months before one: they are not opened again.
func (i *issues) forget(before string) {
	maps.DeleteFunc(i.corrections, func(month string, _ []events.Charge) bool { return month < before })
	maps.DeleteFunc(i.issued, func(month string, _ map[string]*statement.Statement) bool { return month < before })
	maps.DeleteFunc(i.derived, func(month string, _ map[string][]statement.Line) bool {
		return month < before && !i.proposed.Month(month)
	})
	from, _ := events.MonthTime(before)
	i.gaps = slices.DeleteFunc(i.gaps, func(g events.Gap) bool { return !g.To.After(from) })
}

// close proposes the statements of a closing month, and the credit notes of the replaced ones.
// Where nothing has changed since it was closed before there are none.
func (i *issues) close(b *Book, at place, month string, horizon, closed time.Time) {
	g := gather(b, i, at, month)
	derived := map[string][]statement.Line{}
	for _, tenant := range g.tenants() {
		draft, last := g.draft(tenant), i.issued[month][tenant]
		frame := i.frame(at, tenant, month, horizon)
		frame.Closed = closed
		x := draft.Statement(frame)
		derived[tenant] = x.Lines
		if last != nil && !last.CreditNote() {
			if statements.Same(&x, last) {
				continue
			}
			note := statements.CreditNote(last, closed)
			i.proposed.Add(&note)
		}
		if draft.Concerned {
			i.proposed.Add(&x)
		}
	}
	i.derived[month] = derived
	if b.bounded {
		i.forget(month)
	}
}

// frame is the next statement of a tenant's month without content.
func (i *issues) frame(at place, tenant, month string, horizon time.Time) *statement.Statement {
	x := statement.Statement{
		Source: at.source, Foundation: at.foundation, Tenant: tenant, Month: month, Revision: 1, Horizon: horizon,
	}
	if last := i.issued[month][tenant]; last != nil {
		x.Revision = last.Revision + 1
	}
	return &x
}

// reopen withdraws the proposals of a month: it closes again.
func (i *issues) reopen(month string) {
	i.proposed.Withdraw(month)
	delete(i.derived, month)
}

// seal takes a statement that has its seal. What it says otherwise than its month, as it is derived
// now, goes from there to the first open month: the entries of the month add up to what was issued.
func (i *issues) seal(x *statement.Statement, open, cause string) *Entries {
	if i.issued[x.Month] == nil {
		i.issued[x.Month] = map[string]*statement.Statement{}
	}
	i.issued[x.Month][x.Tenant] = x
	i.proposed.Remove(x)
	derived, issued := i.derived[x.Month], x.Lines
	switch {
	case x.Month >= open:
		return nil
	case derived == nil: // forgotten: every statement has its seal, and was posted then
		derived = map[string][]statement.Line{}
		if x.CreditNote() {
			derived[x.Tenant] = statements.Negative(x.Lines)
		}
	}
	switch {
	case x.CreditNote() && len(i.proposed.Of(x.Month, x.Tenant)) > 0:
		return nil // the seal of the next revision follows
	case x.CreditNote():
		issued = nil
	}
	more := statements.Difference(x.Month, derived[x.Tenant], issued)
	derived[x.Tenant] = issued
	return transfer(x, more, open, cause)
}

// transfer posts lines beyond a month's statement to another month; nil for none.
func transfer(of *statement.Statement, more []statement.Line, to, cause string) *Entries {
	if len(more) == 0 {
		return nil
	}
	return &Entries{
		Source: of.Source, Foundation: of.Foundation, Tenant: of.Tenant, Kind: statement.Kind,
		Resource: statements.Resource(of), Charges: statements.Transfer(of, more, to, cause),
	}
}
