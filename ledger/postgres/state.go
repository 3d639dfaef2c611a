package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// ErrEmpty: the database has no ledger.
var ErrEmpty = errors.New("the database has no ledger yet: `daybook ledger`, or `daybook up` with its URL, makes it")

// undefined are the codes of Postgres for a table and a schema that do not exist.
var undefined = []string{"42P01", "3F000"}

// emptied is ErrEmpty in the place of an error about a table that does not exist.
func emptied(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		for _, code := range undefined {
			if refused.Code == code {
				return ErrEmpty
			}
		}
	}
	return err
}

// held counts the holders of an advisory lock of this database.
const held = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = $1
	AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// State is how far the ledger is posted, by any process. Error: ErrEmpty.
func (l *Ledger) State(ctx context.Context, b ledger.Snapshots) (ledger.State, error) {
	var posters int
	if err := l.pool.QueryRow(ctx, held, lockPoster).Scan(&posters); err != nil {
		return ledger.State{}, err
	}
	s, err := ledger.Compare(ctx, b, l, posters > 0)
	if err != nil {
		return s, emptied(err)
	}
	s.In = "postgres"
	if s.State == ledger.StateStopped {
		s.Problem = "no process posts: run `daybook ledger`, or `daybook up` with the database's URL"
	}
	s.Rebuild, err = l.rebuild(ctx, b)
	return s, err
}

// rebuild is how far a new generation is filled; nil: nobody fills one.
func (l *Ledger) rebuild(ctx context.Context, b interface {
	Stream(ctx context.Context, name string) (bus.StreamState, error)
},
) (*ledger.Rebuild, error) {
	var filling, number int
	var after time.Duration
	r := &ledger.Rebuild{}
	if err := l.pool.QueryRow(ctx, held, lockRebuild).Scan(&filling); err != nil || filling == 0 {
		return nil, err
	}
	err := l.pool.QueryRow(ctx, "SELECT number, started, clock_timestamp() - started FROM "+Schema+".rebuild").
		Scan(&number, &r.Started, &after)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil // it begins, or ends
	}
	if err != nil {
		return nil, emptied(err)
	}
	r.Started = r.Started.UTC()
	for _, name := range []string{events.StreamMetered, events.StreamBilling, events.StreamUsage} {
		state, err := b.Stream(ctx, name)
		if err != nil {
			return nil, err
		}
		r.Messages += state.Last
	}
	err = l.pool.QueryRow(ctx, "SELECT coalesce(sum(sequence), 0) FROM "+generation(number)+
		".positions WHERE stream IN ($1, $2, $3)", events.StreamMetered, events.StreamBilling, events.StreamUsage).
		Scan(&r.Posted)
	if errors.Is(emptied(err), ErrEmpty) {
		err = nil // its tables are being made
	}
	r.Left(after)
	return r, err
}

// present tells the database that this process posts, until its connection ends: State counts it.
type present struct{ conn *pgx.Conn }

// tell makes the connection, where there is none at work.
func (p *present) tell(ctx context.Context, l *Ledger) error {
	if p.conn != nil && p.conn.Ping(ctx) == nil {
		return nil
	}
	p.end(ctx)
	conn, err := pgx.ConnectConfig(ctx, l.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("the connection of the poster: %w", err)
	}
	p.conn = conn
	_, err = conn.Exec(ctx, "SELECT pg_advisory_lock_shared($1)", int64(lockPoster))
	return err
}

func (p *present) end(ctx context.Context) {
	if p.conn != nil {
		_ = p.conn.Close(context.WithoutCancel(ctx))
		p.conn = nil
	}
}

// Describe implements prometheus.Collector.
func (l *Ledger) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(l, ch) }

// Collect implements prometheus.Collector: how far a new generation is filled, as KeepNames saw it
// last.
func (l *Ledger) Collect(ch chan<- prometheus.Metric) {
	r := ledger.Rebuild{}
	if now := l.filling.Load(); now != nil {
		r = *now
	}
	for _, m := range []struct {
		name, help string
		value      uint64
	}{
		{"daybook_ledger_rebuild_messages", "Messages for a ledger that is filled anew; 0: none is.", r.Messages},
		{"daybook_ledger_rebuild_posted", "Messages that a ledger that is filled anew has.", r.Posted},
		{"daybook_ledger_rebuild_seconds_left", "Time left until it is filled; 0: not known.", r.SecondsLeft},
	} {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), prometheus.GaugeValue,
			float64(m.value))
	}
}
