package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/ledger"
)

// MonthSums implements ledger.Reader. The sums have no corrections of their own: these are few, and
// have an index.
func (a *answers) MonthSums(ctx context.Context, foundation string) (all []ledger.MonthSum, err error) {
	err = a.read(ctx, func(tx pgx.Tx) error {
		from, err := summedFor(ctx, tx, &ledger.Query{Foundation: foundation})
		if err != nil {
			return err
		}
		var w where
		w.is("foundation", foundation)
		rows, err := tx.Query(ctx, `SELECT source, foundation, month, currency, sum(amount), sum(vat),
				sum(corrections)::bigint, sum(corrected)
			FROM (
				SELECT source, foundation, period AS month, currency, amount, vat, 0 AS corrections, 0 AS corrected
				FROM `+from.table+`
				UNION ALL
				SELECT source, foundation, month, currency, 0, 0, 1, amount FROM charges WHERE entry = 'correction'
			) AS sums`+w.sql()+` GROUP BY source, foundation, month, currency`, w.arguments...)
		if err != nil {
			return err
		}
		var s ledger.MonthSum
		var amount, vat, corrected decimal
		_, err = pgx.ForEachRow(rows,
			[]any{&s.Source, &s.Foundation, &s.Month, &s.Currency, &amount, &vat, &s.Corrections, &corrected},
			func() error {
				s.Amount, s.VAT, s.Corrected = amount.Decimal, vat.Decimal, corrected.Decimal
				all = append(all, s)
				return nil
			})
		return err
	})
	ledger.SortMonthSums(all)
	return all, err
}
