package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Usage is the part of the bus to archive from.
type Usage interface {
	Stream(ctx context.Context, name string) (bus.StreamState, error)
	Read(ctx context.Context, stream string, from uint64, options bus.ReadOptions) (*bus.Reader, error)
}

// archiveBatch is how many messages of USAGE go into one transaction.
const archiveBatch = 1000

// errElsewhere: USAGE is another one, or lost its end.
var errElsewhere = errors.New("USAGE ends before what is archived: restore it, or `daybook replay ledger`")

// errArchived: another process has archived meanwhile.
var errArchived = errors.New("another process archives, too")

// Archive keeps the usage events of Cloud Foundry in the tables of paas-billing, until ctx is done
// or, with an end that is not 0, up to a sequence of USAGE. Errors are retried with backoff.
func (l *Ledger) Archive(ctx context.Context, from Usage, end uint64) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 10*time.Second
	for {
		err := l.archive(ctx, from, end)
		if err == nil || ctx.Err() != nil {
			return
		}
		l.log.Warn("archiving usage events failed; it goes on from where it was", slog.Any("error", err))
		_ = bus.Wait(ctx, wait.NextBackOff())
	}
}

// archived is the sequence of the last archived message of USAGE.
func archived(ctx context.Context, from interface {
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
},
) (at uint64, err error) {
	err = from.QueryRow(ctx, "SELECT sequence FROM positions WHERE stream = $1", events.StreamUsage).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return at, err
}

// archive is one attempt of Archive.
func (l *Ledger) archive(ctx context.Context, from Usage, end uint64) error {
	at, err := archived(ctx, l.pool)
	if err != nil {
		return err
	}
	state, err := from.Stream(ctx, events.StreamUsage)
	if err != nil {
		return err
	}
	if state.Last < at {
		return errElsewhere
	}
	if end > 0 && at >= end {
		return nil
	}
	reader, err := from.Read(ctx, events.StreamUsage, at+1, bus.ReadOptions{Filters: []string{">"}})
	if err != nil {
		return err
	}
	defer reader.Close()
	var rows archiveRows
	for n := 1; ; n++ {
		in, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if err := rows.add(&in); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w", in.Sequence, events.StreamUsage, in.Subject, err)
		}
		done := end > 0 && in.Sequence >= end
		if n < archiveBatch && in.Pending > 0 && !done {
			continue
		}
		if err := l.keep(ctx, at, in.Sequence, &rows); err != nil {
			return err
		}
		if at = in.Sequence; done {
			return nil
		}
		rows, n = archiveRows{}, 0
	}
}

// archiveRows are rows of the two tables, by column.
type archiveRows struct{ apps, services archiveTable }

type archiveTable struct {
	ids         []uint64
	guids       []string
	created     []time.Time
	messages    []string
	foundations []string
	raw         []string
}

// add adds a message, where it is an event of Cloud Foundry.
func (r *archiveRows) add(in *bus.Stored) error {
	if in.Header(events.HeaderType) != events.TypeUsage {
		return nil
	}
	var u events.Usage
	if err := u.DecodeJSON(in.Data); err != nil {
		return err
	}
	if u.Source != events.SourceCF {
		return nil
	}
	table, keys := &r.apps, appKeys
	if u.Kind == events.KindService {
		table, keys = &r.services, serviceKeys
	}
	entity, guid, err := flat(u.Raw, keys)
	if err != nil { // nothing is left out for its form
		entity = u.Raw
	}
	if uuid.Validate(guid) != nil {
		guid = events.ID("archive", u.ID)
	}
	table.ids = append(table.ids, in.Sequence)
	table.guids = append(table.guids, guid)
	table.created = append(table.created, u.Time)
	table.messages = append(table.messages, string(entity))
	table.foundations = append(table.foundations, u.Foundation)
	table.raw = append(table.raw, string(u.Raw))
	return nil
}

// keep adds rows and moves the position, in one transaction. An event that was collected twice is
// there once.
func (l *Ledger) keep(ctx context.Context, before, after uint64, rows *archiveRows) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if err := l.turn(ctx, tx); err != nil {
			return err
		}
		at, err := archived(ctx, tx)
		if err != nil {
			return err
		}
		if at != before {
			return errArchived
		}
		for name, t := range map[string]*archiveTable{
			"app_usage_events": &rows.apps, "service_usage_events": &rows.services,
		} {
			if len(t.ids) == 0 {
				continue
			}
			if _, err := tx.Exec(ctx, "INSERT INTO "+name+` (id, guid, created_at, raw_message, foundation, raw_v3)
				SELECT * FROM unnest($1::bigint[], $2::text[]::uuid[], $3::timestamptz[], $4::text[]::jsonb[],
					$5::text[], $6::text[]::jsonb[]) ON CONFLICT DO NOTHING`,
				t.ids, t.guids, t.created, t.messages, t.foundations, t.raw); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO positions (stream, sequence) VALUES ($1, $2)
			ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence`, events.StreamUsage, after)
		return err
	})
}
