package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-billing/daybook/ledger"
)

// answers answers from the tables: each question as they are, or all of them as they are in a
// transaction.
type answers struct {
	pool *pgxpool.Pool
	tx   pgx.Tx // nil: none
}

// asks is a connection, a transaction or a pool.
type asks interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

func (a *answers) conn() asks {
	if a.tx != nil {
		return a.tx
	}
	return a.pool
}

// read makes an answer of several questions see one state of the ledger.
func (a *answers) read(ctx context.Context, ask func(tx pgx.Tx) error) error {
	if a.tx != nil {
		return ask(a.tx)
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, a.pool, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock_shared($1)", int64(lockRead)); err != nil {
			return err
		}
		return ask(tx)
	})
}

// Still implements ledger.Stills.
func (a *answers) Still(ctx context.Context, answer func(r ledger.Reader) error) (at ledger.Positions, still bool,
	err error,
) {
	err = a.read(ctx, func(tx pgx.Tx) (err error) {
		if at, _, err = marks(ctx, tx); err == nil {
			err = answer(&answers{tx: tx})
		}
		return err
	})
	return at, err == nil, err
}

// Positions implements ledger.Sums.
func (a *answers) Positions(ctx context.Context) (ledger.Positions, error) {
	at, _, err := marks(ctx, a.conn())
	return at, err
}
