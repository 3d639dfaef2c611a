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
	rows    string // its expressions for the table charges, to fill the sums; empty: they always have all
}

// noDay is the day of a charge without a beginning.
var noDay = time.Time{}.Format(time.DateOnly)

var daySums = sumTable{
	name: "day_sums",
	columns: []string{
		"period", "day", "source", "foundation", "tenant", "kind", "plan", "component", "unit", "currency",
	},
	key: func(c *ledger.Charge) sumKey {
		return sumKey{
			c.Period, c.Value(ledger.ByDay), c.Source, c.Foundation, c.Tenant, c.Kind, c.Plan, c.Component, c.Unit,
			c.Currency,
		}
	},
}

var monthSums = sumTable{
	name: "month_sums",
	columns: []string{
		"period", "of_month", "source", "foundation", "tenant", "kind", "plan", "component", "unit", "currency",
		"vat_rate",
	},
	key: func(c *ledger.Charge) sumKey {
		return sumKey{
			c.Period, c.Of(), c.Source, c.Foundation, c.Tenant, c.Kind, c.Plan, c.Component, c.Unit, c.Currency,
			c.VATRate,
		}
	},
}

var tenantSums = sumTable{
	name:    "tenant_sums",
	columns: []string{"period", "of_month", "source", "foundation", "tenant", "kind", "unit", "currency", "vat_rate"},
	key: func(c *ledger.Charge) sumKey {
		return sumKey{c.Period, c.Of(), c.Source, c.Foundation, c.Tenant, c.Kind, c.Unit, c.Currency, c.VATRate}
	},
	rows: "period, " + ofCharge + ", source, foundation, tenant, kind, unit, currency, " + rateOfCharge,
}

var resourceSums = sumTable{
	name: "resource_sums",
	columns: []string{
		"period", "of_month", "source", "foundation", "tenant", "space", "app", "kind", "resource", "unit", "currency",
	},
	key: func(c *ledger.Charge) sumKey {
		return sumKey{
			c.Period, c.Of(), c.Source, c.Foundation, c.Tenant, c.Space, c.App, c.Kind, c.SummedBy(), c.Unit,
			c.Currency,
		}
	},
	rows: "period, " + ofCharge + ", source, foundation, tenant, space, app, kind, " + summedBy + ", unit, currency",
}

// sums adds the charges of a batch to all sums.
func (p *posting) sums(ctx context.Context, b *ledger.Batch) error {
	for _, t := range []*sumTable{&daySums, &monthSums} {
		if err := p.add(ctx, t, b.Charges); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return p.smaller(ctx, b)
}

// smaller adds the charges of a batch to the sums by tenant and by resource, where these reach up
// to the batch. Where they do not, because an earlier version of Daybook posted without them, it
// fills them by as many parts as a batch cuts, up to the batch's end at the most.
func (p *posting) smaller(ctx context.Context, b *ledger.Batch) error {
	tables := []*sumTable{&tenantSums, &resourceSums}
	kept, err := p.tx.Exec(ctx, "UPDATE sums_position SET billing_sequence = $2 WHERE billing_sequence = $1",
		b.From.Billing, b.Positions.Billing)
	if err != nil {
		return err
	}
	if kept.RowsAffected() == 1 {
		for _, t := range tables {
			if err := p.add(ctx, t, b.Charges); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
		return nil
	}
	for range cutsOfPost {
		var from, to int64
		err := p.tx.QueryRow(ctx, `UPDATE sums_position AS at SET billing_sequence = coalesce(
				(SELECT billing_sequence FROM charges WHERE billing_sequence > was.billing_sequence
					ORDER BY billing_sequence LIMIT 1 OFFSET $1), $2)
			FROM sums_position AS was RETURNING was.billing_sequence, at.billing_sequence`,
			p.part-1, b.Positions.Billing).Scan(&from, &to)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if err := p.fill(ctx, t, from, to); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
		if uint64(to) == b.Positions.Billing { //nolint:gosec // not negative
			return nil
		}
	}
	return nil
}

// fill adds the charges of some messages of BILLING to the sums of a table: behind from, up to to.
func (p *posting) fill(ctx context.Context, t *sumTable, from, to int64) error {
	columns := strings.Join(t.columns, ", ")
	_, err := p.tx.Exec(ctx, `INSERT INTO `+t.name+` AS s (`+columns+`, charges, quantity, amount, vat)
		SELECT `+t.rows+`, count(*), sum(quantity), sum(amount), sum(vat) FROM charges
		WHERE billing_sequence > $1 AND billing_sequence <= $2 GROUP BY `+t.rows+addTo(columns), from, to)
	return err
}

// addTo ends an INSERT of sums: they are added to those of the same key.
func addTo(columns string) string {
	return ` ON CONFLICT (` + columns + `) DO UPDATE SET charges = s.charges + excluded.charges,
		quantity = s.quantity + excluded.quantity, amount = s.amount + excluded.amount, vat = s.vat + excluded.vat`
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
		SELECT * FROM unnest(%[3]s, $%[4]d::bigint[], $%[5]d::numeric[], $%[6]d::numeric[], $%[7]d::numeric[])`+
		addTo(columns), t.name, columns, strings.Join(arrays, ", "), n+1, n+2, n+3, n+4), arguments...)
	return err
}
