package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/daybook-billing/daybook/ledger"
)

var _ ledger.Linked = (*Ledger)(nil)

// undefinedColumn is Postgres's code for a column that is not there.
const undefinedColumn = "42703"

// Links implements ledger.Linked. Error: ErrNone where the schema is an earlier version's, until a
// poster of this one has migrated it.
func (l *Ledger) Links(ctx context.Context, c *ledger.Charge) (links ledger.Links, err error) {
	// OFFSET 0 keeps Postgres from looking for the greatest sequence through an index on sequences.
	err = l.pool.QueryRow(ctx, `SELECT span IS NOT NULL, coalesce(span, 0), coalesce(reversal, 0)
		FROM (SELECT max(metered_sequence) AS span FROM
				(SELECT metered_sequence FROM spans WHERE id = $1 OFFSET 0) AS found) AS s,
			(SELECT max(billing_sequence) AS reversal FROM
				(SELECT billing_sequence FROM charges WHERE reverses = $2 AND reverses <> '' OFFSET 0) AS found) AS e`,
		c.Span, c.ID).Scan(&links.Stands, &links.Span, &links.Reversal)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == undefinedColumn {
		err = ledger.ErrNone
	}
	return links, err
}
