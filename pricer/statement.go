package pricer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// This file is the way of statements from the messages of METERED to those of BILLING.

// numbered is numbered, with the corrections kept.
func (p *processor) numbered(cause events.Cause, emit func(stage.Output)) func(*Entries) {
	next := numbered(cause, emit)
	if p.issuing == nil {
		return next
	}
	return func(e *Entries) {
		p.issuing.note(e)
		next(e)
	}
}

// holds takes the holds of a message; data is its wire form.
func (p *processor) holds(m *events.Metered, data []byte) error {
	if p.issuing == nil || !p.issuing.concerns(m) {
		return nil
	}
	if standing.Partial(m) {
		m = &events.Metered{}
		if err := p.book.names.DecodeRunning(m, data); err != nil {
			return err
		}
	}
	p.issuing.holds(m)
	return nil
}

func (p *processor) gap(in *bus.Stored) error {
	var g events.Gap
	if err := g.DecodeJSON(in.Data); err != nil {
		return err
	}
	if p.issuing != nil {
		of := p.issuing.of(place{g.Source, g.Foundation})
		of.gaps = append(of.gaps, g)
	}
	return nil
}

// closing closes a month, with all before it, or opens the last closed one again.
func (p *processor) closing(in *bus.Stored, emit func(stage.Output)) error {
	var c events.Closing
	if err := c.DecodeJSON(in.Data); err != nil {
		return err
	}
	at := place{c.Source, c.Foundation}
	open := p.book.months[at].openOr(c.Month)
	cause := causeOf(in, c.ID, c.Cause.Event, c.Cause.Time)
	if err := p.book.Closing(&c, cause.ID, p.numbered(cause, emit)); err != nil {
		return err
	}
	if c.Reopened && p.book.months[at].closed(c.Month) {
		emit(anomaly(events.ID("anomaly", cause.ID), c.Source, c.Foundation, cause, events.Anomaly{
			Code: events.AnomalyInconsistent, Time: c.Time,
			Message: fmt.Sprintf("METERED message %s opens month %s again, which was not closed last; it stays so",
				cause.ID, c.Month),
		}))
		return nil
	}
	switch {
	case p.book.silent || p.issuing == nil:
	case c.Reopened:
		p.issuing.of(at).reopen(c.Month)
		p.propose(at, c.Month)
	default:
		for month := open; month <= c.Month; month = events.MonthAfter(month, 1) {
			p.issuing.of(at).close(p.book, at, month, p.tally.through[at], c.Time)
			p.propose(at, month)
		}
	}
	c.ID = events.ID("billing", c.ID)
	emit(closingOutput(&c))
	return nil
}

// seal issues a statement, with the seal of its last part. A seal that is not of the next statement
// is an anomaly, and changes nothing.
func (p *processor) seal(in *bus.Stored, emit func(stage.Output)) error {
	var x statement.Statement
	if err := x.DecodeJSON(in.Data); err != nil {
		return err
	}
	if p.issuing == nil {
		return nil
	}
	at := place{x.Source, x.Foundation}
	of, months := p.issuing.of(at), p.book.months[at]
	cause := causeOf(in, in.Header(events.HeaderID), events.ActSeal, x.Closed)
	_, end := events.MonthTime(x.Month)
	over := months.wasClosed(x.Month) || !p.tally.through[at].Before(end)
	var last *statement.Statement
	if months != nil && x.Month >= months.kept {
		last = of.issued[x.Month][x.Tenant]
	}
	parts, err := of.series.Take(&x, over, last)
	if err != nil {
		emit(anomaly(events.ID("anomaly", cause.ID), x.Source, x.Foundation, cause, events.Anomaly{
			Code: events.AnomalyRefusedSeal, Time: x.Closed,
			Message: fmt.Sprintf("METERED message %s seals statement %d of tenant %s, month %s, and changes nothing: "+
				"%v", cause.ID, x.Number, x.Tenant, x.Month, err),
		}))
		return nil
	}
	for i := range parts {
		emit(stage.Output{
			Subject: statement.Subject(x.Tenant, x.Source, x.Foundation, x.Month), Type: statement.Type,
			ID: parts[i].ID, Body: &parts[i],
		})
	}
	if len(parts) == 0 {
		return nil
	}
	whole := statements.Joined(parts)
	if moved := of.seal(&whole, months.openOr(x.Month), cause.ID); moved != nil {
		groups := grouping{list: []*Entries{moved}}
		groups.emit(p.numbered(cause, emit))
	}
	p.tally.changed = true
	if p.proposals != nil {
		p.proposals.Issue(&whole)
	}
	return nil
}

// propose gives the shell the statements of a month without a seal.
func (p *processor) propose(at place, month string) {
	p.tally.changed = true
	if p.proposals != nil {
		p.proposals.Propose(at.source, at.foundation, month, p.issuing.of(at).proposed.In(month))
	}
}

// proposeAll gives the shell all statements without a seal.
func (p *processor) proposeAll() {
	if p.proposals == nil {
		return
	}
	p.proposals.Reset()
	for at, i := range p.issuing {
		p.proposals.Restore(at.source, at.foundation, i.series.Number, i.proposed.All())
	}
}

// Proposed are the statements and credit notes without a seal in the state of a processor of
// Contract, in the order of their numbers.
func Proposed(of stage.Processor) (all []statement.Statement) {
	p, ok := of.(*processor)
	if !ok {
		panic("pricer: statements are proposed by a processor of Contract")
	}
	for _, at := range slices.SortedFunc(maps.Keys(p.issuing), place.compare) {
		all = append(all, p.issuing[at].proposed.All()...)
	}
	return all
}

// adopt takes the corrections of a message of BILLING for those that were derived: after a replay
// they are others, but for closed months, which a replay restores.
func (p *processor) adopt(m *events.Billing) {
	months := p.book.months
	if p.issuing == nil {
		return
	}
	if p.standing == nil {
		for at, i := range p.issuing {
			maps.DeleteFunc(i.corrections, func(month string, _ []events.Charge) bool {
				return !months[at].closed(month)
			})
		}
		p.standing = &statements.Standing{}
	}
	p.standing.Add(m, func(of statements.Bill) bool {
		return len(p.issuing.of(place{of.Source, of.Foundation}).proposed.Of(of.Month, of.Tenant)) > 0
	})
	at := months[place{m.Source, m.Foundation}]
	m.Charges = slices.DeleteFunc(m.Charges, func(c events.Charge) bool { return at.closed(c.Period) })
	p.issuing.note(&Entries{Source: m.Source, Foundation: m.Foundation, Charges: m.Charges})
}

// adopted states the entries of BILLING in the statements that wait for their seals.
func (p *processor) adopted() {
	if p.standing == nil {
		return
	}
	for _, i := range p.issuing {
		for _, x := range i.proposed.All() {
			if !x.CreditNote() && p.standing.Restate(&x, p.book.unitPrice) {
				i.proposed.Replace(&x)
				i.derived[x.Month][x.Tenant] = x.Lines
			}
		}
	}
	p.standing = nil
	p.proposeAll()
}

// unitPrice is what a unit of a charge's component costs.
func (b *Book) unitPrice(c *events.Charge) statements.Price {
	for i := range b.versions {
		if v := &b.versions[i]; v.Name == c.Catalogue && c.Entry == events.EntryCharge {
			if component := v.parsed.Component(c.Plan, c.Component, c.Start); component != nil {
				return statements.PriceOf(component)
			}
		}
	}
	return statements.Price{}
}
