package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Post implements ledger.Ledger. A poster behind another one is refused, whatever its batch has.
func (l *Ledger) Post(ctx context.Context, b ledger.Batch) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if err := l.turn(ctx, tx); err != nil {
			return err
		}
		if err := advance(ctx, tx, &b); err != nil {
			return err
		}
		b, err := erased(ctx, tx, b)
		if err != nil {
			return err
		}
		p := &posting{tx: tx, part: l.part}
		for _, write := range []func(ctx context.Context, b *ledger.Batch) error{
			p.charges, p.unrated, p.usage, p.completeness, p.spans, p.statements,
		} {
			if err := write(ctx, &b); err != nil {
				return fmt.Errorf("posting to Postgres: %w", err)
			}
		}
		if err := l.cut(ctx, tx, len(b.Charges)); err != nil {
			return fmt.Errorf("sums of a part, in Postgres: %w", err)
		}
		return nil
	})
}

// posting is the writing of a batch.
type posting struct {
	tx   pgx.Tx
	part int // Config.Part
}

// turn waits for the lock of posters, and goes to the tables of the generation in use.
func (l *Ledger) turn(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", lockPost, l.apart)
	if err != nil || l.apart > 0 {
		return err
	}
	_, err = tx.Exec(ctx, "SELECT set_config('search_path', $1 || '_' || number, true) FROM generation", Schema)
	return err
}

// advance moves the positions, with their marks. Error: ledger.ErrPosted.
func advance(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	at, _, err := marks(ctx, tx)
	if err != nil {
		return err
	}
	if !b.Follows(at) {
		return ledger.ErrPosted
	}
	_, err = tx.Exec(ctx, `INSERT INTO positions AS p (stream, sequence, mark) VALUES ($1, $2, $3), ($4, $5, $6)
		ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence, mark = coalesce(excluded.mark, p.mark)`,
		events.StreamMetered, b.Positions.Metered, b.Marks.Metered,
		events.StreamBilling, b.Positions.Billing, b.Marks.Billing)
	return err
}

// columns of charges, in the order of chargeRow.
var chargeColumns = []string{
	"period", "id", "entry", "reverses", "corrects", "month", "source", "foundation", "tenant", "space", "app", "kind",
	"resource", "name", "span", "plan", "component", "catalogue", "start_time", "end_time", "seconds", "quantity",
	"unit", "amount", "vat", "vat_code", "vat_rate", "currency", "currency_rate", "flags", "datastore", "region",
	"availability_zone", "billing_sequence", "billing_index", "usage_sequence",
}

func chargeRow(c *ledger.Charge) []any {
	flags := c.Flags.Names()
	if flags == nil {
		flags = []string{}
	}
	return []any{
		c.Period, c.ID, c.Entry, c.Reverses, c.Corrects, c.Month, c.Source, c.Foundation, c.Tenant, c.Space, c.App,
		c.Kind, c.Resource, c.Name, c.Span, c.Plan, c.Component, c.Catalogue, at(&c.Start), at(&c.End),
		decimal{c.Seconds},
		decimal{c.Quantity},
		c.Unit,
		decimal{c.Amount},
		decimal{c.VAT},
		c.VATCode,
		rate(c.VATRate), c.Currency, rate(c.CurrencyRate), flags, c.Datastore, c.Region, c.AvailabilityZone,
		c.Place.Sequence, c.Place.Index, c.Usage,
	}
}

// charges adds the entries, and their sums.
func (p *posting) charges(ctx context.Context, b *ledger.Batch) error {
	if len(b.Charges) == 0 {
		return p.smaller(ctx, b)
	}
	months := map[string]bool{}
	for i := range b.Charges {
		months[b.Charges[i].Period] = true
	}
	if err := p.partitions(ctx, slices.Sorted(maps.Keys(months))); err != nil {
		return err
	}
	if err := copyRows(ctx, p, "charges", chargeColumns, b.Charges, chargeRow); err != nil {
		return err
	}
	return p.sums(ctx, b)
}

// copyRows adds rows by COPY.
func copyRows[T any](ctx context.Context, p *posting, table string, columns []string, list []T,
	row func(*T) []any,
) error {
	if len(list) == 0 {
		return nil
	}
	_, err := p.tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(len(list),
		func(i int) ([]any, error) { return row(&list[i]), nil }))
	if err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	return nil
}

// partitions makes those partitions of charges that are not there yet. One is made apart and then
// attached, which keeps no reader waiting.
func (p *posting) partitions(ctx context.Context, months []string) error {
	rows, err := p.tx.Query(ctx, `SELECT month FROM unnest($1::text[]) AS month
		WHERE to_regclass(quote_ident('charges_' || month)) IS NULL`, months)
	if err != nil {
		return err
	}
	lacking, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, month := range lacking {
		name := quoted("charges_" + month)
		var value string
		if err := p.tx.QueryRow(ctx, "SELECT quote_literal($1::text)", month).Scan(&value); err != nil {
			return err
		}
		if _, err := p.tx.Exec(ctx, "CREATE TABLE "+name+" (LIKE charges INCLUDING ALL)"+
			"; ALTER TABLE charges ATTACH PARTITION "+name+" FOR VALUES IN ("+value+")"); err != nil {
			return err
		}
	}
	return nil
}
