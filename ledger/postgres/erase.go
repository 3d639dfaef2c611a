package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres/flat"
)

// eraseBatch is how many rows are written anew in one transaction.
const eraseBatch = 500

// finish erases the names of all noted tenants in rows from before.
func (l *Ledger) finish(ctx context.Context, from Facts) error {
	rows, err := l.pool.Query(ctx, "SELECT source, foundation, tenant FROM erasures WHERE NOT done")
	all, err := erasuresIn(rows, err)
	if err != nil {
		return err
	}
	for _, t := range all.Tenants() {
		if err := l.erase(ctx, from, t); err != nil {
			return fmt.Errorf("erasing the names of tenant %s of %s %s: %w", t.GUID, t.Source, t.Foundation, err)
		}
	}
	return nil
}

// erase writes the rows of a tenant anew without its names, eraseBatch at once. To do it again
// changes nothing, and so an interrupted one begins again.
func (l *Ledger) erase(ctx context.Context, from Facts, t names.Tenant) error {
	r := &rewriting{ledger: l, from: from, erasures: names.ErasuresOf(t)}
	const (
		ofTenant = " WHERE tenant = $1 AND source = $2 AND foundation = $3"
		ofEvents = " WHERE raw_message->>'org_guid' = $1 AND $2 = 'cf' AND foundation = $3"
	)
	for _, table := range []struct {
		keys  string
		write func(ctx context.Context, keys []string) error
	}{
		{"SELECT id FROM charges" + ofTenant + " AND name <> ''", r.charges},
		{"SELECT id FROM spans" + ofTenant, r.spans("spans", "id")},
		{"SELECT DISTINCT subject FROM running" + ofTenant, r.spans("running", "subject")},
		{"SELECT id FROM unrated" + ofTenant, r.unrated},
		{"SELECT id::text FROM app_usage_events" + ofEvents, r.events("app_usage_events", flat.App)},
		{"SELECT id::text FROM service_usage_events" + ofEvents, r.events("service_usage_events", flat.Service)},
	} {
		if err := l.inBatches(ctx, table.keys, t, table.write); err != nil {
			return err
		}
	}
	return l.inTurn(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE erasures SET done = true"+ofTenant, t.GUID, t.Source, t.Foundation)
		return err
	})
}

// inBatches gives the keys of a tenant's rows, eraseBatch at once. Rows that are posted meanwhile
// need nothing.
func (l *Ledger) inBatches(ctx context.Context, sql string, t names.Tenant,
	write func(ctx context.Context, keys []string) error,
) error {
	rows, err := l.pool.Query(ctx, sql, t.GUID, t.Source, t.Foundation)
	if err != nil {
		return err
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return err
		}
		if keys = append(keys, key); len(keys) < eraseBatch {
			continue
		}
		if err := write(ctx, keys); err != nil {
			return err
		}
		keys = keys[:0]
	}
	if err := rows.Err(); err != nil || len(keys) == 0 {
		return err
	}
	return write(ctx, keys)
}

// rewriting writes rows of a tenant anew, by their keys.
type rewriting struct {
	ledger   *Ledger
	from     Facts
	erasures *names.Erasures
}

func (r *rewriting) charges(ctx context.Context, ids []string) error {
	return r.ledger.inTurn(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, source, foundation, tenant, app, kind, resource, name FROM charges
			WHERE id = ANY($1)`, ids)
		if err != nil {
			return err
		}
		var c ledger.Charge
		var changed, called []string
		targets := []any{&c.ID, &c.Source, &c.Foundation, &c.Tenant, &c.App, &c.Kind, &c.Resource, &c.Name}
		if _, err := pgx.ForEachRow(rows, targets, func() error {
			if r.erasures.Charge(c.Source, c.Foundation, &c.Charge) {
				changed, called = append(changed, c.ID), append(called, c.Name)
			}
			return nil
		}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE charges SET name = now.name FROM unnest($1::text[], $2::text[]) AS now(id, name)
			WHERE charges.id = now.id AND charges.name <> now.name`, changed, called)
		return err
	})
}

func (r *rewriting) spans(table, key string) func(ctx context.Context, keys []string) error {
	return func(ctx context.Context, keys []string) error {
		return r.contents(ctx, table, key, keys, func(source, foundation string, content []byte) (
			string, []byte, error,
		) {
			var x events.Span
			err := x.DecodeJSON(content)
			r.erasures.Span(source, foundation, &x)
			return x.Name, x.AppendJSON(nil), err
		})
	}
}

func (r *rewriting) unrated(ctx context.Context, ids []string) error {
	return r.contents(ctx, "unrated", "id", ids, func(source, foundation string, content []byte) (
		string, []byte, error,
	) {
		var x events.Unrated
		err := x.DecodeJSON(content)
		r.erasures.UnratedPart(source, foundation, &x)
		return x.Name, x.AppendJSON(nil), err
	})
}

// contents writes the name and the JSON of rows anew.
func (r *rewriting) contents(ctx context.Context, table, key string, keys []string,
	erase func(source, foundation string, content []byte) (name string, erased []byte, err error),
) error {
	return r.ledger.inTurn(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT ctid::text, source, foundation, content FROM "+table+" WHERE "+key+
			" = ANY($1)", keys)
		if err != nil {
			return err
		}
		var place, source, foundation string
		var content []byte
		var places, called, contents []string
		if _, err := pgx.ForEachRow(rows, []any{&place, &source, &foundation, &content}, func() error {
			name, erased, err := erase(source, foundation, content)
			places, called, contents = append(places, place), append(called, name), append(contents, string(erased))
			return err
		}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE "+table+` AS x SET name = now.name, content = now.content
			FROM unnest($1::text[]::tid[], $2::text[], $3::text[]::jsonb[]) AS now(place, name, content)
			WHERE x.ctid = now.place`, places, called, contents)
		return err
	})
}

// events writes usage events anew, from their facts. Where USAGE has lost a fact, its row is the
// source.
func (r *rewriting) events(table string, keys []flat.Key) func(ctx context.Context, ids []string) error {
	return func(ctx context.Context, ids []string) error {
		var changed, messages, raw []string
		for _, id := range ids {
			u, err := r.fact(ctx, table, id)
			if err != nil {
				return err
			}
			r.erasures.Usage(&u)
			entity, _ := archived(&u, keys)
			changed, messages, raw = append(changed, id), append(messages, string(entity)), append(raw, string(u.Raw))
		}
		return r.ledger.inTurn(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE "+table+` AS x SET raw_message = now.message, raw_v3 = now.raw
				FROM unnest($1::text[]::bigint[], $2::text[]::jsonb[], $3::text[]::jsonb[]) AS now(id, message, raw)
				WHERE x.id = now.id`, changed, messages, raw)
			return err
		})
	}
}

// fact is the fact of a row.
func (r *rewriting) fact(ctx context.Context, table, id string) (u events.Usage, err error) {
	sequence, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return u, err
	}
	m, err := r.from.Get(ctx, events.StreamUsage, sequence)
	if err == nil {
		return u, u.DecodeJSON(m.Data)
	}
	if !errors.Is(err, bus.ErrNotFound) {
		return u, err
	}
	u.Source = events.SourceCF
	err = r.ledger.pool.QueryRow(ctx, "SELECT foundation, raw_message->>'org_guid', raw_v3 FROM "+table+
		" WHERE id = $1", sequence).Scan(&u.Foundation, &u.Tenant, &u.Raw)
	return u, err
}
