package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/ledger"
)

// MonthSums implements ledger.Reader. The sums have no corrections of their own: these are few, and
// have an index.
func (a *answers) MonthSums(ctx context.Context, foundation string, last []ledger.MonthWord) (
	all []ledger.MonthSum, err error,
) {
	var words [3][]string
	usage := make([]uint64, 0, len(last))
	for _, w := range last {
		words[0], words[1] = append(words[0], w.Source), append(words[1], w.Foundation)
		words[2], usage = append(words[2], w.Month), append(usage, w.Usage)
	}
	err = a.read(ctx, func(tx pgx.Tx) error {
		from, err := summedFor(ctx, tx, &ledger.Query{Foundation: foundation})
		if err != nil {
			return err
		}
		var w where
		since := w.with(`unnest(?::text[], ?::text[], ?::text[], ?::bigint[])`, words[0], words[1], words[2], usage)
		w.is("foundation", foundation)
		rows, err := tx.Query(ctx, `SELECT source, foundation, month, currency, sum(amount), sum(vat),
				sum(corrections)::bigint, sum(corrected)
			FROM (
				SELECT source, foundation, period AS month, currency, amount, vat, 0 AS corrections, 0 AS corrected
				FROM `+from.table+`
				UNION ALL
				SELECT source, foundation, month, currency, 0, 0, 1, amount
				FROM charges LEFT JOIN `+since+` AS last (source, foundation, month, usage)
					USING (source, foundation, month)
				WHERE entry = 'correction' AND (usage_sequence = 0 OR usage_sequence > coalesce(last.usage, 0))
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
