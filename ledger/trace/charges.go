package trace

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
)

// Priced is an entry of BILLING with all that it goes back to.
type Priced struct {
	Source, Foundation string
	*Charge
	// Reversal is set where the entry is a reversal: Charge is the one that it reverses, if BILLING
	// has it.
	Reversal *Charge
	Span     *Span   // of the charge; nil where METERED has none
	Facts    []*Fact // behind the span, in order of USAGE
	// Message is the charge's message in BILLING; nil where it was read with others.
	Message *bus.Stored
}

// Erased is the entry with guids in the places of erased names. What it shares with others stays.
func (p *Priced) Erased(e *names.Erasures) *Priced {
	if e.None() {
		return p
	}
	own := *p
	charge := func(c *Charge) *Charge {
		if c == nil {
			return nil
		}
		copied := *c
		e.Charge(p.Source, p.Foundation, &copied.Charge)
		return &copied
	}
	own.Charge, own.Reversal = charge(p.Charge), charge(p.Reversal)
	if p.Span != nil {
		span := *p.Span
		e.Span(p.Source, p.Foundation, &span.Span)
		own.Span = &span
	}
	own.Facts = slices.Clone(p.Facts)
	for i, f := range p.Facts {
		fact := *f
		e.Usage(&fact.Usage)
		own.Facts[i] = &fact
	}
	return &own
}

// Used is the usage that it charges; nil where METERED has none.
func (p *Priced) Used() *events.Span {
	if p.Span == nil {
		return nil
	}
	return &p.Span.Span
}

// maxPriced is how many entries Charges returns; more are counted.
const maxPriced = 200

// Charges returns the entry with an id or, with a month of posting (YYYY-MM), the charges of a
// resource in it that stand: of an app, a process, a task, a service instance, a database. omitted
// is how many more there are. It reads what is of the owners, nil for everybody, from the start of
// BILLING where the id is not the last token of a subject.
func Charges(ctx context.Context, b Bus, owners []events.Owner, id, month string) (all []Priced, omitted int,
	err error,
) {
	subjects, err := charged(ctx, b, owners, id, month)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range subjects {
		r := NewRecord(0, 0)
		if err := r.read(ctx, b, s); err != nil {
			return nil, 0, err
		}
		for _, p := range r.priced(id, month, s.resource == id) {
			p.Source, p.Foundation = s.source, s.foundation
			if len(all) >= maxPriced {
				omitted++
				continue
			}
			all = append(all, p)
		}
	}
	return all, omitted, nil
}

// charged finds the subjects with an entry, or with charges of a resource, in order of BILLING.
func charged(ctx context.Context, b Bus, owners []events.Owner, id, month string) (all []place, err error) {
	known := map[place]bool{}
	add := func(m *bus.Stored) error {
		var x events.Billing
		if err := x.DecodeJSON(m.Data); err != nil {
			return fmt.Errorf("message %d (%s): %w: %w", m.Sequence, m.Subject, ledger.ErrUnreadable, err)
		}
		if !mayRead(owners, x.Foundation, x.Tenant) {
			return nil // there are more owners than filters
		}
		for i := range x.Charges {
			c := &x.Charges[i]
			if month == "" && c.ID != id || month != "" && c.Resource != id && c.App != id && x.Resource != id {
				continue
			}
			if at := placeOf(&x, owners); !known[at] {
				known[at] = true
				all = append(all, at)
			}
			break
		}
		return nil
	}
	read := func(of func(tenant, foundation string) string) error {
		return each(ctx, b, events.StreamBilling, owners, of, func(m *bus.Stored) error {
			if m.Header(events.HeaderType) != events.TypeBilling || !bytes.Contains(m.Data, []byte(id)) {
				return nil
			}
			return add(m)
		})
	}
	if month != "" {
		err := read(func(tenant, foundation string) string {
			return events.ChargeResourceFilter(tenant, foundation, id)
		})
		if err != nil || len(all) > 0 {
			return all, err
		}
	}
	return all, read(chargesOf)
}

// priced are the entries of a record that are asked for.
func (r *Record) priced(id, month string, whole bool) (all []Priced) {
	for _, c := range r.inOrder {
		p := Priced{Charge: c}
		switch {
		case month == "" && c.ID != id:
			continue
		case month == "" && c.Entry == events.EntryReversal:
			p.Reversal, p.Charge = c, r.entries[c.Reverses]
			if p.Charge == nil {
				p.Charge = c
			}
		case month != "" && (c.Period != month || !stands(*c)):
			continue
		case month != "" && !whole && c.Resource != id && c.App != id:
			continue
		}
		r.derived(&p)
		all = append(all, p)
	}
	return all
}

// derived adds the span of a charge, and the facts of the span.
func (r *Record) derived(p *Priced) {
	for _, s := range r.spans { // the last publication of the same id
		if s.ID == p.Charge.Span {
			p.Span = s
		}
	}
	if p.Span == nil {
		return
	}
	for _, f := range r.facts {
		if slices.Contains(p.Span.Evidence, f.Sequence) {
			p.Facts = append(p.Facts, f)
		}
	}
}
