package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// MonthSum is the money of a month of a foundation in one currency, of all tenants.
type MonthSum struct {
	Source, Foundation, Month, Currency string

	Amount, VAT events.Decimal // of what is posted to the month, corrections of other months included
	// Corrections counts the corrections of the month itself since its last MonthWord, posted to
	// later ones; Corrected is their net sum.
	Corrections int
	Corrected   events.Decimal
}

// MonthWord is the last word about a month: that it is closed, or open again. A correction with a
// later cause came since.
type MonthWord struct {
	Source, Foundation, Month string
	Usage                     uint64 // sequence in USAGE of its cause
}

// MonthMoney tells the money of months; Reader is one.
type MonthMoney interface {
	MonthSums(ctx context.Context, foundation string, last []MonthWord) ([]MonthSum, error)
}

// Each is the part of the bus for Billed.
type Each interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Billed is BILLING up to a sequence, for MonthMoney without sums; bus.End is its end.
type Billed struct {
	Bus Each
	To  uint64
}

// MonthSums implements MonthMoney. It reads all entries. Error: ErrUnreadable.
func (b Billed) MonthSums(ctx context.Context, foundation string, last []MonthWord) ([]MonthSum, error) {
	since := map[MonthWord]uint64{} // by a word without its cause
	for _, w := range last {
		since[MonthWord{Source: w.Source, Foundation: w.Foundation, Month: w.Month}] = w.Usage
	}
	sums := map[MonthSum]*MonthSum{} // by a sum without amounts
	of := func(c *Charge, month string) *MonthSum {
		key := MonthSum{Source: c.Source, Foundation: c.Foundation, Month: month, Currency: c.Currency}
		if sums[key] == nil {
			own := key
			sums[key] = &own
		}
		return sums[key]
	}
	names := events.NewInterner(internBits)
	var m events.Billing
	var charges []Charge
	_, err := b.Bus.Each(ctx, events.StreamBilling, 1, b.To, bus.ReadOptions{
		Filters: []string{events.ChargeFilter(foundation)},
	}, func(in *bus.Stored) error {
		if in.Header(events.HeaderType) != events.TypeBilling {
			return nil
		}
		if err := names.DecodeBilling(&m, in.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w: %w", in.Sequence, events.StreamBilling, in.Subject,
				ErrUnreadable, err)
		}
		charges = AppendCharges(charges[:0], &m, in.Sequence)
		for i := range charges {
			c := &charges[i]
			posted := of(c, c.Period)
			posted.Amount, posted.VAT = posted.Amount.Add(c.Amount), posted.VAT.Add(c.VAT)
			word := MonthWord{Source: c.Source, Foundation: c.Foundation, Month: c.Month}
			if c.Entry == events.EntryCorrection && (c.Usage == 0 || c.Usage > since[word]) {
				about := of(c, c.Month)
				about.Corrections++
				about.Corrected = about.Corrected.Add(c.Amount)
			}
		}
		return nil
	})
	all := make([]MonthSum, 0, len(sums))
	for _, sum := range sums {
		all = append(all, *sum)
	}
	SortMonthSums(all)
	return all, err
}

// SortMonthSums sorts sums by source, foundation, month and currency.
func SortMonthSums(all []MonthSum) {
	slices.SortFunc(all, func(a, b MonthSum) int {
		return slices.CompareFunc([]string{a.Source, a.Foundation, a.Month, a.Currency},
			[]string{b.Source, b.Foundation, b.Month, b.Currency}, strings.Compare)
	})
}
