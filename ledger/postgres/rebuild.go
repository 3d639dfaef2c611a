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
// which is read, and posted to, meanwhile. Names and erasures it takes itself. What an interrupted
// one has left is dropped. Error: ErrRebuilding.
func (l *Ledger) Rebuild(ctx context.Context, from Facts, fill func(ctx context.Context, to *Ledger) error) (
	err error,
) {
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
	if _, err := conn.Exec(ctx, "DELETE FROM rebuild; DROP SCHEMA IF EXISTS "+next+" CASCADE"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "INSERT INTO rebuild VALUES ($1, clock_timestamp())", number+1); err != nil {
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
	defer pool.Close()
	to := &Ledger{answers: answers{pool: pool}, log: l.log, apart: number + 1, part: l.part}
	err = to.takeErasures(ctx, conn, old)
	if err == nil {
		err = to.fill(ctx, from, fill)
	}
	if err != nil {
		return fmt.Errorf("filling the ledger anew; the one in use is as it was: %w", err)
	}
	for lacks := true; lacks; {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return change(ctx, tx, old, number+1) })
		if lacks = errors.Is(err, errLacking); lacks {
			if err = to.takeErasures(ctx, conn, old); err == nil {
				err = to.finish(ctx, from)
			}
		}
		if err != nil {
			return err
		}
	}
	pool.Close()
	_, err = conn.Exec(ctx, "DELETE FROM rebuild; DROP SCHEMA "+old+" CASCADE")
	return err
}

// fill fills an empty generation. What is erased already never comes into it.
func (l *Ledger) fill(ctx context.Context, from Facts, fill func(ctx context.Context, to *Ledger) error) error {
	if err := l.TakeNames(ctx, from); err != nil {
		return err
	}
	if err := fill(ctx, l); err != nil {
		return err
	}
	return l.TakeNames(ctx, from)
}

// takeErasures notes the erasures of another generation.
func (l *Ledger) takeErasures(ctx context.Context, from asks, other string) error {
	rows, err := from.Query(ctx, "SELECT source, foundation, tenant FROM "+other+".erasures")
	all, err := erasuresIn(rows, err)
	if err != nil {
		return err
	}
	return l.note(ctx, all.Tenants())
}

// errLacking: names were erased in the generation in use since the last look.
var errLacking = errors.New("an erasure is lacking")

// change puts a generation in use, while nobody posts, and nobody asks several questions. No name
// that is erased comes back with it: errLacking.
func change(ctx context.Context, tx pgx.Tx, old string, number int) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0), pg_advisory_xact_lock($2)", lockPost,
		int64(lockRead)); err != nil {
		return err
	}
	var lacks bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT tenant, source, foundation FROM "+old+".erasures EXCEPT "+
		"SELECT tenant, source, foundation FROM "+generation(number)+".erasures WHERE done)").Scan(&lacks); err != nil {
		return err
	}
	if lacks {
		return errLacking
	}
	if _, err := tx.Exec(ctx, "UPDATE generation SET number = $1", number); err != nil {
		return err
	}
	return expose(ctx, tx, generation(number))
}
