package trace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/evidence"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
)

// Entry returns an entry of a ledger, as Charges does for the owners. With the ledger's links it
// reads the few messages about the entry; without them, or where they do not lead to its span, all
// messages about its subject. Error: ledger.ErrNone.
func Entry(ctx context.Context, b Bus, in ledger.Linked, owners []events.Owner, c *ledger.Charge) (Priced, error) {
	if in != nil {
		p, err := linked(ctx, b, in, owners, c)
		if !errors.Is(err, errUnlinked) {
			return p, err
		}
	}
	x, _, err := billing(ctx, b, c.Place.Sequence)
	if err != nil {
		return Priced{}, err
	}
	if !mayRead(owners, x.Foundation, x.Tenant) {
		return Priced{}, ledger.ErrNone
	}
	at, r := placeOf(x, owners), NewRecord(0, 0)
	if err := r.read(ctx, b, at); err != nil {
		return Priced{}, err
	}
	for _, p := range r.priced(c.ID, "", false) {
		p.Source, p.Foundation = at.source, at.foundation
		return p, nil
	}
	return Priced{}, ledger.ErrNone
}

// errUnlinked: the links do not lead to everything.
var errUnlinked = errors.New("the ledger does not link the entry to its span")

// linked follows the links of an entry. Error: errUnlinked.
func linked(ctx context.Context, b Bus, in ledger.Linked, owners []events.Owner, c *ledger.Charge) (p Priced,
	err error,
) {
	charge := c
	if c.Entry == events.EntryReversal {
		reversed, err := in.Charge(ctx, ledger.Query{Owners: owners}, c.Reverses)
		if err != nil {
			return p, unlinked(err, ledger.ErrNone)
		}
		charge = &reversed
	}
	links, err := in.Links(ctx, charge)
	if err != nil {
		return p, unlinked(err, ledger.ErrNone)
	}
	x, m, err := billing(ctx, b, charge.Place.Sequence)
	if err != nil {
		return p, unlinked(err, bus.ErrNotFound)
	}
	at := placeOf(x, owners)
	p.Source, p.Foundation, p.Charge, p.Message = x.Source, x.Foundation, entry(x, charge), m
	if charge != c {
		taken, _, err := billing(ctx, b, c.Place.Sequence)
		if err != nil {
			return p, unlinked(err, bus.ErrNotFound)
		}
		if at.of(taken.Tenant) {
			p.Reversal = entry(taken, c)
		}
	}
	if p.Charge == nil || !mayRead(owners, x.Foundation, x.Tenant) || charge != c && p.Reversal == nil {
		return p, errUnlinked
	}
	p.Reversed = links.Reversal > 0
	if p.Entry == events.EntryCorrection {
		return p, nil
	}
	if p.Span, err = published(ctx, b, &at, &links, p.Charge.Span, input(m)); err != nil {
		return p, unlinked(err, bus.ErrNotFound)
	}
	p.Facts, err = facts(ctx, b, &at, p.Span.Evidence)
	return p, err
}

// unlinked is errUnlinked in place of another error.
func unlinked(err, of error) error {
	if errors.Is(err, of) {
		return errUnlinked
	}
	return err
}

// entry is an entry of a message; nil for none.
func entry(x *events.Billing, c *ledger.Charge) *Charge {
	for i := range x.Charges {
		if x.Charges[i].ID == c.ID {
			return &Charge{Charge: x.Charges[i], Sequence: c.Place.Sequence}
		}
	}
	return nil
}

// published is a span with its messages. One that stands is in the message of its link, or in the
// input of its charge; one that does not, in the latter and in the input of the reversal.
// Error: errUnlinked.
func published(ctx context.Context, b Bus, of *place, links *ledger.Links, id string, derived uint64) (*Span, error) {
	if !links.Stands && links.Reversal == 0 {
		return nil, errUnlinked
	}
	sequence := derived
	if links.Stands {
		sequence = cmp.Or(links.Span, derived)
	}
	m, err := usage(ctx, b, sequence)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(m.Closed, func(s events.Span) bool { return s.ID == id })
	if at < 0 || !of.of(m.Tenant) {
		return nil, errUnlinked
	}
	span := &Span{Span: m.Closed[at], Sequence: sequence, Corrected: m.Correction != ""}
	if links.Stands {
		return span, nil
	}
	_, reversal, err := billing(ctx, b, links.Reversal)
	if err != nil {
		return nil, err
	}
	taken := input(reversal)
	if m, err = usage(ctx, b, taken); err != nil {
		return nil, err
	}
	if !of.of(m.Tenant) || !slices.ContainsFunc(m.Retracted, func(s events.Span) bool { return s.ID == id }) {
		return nil, errUnlinked
	}
	span.Retracted, span.Corrected = taken, span.Corrected || m.Correction != ""
	return span, nil
}

// facts are those facts of a subject that have the sequences, in their order.
func facts(ctx context.Context, b Bus, of *place, sequences []uint64) (all []*Fact, err error) {
	err = evidence.Read(ctx, b, of.usage(), sequences, func(_ uint64, m *bus.Stored) error {
		if m == nil {
			return nil
		}
		f := stored(m).Fact // nil for one that is damaged
		if f != nil && of.of(f.Tenant) && f.Source == of.source && f.Foundation == of.foundation &&
			f.Kind == of.kind && f.SubjectResource() == of.resource {
			all = append(all, f)
		}
		return nil
	})
	return all, err
}

// billing reads and decodes a message of BILLING.
func billing(ctx context.Context, b Bus, sequence uint64) (*events.Billing, *bus.Stored, error) {
	x := &events.Billing{}
	m, err := read(ctx, b, events.StreamBilling, sequence, events.TypeBilling, x.DecodeJSON)
	return x, m, err
}

// usage reads and decodes a message of METERED.
func usage(ctx context.Context, b Bus, sequence uint64) (*events.Metered, error) {
	x := &events.Metered{}
	_, err := read(ctx, b, events.StreamMetered, sequence, events.TypeMetered, x.DecodeJSON)
	return x, err
}

// read reads a message. One of another type is not decoded.
func read(ctx context.Context, b Bus, stream string, sequence uint64, kind string, decode func([]byte) error) (
	*bus.Stored, error,
) {
	m, err := b.Get(ctx, stream, sequence)
	if err != nil || m.Header(events.HeaderType) != kind {
		return &m, err
	}
	if err := decode(m.Data); err != nil {
		return nil, fmt.Errorf("message %d (%s): %w: %w", m.Sequence, m.Subject, ledger.ErrUnreadable, err)
	}
	return &m, nil
}

// input is the sequence of the input of a stage's message; 0 where it names none.
func input(m *bus.Stored) uint64 {
	sequence, err := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
	if err != nil {
		return 0 // somebody else's message, for which there is no input
	}
	return sequence
}
