package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/ledger"
)

// sumKey are the texts of the key of a sum, in the order of its table's columns.
type sumKey [11]string

// sum is a sum over charges.
type sum struct {
	charges               int64
	quantity, amount, vat money.Sum
}

// sumTable is a table of sums.
type sumTable struct {
	name    string
	columns []string // of the key
	key     func(c *ledger.Charge) sumKey
}

// noDay is the day of a charge without a beginning.
var noDay = time.Time{}.Format(time.DateOnly)

var daySums = sumTable{
	"day_sums",
	[]string{"period", "day", "source", "foundation", "tenant", "kind", "plan", "component", "unit", "currency"},
	func(c *ledger.Charge) sumKey {
		return sumKey{
			c.Period, c.Value(ledger.ByDay), c.Source, c.Foundation, c.Tenant, c.Kind, c.Plan, c.Component, c.Unit,
			c.Currency,
		}
	},
}

var monthSums = sumTable{
	"month_sums",
	[]string{
		"period", "of_month", "source", "foundation", "tenant", "kind", "plan", "component", "unit", "currency",
		"vat_rate",
	},
	func(c *ledger.Charge) sumKey {
		return sumKey{
			c.Period, c.Of(), c.Source, c.Foundation, c.Tenant, c.Kind, c.Plan, c.Component, c.Unit, c.Currency,
			c.VATRate,
		}
	},
}

// sums adds charges to the sums by day and by month.
func (p *posting) sums(ctx context.Context, charges []ledger.Charge) error {
	for _, t := range []sumTable{daySums, monthSums} {
		if err := p.add(ctx, &t, charges); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// add adds charges to the sums of a table.
func (p *posting) add(ctx context.Context, t *sumTable, charges []ledger.Charge) error {
	all := map[sumKey]*sum{}
	for i := range charges {
		c := &charges[i]
		key := t.key(c)
		s := all[key]
		if s == nil {
			s = &sum{}
			all[key] = s
		}
		s.charges++
		s.quantity.Add(c.Quantity)
		s.amount.Add(c.Amount)
		s.vat.Add(c.VAT)
	}
	keys := slices.SortedFunc(maps.Keys(all), func(a, b sumKey) int { return slices.Compare(a[:], b[:]) })
	texts := make([][]string, len(t.columns))
	var counts []int64
	var quantities, amounts, vats []decimal
	for _, key := range keys {
		s := all[key]
		for i := range texts {
			texts[i] = append(texts[i], key[i])
		}
		counts = append(counts, s.charges)
		quantities = append(quantities, decimal{s.quantity.Decimal()})
		amounts = append(amounts, decimal{s.amount.Decimal()})
		vats = append(vats, decimal{s.vat.Decimal()})
	}
	var arrays []string
	var arguments []any
	for i, column := range t.columns {
		of := "text"
		if column == "day" {
			of = "date"
		}
		arrays = append(arrays, fmt.Sprintf("$%d::text[]::%s[]", i+1, of))
		arguments = append(arguments, texts[i])
	}
	n, columns := len(t.columns), strings.Join(t.columns, ", ")
	arguments = append(arguments, counts, quantities, amounts, vats)
	_, err := p.tx.Exec(ctx, fmt.Sprintf(`INSERT INTO %[1]s AS s (%[2]s, charges, quantity, amount, vat)
		SELECT * FROM unnest(%[3]s, $%[4]d::bigint[], $%[5]d::numeric[], $%[6]d::numeric[], $%[7]d::numeric[])
		ON CONFLICT (%[2]s) DO UPDATE SET charges = s.charges + excluded.charges,
			quantity = s.quantity + excluded.quantity, amount = s.amount + excluded.amount, vat = s.vat + excluded.vat`,
		t.name, columns, strings.Join(arrays, ", "), n+1, n+2, n+3, n+4), arguments...)
	return err
}
