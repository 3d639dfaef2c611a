package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/ledger"
)

// A part is some messages of BILLING in a row, with sums over their charges, and with the least and
// the greatest sequence of USAGE behind them. Sums up to an earlier position are those of the parts
// before it, and those of single charges where a part lies before it in part only, or where there
// is no part yet. Charges are never changed, so neither are parts.

// DefaultPart is how many charges a part has, and the rest of a message.
const DefaultPart = 100_000

// cutsOfPost is how many parts a batch cuts at the most: a database of an earlier version has many
// charges without parts.
const cutsOfPost = 4

// cut makes parts of the charges without one, where they are enough. It counts the charges that
// this process posted since it looked at the tables last.
func (l *Ledger) cut(ctx context.Context, tx pgx.Tx, posted int) error {
	without := l.without.Add(int64(posted))
	if l.looked.Load() && without < int64(l.part) {
		return nil
	}
	if err := tx.QueryRow(ctx, `SELECT ((SELECT coalesce(sum(charges), 0) FROM month_sums) -
		(SELECT coalesce(sum(charges), 0) FROM parts))::bigint`).Scan(&without); err != nil {
		return err
	}
	for range cutsOfPost {
		if without < int64(l.part) {
			break
		}
		cut, err := l.next(ctx, tx)
		if err != nil {
			return err
		}
		without -= cut
	}
	l.without.Store(without)
	l.looked.Store(true)
	return nil
}

// next makes the next part, and returns the number of its charges.
func (l *Ledger) next(ctx context.Context, tx pgx.Tx) (charges int64, err error) {
	var first, last int64
	err = tx.QueryRow(ctx, `SELECT first, billing_sequence
		FROM (SELECT coalesce(max(last_sequence), 0) AS first FROM parts) AS done,
		LATERAL (SELECT billing_sequence FROM charges WHERE billing_sequence > first
			ORDER BY billing_sequence LIMIT 1 OFFSET $1) AS end_of_it`, l.part-1).Scan(&first, &last)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO parts (first_sequence, last_sequence, charges, usage_first, usage_last)
		SELECT $1, $2, count(*), min(usage_sequence), max(usage_sequence) FROM charges
		WHERE billing_sequence > $1 AND billing_sequence <= $2 RETURNING charges`, first, last).Scan(&charges)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO part_sums (part, `+partColumns+`, charges, quantity, amount, vat)
		SELECT $2, `+partColumns+`, count(*), sum(quantity), sum(amount), sum(vat) FROM charges
		WHERE billing_sequence > $1 AND billing_sequence <= $2 GROUP BY `+partColumns+` ORDER BY tenant`, first, last)
	return charges, err
}

// stretch is some messages of BILLING: behind after, up to last; 0: up to the end.
type stretch struct{ after, last int64 }

// maxStretches is how many parts are read charge by charge for an answer. Where more of them have
// charges with earlier and with later facts, one pass over all charges takes less time.
const maxStretches = 8

// reached are the parts that a query's Known and Upto take whole, and the stretches of BILLING to
// take charge by charge. Without an answer in parts it returns false.
func reached(ctx context.Context, from asks, q *ledger.Query) (whole []int64, rest []stretch, ok bool, err error) {
	rows, err := from.Query(ctx,
		"SELECT first_sequence, last_sequence, usage_first, usage_last FROM parts ORDER BY last_sequence")
	if err != nil {
		return nil, nil, false, err
	}
	var s stretch
	var first, last uint64
	var end int64
	_, err = pgx.ForEachRow(rows, []any{&s.after, &s.last, &first, &last}, func() error {
		end = s.last
		switch {
		case q.Known > 0 && first > q.Known, q.Upto > 0 && uint64(s.after) >= q.Upto: //nolint:gosec // not negative
		case (q.Known == 0 || last <= q.Known) && (q.Upto == 0 || uint64(s.last) <= q.Upto): //nolint:gosec // the same
			whole = append(whole, s.last)
		default:
			rest = append(rest, s)
		}
		return nil
	})
	return whole, append(rest, stretch{after: end}), end > 0 && len(rest) <= maxStretches, err
}

// partColumns are the columns of sums and of charges that parts are divided by.
const partColumns = "period, source, foundation, tenant, kind, plan, component, unit, currency"

// parted is a table of sums for a query with an earlier position: a query itself, with its
// arguments. It is empty where the query is to be answered from charges.
func parted(ctx context.Context, from asks, q *ledger.Query) (table string, arguments []any, err error) {
	now := *q
	now.Upto, now.Known = 0, 0
	if !fromMonths.has(&now) {
		return "", nil, nil
	}
	whole, rest, ok, err := reached(ctx, from, q)
	if err != nil || !ok {
		return "", nil, err
	}
	w := fromMonths.where(&now)
	w.add("part = ANY(?::bigint[])", whole)
	all := []string{"SELECT " + partColumns + ", charges, quantity, amount, vat FROM part_sums" + w.sql()}
	for _, s := range rest {
		w = &where{arguments: w.arguments}
		fromCharges.conditions(w, q)
		w.add("billing_sequence > ?", s.after)
		if s.last > 0 {
			w.add("billing_sequence <= ?", s.last)
		}
		all = append(all, "SELECT "+partColumns+", 1, quantity, amount, vat FROM charges"+w.sql())
	}
	return "(" + strings.Join(all, " UNION ALL ") + ") AS parted", w.arguments, nil
}
