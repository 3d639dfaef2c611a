package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrRebuilding: another process fills a new generation.
var ErrRebuilding = errors.New("another process fills the ledger anew: wait for it, or stop it")

// Rebuild fills a new generation of the ledger, and then puts it in the place of the one in use,
// which is read, and posted to, meanwhile. What an interrupted one has left is dropped. Error:
// ErrRebuilding.
func (l *Ledger) Rebuild(ctx context.Context, fill func(ctx context.Context, to *Ledger) error) (err error) {
	if err := l.Migrate(ctx); err != nil {
		return err
	}
	config := l.pool.Config()
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }() // which releases the lock
	var mine bool
	var number int
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1), number FROM generation", int64(lockRebuild)).
		Scan(&mine, &number); err != nil {
		return err
	}
	if !mine {
		return ErrRebuilding
	}
	old, next := generation(number), generation(number+1)
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+next+" CASCADE"); err != nil {
		return err
	}
	if err := build(ctx, config.ConnConfig, next); err != nil {
		return err
	}
	config.ConnConfig.RuntimeParams["search_path"] = next
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	err = fill(ctx, &Ledger{pool: pool, log: l.log, apart: number + 1})
	pool.Close()
	if err != nil {
		return fmt.Errorf("filling the ledger anew; the one in use is as it was: %w", err)
	}
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return change(ctx, tx, number+1) }); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "DROP SCHEMA "+old+" CASCADE")
	return err
}

// change puts a generation in use, while nobody posts, and nobody asks several questions.
func change(ctx context.Context, tx pgx.Tx, number int) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0), pg_advisory_xact_lock($2)", lockPost,
		int64(lockRead)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE generation SET number = $1", number); err != nil {
		return err
	}
	return expose(ctx, tx, generation(number))
}
