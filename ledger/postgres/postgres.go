package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Config is where the ledger is.
type Config struct {
	URL string // postgres://user:password@host/database, with what libpq's URLs may have
	// Part is how many charges have sums of their own for questions about earlier times; 0:
	// DefaultPart.
	Part int
}

// connectTime is how long a connection may take.
const connectTime = 10 * time.Second

// Ledger is a ledger in Postgres.
type Ledger struct {
	answers
	log   *slog.Logger
	apart int // number of a generation that is not in use; 0: the one in use
	part  int // Config.Part

	// without counts the charges without a part, those of this process since it looked last.
	without atomic.Int64
	looked  atomic.Bool

	filling atomic.Pointer[ledger.Rebuild] // of another process, as it was seen last
}

var (
	_ ledger.Detailed = (*Ledger)(nil)
	_ ledger.Reader   = (*Ledger)(nil)
	_ ledger.Stills   = (*Ledger)(nil)
)

// New returns a ledger without a connection yet. It answers behind Migrate, of this process or of
// another one.
func New(c Config, log *slog.Logger) (*Ledger, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("the database's URL (DATABASE_URL): %w", err)
	}
	config.ConnConfig.ConnectTimeout = connectTime
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["search_path"] = Schema
	pool, err := pgxpool.NewWithConfig(context.Background(), config) // which connects when it is asked
	if err != nil {
		return nil, err
	}
	return &Ledger{answers: answers{pool: pool}, log: log, part: cmp.Or(c.Part, DefaultPart)}, nil
}

// Migrate makes the schema, or brings it up to this version.
func (l *Ledger) Migrate(ctx context.Context) error {
	if err := migrate(ctx, l.pool.Config().ConnConfig); err != nil {
		return fmt.Errorf("the ledger's schema in Postgres: %w", err)
	}
	return nil
}

// Away reports whether an error is that of a database that cannot be reached, or not now.
func Away(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code[:2] {
		case "08", "53", "57": // of the connection, without room, while it starts or stops
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect)
}

// Close ends all connections.
func (l *Ledger) Close() { l.pool.Close() }

// Marks implements ledger.Detailed.
func (l *Ledger) Marks(ctx context.Context) (ledger.Positions, ledger.Marks, error) {
	return marks(ctx, l.pool)
}

// marks reads the positions with their marks. A stream without them is at its start.
func marks(ctx context.Context, from asks) (at ledger.Positions, all ledger.Marks, err error) {
	rows, err := from.Query(ctx, "SELECT stream, sequence, mark FROM positions")
	if err != nil {
		return at, all, err
	}
	var stream string
	var sequence uint64
	var mark []byte
	_, err = pgx.ForEachRow(rows, []any{&stream, &sequence, &mark}, func() error {
		switch stream {
		case events.StreamMetered:
			at.Metered, all.Metered = sequence, mark
		case events.StreamBilling:
			at.Billing, all.Billing = sequence, mark
		}
		return nil
	})
	return at, all, err
}
