package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// MonthSum is the money of a month of a foundation in one currency, of all tenants.
type MonthSum struct {
	Source, Foundation, Month, Currency string

	Amount, VAT events.Decimal // of what is posted to the month, corrections of other months included
	// Corrections counts the corrections of the month itself, posted to later ones; Corrected is
	// their net sum.
	Corrections int
	Corrected   events.Decimal
}

// Each is the part of the bus for MonthSums.
type Each interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// MonthSums reads the money of the months of one foundation or, where it is empty, of all from
// BILLING, sorted by source, foundation, month and currency. Error: ErrUnreadable.
func MonthSums(ctx context.Context, b Each, foundation string) ([]MonthSum, error) {
	sums := map[MonthSum]*MonthSum{} // by a sum without amounts
	of := func(m *events.Billing, month, currency string) *MonthSum {
		key := MonthSum{Source: m.Source, Foundation: m.Foundation, Month: month, Currency: currency}
		if sums[key] == nil {
			own := key
			sums[key] = &own
		}
		return sums[key]
	}
	names := events.NewInterner(internBits)
	var m events.Billing
	_, err := b.Each(ctx, events.StreamBilling, 1, bus.End, bus.ReadOptions{
		Filters: []string{events.ChargeFilter(foundation)},
	}, func(in *bus.Stored) error {
		if in.Header(events.HeaderType) != events.TypeBilling {
			return nil
		}
		if err := names.DecodeBilling(&m, in.Data); err != nil {
			return ErrUnreadable
		}
		for i := range m.Charges {
			c := &m.Charges[i]
			s := of(&m, c.Period, c.Currency)
			s.Amount, s.VAT = s.Amount.Add(c.Amount), s.VAT.Add(c.VAT)
			if c.Entry == events.EntryCorrection {
				about := of(&m, c.Month, c.Currency)
				about.Corrections++
				about.Corrected = about.Corrected.Add(c.Amount)
			}
		}
		return nil
	})
	all := make([]MonthSum, 0, len(sums))
	for _, s := range sums {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b MonthSum) int {
		return slices.CompareFunc([]string{a.Source, a.Foundation, a.Month, a.Currency},
			[]string{b.Source, b.Foundation, b.Month, b.Currency}, strings.Compare)
	})
	return all, err
}
