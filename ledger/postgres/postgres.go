package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Config is where the ledger is.
type Config struct {
	URL string // postgres://user:password@host/database, with what libpq's URLs may have
}

// connectTime is how long a connection may take.
const connectTime = 10 * time.Second

// Ledger is a ledger in Postgres.
type Ledger struct {
	pool *pgxpool.Pool
	log  *slog.Logger
}

var (
	_ ledger.Detailed = (*Ledger)(nil)
	_ ledger.Reader   = (*Ledger)(nil)
)

// Open connects to the database, and makes the schema or brings it up to this version.
func Open(ctx context.Context, c Config, log *slog.Logger) (*Ledger, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("the database's URL: %w", err)
	}
	config.ConnConfig.ConnectTimeout = connectTime
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if err := migrate(ctx, config.ConnConfig); err != nil {
		return nil, fmt.Errorf("the ledger's schema in Postgres: %w", err)
	}
	config.ConnConfig.RuntimeParams["search_path"] = Schema
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &Ledger{pool, log}, nil
}

// Close ends all connections.
func (l *Ledger) Close() { l.pool.Close() }

// Positions implements ledger.Sums.
func (l *Ledger) Positions(ctx context.Context) (ledger.Positions, error) {
	return positions(ctx, l.pool)
}

// asks is a connection, a transaction or a pool.
type asks interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// positions reads the positions. A stream without one is at its start.
func positions(ctx context.Context, from asks) (at ledger.Positions, err error) {
	rows, err := from.Query(ctx, "SELECT stream, sequence FROM positions")
	if err != nil {
		return at, err
	}
	var stream string
	var sequence uint64
	_, err = pgx.ForEachRow(rows, []any{&stream, &sequence}, func() error {
		if stream == events.StreamMetered {
			at.Metered = sequence
		} else {
			at.Billing = sequence
		}
		return nil
	})
	return at, err
}

// read makes an answer of several questions see one state of the ledger.
func (l *Ledger) read(ctx context.Context, ask func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, ask)
}
