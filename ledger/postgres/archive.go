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
	"github.com/daybook-billing/daybook/ledger/postgres/flat"
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

// archivedTo is the sequence of the last archived message of USAGE.
func archivedTo(ctx context.Context, from interface {
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
	at, err := archivedTo(ctx, l.pool)
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

// archiveRows are facts for the two tables.
type archiveRows struct{ facts []archiveFact }

type archiveFact struct {
	sequence uint64
	events.Usage
}

// archiveTable are rows of a table, by column.

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
	fact := archiveFact{sequence: in.Sequence}
	if err := fact.DecodeJSON(in.Data); err != nil {
		return err
	}
	if fact.Source == events.SourceCF {
		r.facts = append(r.facts, fact)
	}
	return nil
}

// tables are the rows of the facts, without erased names.
func (r *archiveRows) tables(ctx context.Context, from asks) (apps, services archiveTable, err error) {
	guids := map[string]bool{}
	for i := range r.facts {
		guids[r.facts[i].Tenant] = true
	}
	erased, err := erasedOf(ctx, from, guids)
	if err != nil {
		return apps, services, err
	}
	for i := range r.facts {
		fact := r.facts[i]
		table, keys := &apps, flat.App
		if fact.Kind == events.KindService {
			table, keys = &services, flat.Service
		}
		erased.Usage(&fact.Usage)
		table.add(fact.sequence, &fact.Usage, keys)
	}
	return apps, services, nil
}

// add adds the row of a fact.
func (t *archiveTable) add(sequence uint64, u *events.Usage, keys []flat.Key) {
	entity, guid := archived(u, keys)
	t.ids = append(t.ids, sequence)
	t.guids = append(t.guids, guid)
	t.created = append(t.created, u.Time)
	t.messages = append(t.messages, string(entity))
	t.foundations = append(t.foundations, u.Foundation)
	t.raw = append(t.raw, string(u.Raw))
}

// archived is the entity of a fact, and its guid. Nothing is left out for its form.
func archived(u *events.Usage, keys []flat.Key) (entity []byte, guid string) {
	entity, guid, err := flat.Entity(u.Raw, keys)
	if err != nil {
		entity = u.Raw
	}
	if uuid.Validate(guid) != nil {
		guid = events.ID("archive", u.ID)
	}
	return entity, guid
}

// keep adds rows and moves the position, in one transaction. An event that was collected twice is
// there once.
func (l *Ledger) keep(ctx context.Context, before, after uint64, rows *archiveRows) error {
	return l.inTurn(ctx, func(tx pgx.Tx) error {
		at, err := archivedTo(ctx, tx)
		if err != nil {
			return err
		}
		if at != before {
			return errArchived
		}
		apps, services, err := rows.tables(ctx, tx)
		if err != nil {
			return err
		}
		for name, t := range map[string]*archiveTable{"app_usage_events": &apps, "service_usage_events": &services} {
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
