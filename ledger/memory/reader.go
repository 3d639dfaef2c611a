package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// Reader answers from a ledger in memory and, about single entries, from BILLING by subject.
type Reader struct {
	*Ledger
	bus ledger.Gets
}

var _ ledger.Reader = (*Reader)(nil)

// NewReader returns a reader of a ledger that is posted from the streams of a bus.
func NewReader(l *Ledger, b ledger.Gets) *Reader { return &Reader{l, b} }

// errEnough ends the reading of a stream.
var errEnough = errors.New("enough")

// each yields the selected entries behind a place, in the order of BILLING, up to the position of
// the ledger. c is only valid during the call; errEnough ends it.
func (r *Reader) each(ctx context.Context, q *ledger.Query, after ledger.Place,
	yield func(c *ledger.Charge) error,
) error {
	at, err := r.Positions(ctx)
	if err != nil {
		return err
	}
	to := at.Billing
	if q.Upto > 0 {
		to = min(to, q.Upto)
	}
	from := max(after.Sequence, 1)
	if from > to || q.Owners != nil && len(q.Owners) == 0 {
		return nil
	}
	filters := q.ChargeFilters()
	names, m := events.NewInterner(namesBits), events.Billing{}
	var charges []ledger.Charge
	_, err = r.bus.Each(ctx, events.StreamBilling, from, to, bus.ReadOptions{Filters: filters},
		func(in *bus.Stored) error {
			if in.Header(events.HeaderType) != events.TypeBilling {
				return nil
			}
			if err := names.DecodeBilling(&m, in.Data); err != nil {
				return fmt.Errorf("message %d of %s (%s): %w: %w", in.Sequence, events.StreamBilling, in.Subject,
					ledger.ErrUnreadable, err)
			}
			charges = ledger.AppendCharges(charges[:0], &m, in.Sequence)
			for i := range charges {
				c := &charges[i]
				if c.Place.Compare(after) <= 0 || !q.Takes(c) {
					continue
				}
				if err := yield(c); err != nil {
					return err
				}
			}
			return nil
		})
	if errors.Is(err, errEnough) || errors.Is(err, bus.ErrNotFound) { // nothing is posted yet
		return nil
	}
	return err
}

// Totals implements ledger.Sums.
func (r *Reader) Totals(ctx context.Context, q ledger.Query) ([]ledger.Sum, error) {
	if q.Upto+q.Known == 0 {
		return r.Ledger.Totals(ctx, q)
	}
	sums := ledger.NewSumming(q.By)
	err := r.each(ctx, &q, ledger.Place{}, func(c *ledger.Charge) error { return sums.Add(c, 1) })
	if err != nil {
		return nil, err
	}
	return sums.List(), nil
}

// MonthSums implements ledger.Reader. It reads BILLING, which alone tells corrections apart.
func (r *Reader) MonthSums(ctx context.Context, foundation string, last []ledger.MonthWord) (
	[]ledger.MonthSum, error,
) {
	at, err := r.Positions(ctx)
	if err != nil || at.Billing == 0 {
		return nil, err
	}
	return ledger.Billed{Bus: r.bus, To: at.Billing}.MonthSums(ctx, foundation, last)
}

// Charges implements ledger.Reader.
func (r *Reader) Charges(ctx context.Context, q ledger.Query, after ledger.Place, limit int) (
	all []ledger.Charge, err error,
) {
	err = r.each(ctx, &q, after, func(c *ledger.Charge) error {
		if all = append(all, *c); len(all) == limit {
			return errEnough
		}
		return nil
	})
	return all, err
}

// Charge implements ledger.Reader.
func (r *Reader) Charge(ctx context.Context, q ledger.Query, id string) (found ledger.Charge, err error) {
	err = r.each(ctx, &q, ledger.Place{}, func(c *ledger.Charge) error {
		if c.ID == id {
			found = *c
			return errEnough
		}
		return nil
	})
	if err == nil && found.ID == "" {
		err = ledger.ErrNone
	}
	return found, err
}

// Spans implements ledger.Reader. It reads METERED by subject.
func (r *Reader) Spans(ctx context.Context, q ledger.Query, from, to time.Time) ([]ledger.Span, error) {
	all, err := r.Running(ctx, q)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(x ledger.Span) bool { return !x.Start.Before(to) })
	at, err := r.Positions(ctx)
	if err != nil || at.Metered == 0 {
		return all, err
	}
	names, m := events.NewInterner(namesBits), events.Metered{}
	closed := map[string]ledger.Span{}
	filters := q.Filters(func(tenant, foundation, _ string) string {
		return events.MeteredResourcesFilter(foundation, tenant)
	})
	_, err = r.bus.Each(ctx, events.StreamMetered, 1, at.Metered, bus.ReadOptions{Filters: filters},
		func(in *bus.Stored) error {
			if in.Header(events.HeaderType) != events.TypeMetered {
				return nil
			}
			if err := names.DecodeChanges(&m, in.Data); err != nil {
				return fmt.Errorf("message %d of %s (%s): %w: %w", in.Sequence, events.StreamMetered, in.Subject,
					ledger.ErrUnreadable, err)
			}
			for i := range m.Retracted {
				delete(closed, m.Retracted[i].ID)
			}
			for i := range m.Closed {
				x := &m.Closed[i]
				if !x.Start.Before(to) || !x.End.After(from) || !q.TakesSpan(m.Foundation, x) {
					continue
				}
				if len(all)+len(closed) == ledger.MaxSpans {
					return ledger.ErrTooMany
				}
				own := *x
				own.Evidence, own.Earlier = slices.Clone(x.Evidence), slices.Clone(x.Earlier)
				closed[x.ID] = ledger.Span{Span: own, Source: m.Source, Foundation: m.Foundation}
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	all = slices.AppendSeq(all, maps.Values(closed))
	slices.SortFunc(all, ledger.CompareStarts)
	return all, nil
}

// Unrated implements ledger.Reader.
func (r *Reader) Unrated(ctx context.Context, q ledger.Query) ([]ledger.Unrated, error) {
	all, err := ledger.ListUnrated(ctx, r.bus, ledger.UnratedFilter{
		Foundation: q.Foundation, Tenant: q.Tenant, Kind: q.Kind,
	})
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return slices.DeleteFunc(all, func(u ledger.Unrated) bool {
		return !q.Has(u.Foundation, u.Tenant) || !is(q.Space, u.Space) || !is(q.Resource, u.Resource) ||
			!is(q.Period, u.PostedTo())
	}), err
}

// Statements implements ledger.Reader.
func (r *Reader) Statements(ctx context.Context, q ledger.Query) ([]statement.Statement, error) {
	return ledger.Statements(ctx, r.bus, q)
}
