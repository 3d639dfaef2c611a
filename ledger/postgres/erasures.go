package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
)

// erasedOf are the erasures that concern some tenants. Whoever writes rows asks behind turn: an
// erasure is noted in the same turns, and so no row is written with its names from then on.
func erasedOf(ctx context.Context, from asks, guids map[string]bool) (*names.Erasures, error) {
	list := make([]string, 0, len(guids))
	for guid := range guids {
		list = append(list, guid)
	}
	rows, err := from.Query(ctx, "SELECT source, foundation, tenant FROM erasures WHERE tenant = ANY($1)", list)
	return erasuresIn(rows, err)
}

// erasuresIn are the erasures in rows with source, foundation and tenant.
func erasuresIn(rows pgx.Rows, err error) (*names.Erasures, error) {
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[names.Tenant])
	return names.ErasuresOf(all...), err
}

// erased is a batch without the names that are erased.
func erased(ctx context.Context, from asks, b ledger.Batch) (ledger.Batch, error) {
	guids := map[string]bool{}
	for i := range b.Charges {
		guids[b.Charges[i].Tenant] = true
	}
	for i := range b.Unrated {
		guids[b.Unrated[i].Tenant] = true
	}
	for i := range b.Running {
		for n := range b.Running[i].Spans {
			guids[b.Running[i].Spans[n].Tenant] = true
		}
	}
	for i := range b.Details.Changes {
		for n := range b.Details.Changes[i].Closed {
			guids[b.Details.Changes[i].Closed[n].Tenant] = true
		}
	}
	if len(guids) == 0 {
		return b, nil
	}
	e, err := erasedOf(ctx, from, guids)
	if err != nil || e.None() {
		return b, err
	}
	b.Charges, b.Unrated = slices.Clone(b.Charges), slices.Clone(b.Unrated)
	b.Running, b.Details.Changes = slices.Clone(b.Running), slices.Clone(b.Details.Changes)
	for i := range b.Charges {
		e.Charge(b.Charges[i].Source, b.Charges[i].Foundation, &b.Charges[i].Charge)
	}
	for i := range b.Unrated {
		e.UnratedPart(b.Unrated[i].Source, b.Unrated[i].Foundation, &b.Unrated[i].Unrated)
	}
	for i := range b.Running {
		r := &b.Running[i]
		r.Spans = erasedSpans(e, r.Source, r.Foundation, r.Spans)
	}
	for i := range b.Details.Changes {
		c := &b.Details.Changes[i]
		c.Closed = erasedSpans(e, c.Source, c.Foundation, c.Closed)
	}
	return b, nil
}

func erasedSpans(e *names.Erasures, source, foundation string, all []events.Span) []events.Span {
	all = slices.Clone(all)
	for i := range all {
		e.Span(source, foundation, &all[i])
	}
	return all
}

// inTurn runs a transaction in a turn of the posters.
func (l *Ledger) inTurn(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if err := l.turn(ctx, tx); err != nil {
			return err
		}
		return do(tx)
	})
}

// note notes erasures: rows that are written from then on have no names of these tenants. Their
// rows of the table of names go at once.
func (l *Ledger) note(ctx context.Context, tenants []names.Tenant) error {
	if len(tenants) == 0 {
		return nil
	}
	var columns [3][]string
	for _, t := range tenants {
		columns[0], columns[1] = append(columns[0], t.GUID), append(columns[1], t.Source)
		columns[2] = append(columns[2], t.Foundation)
	}
	return l.inTurn(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO erasures (tenant, source, foundation)
			SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`,
			columns[0], columns[1], columns[2]); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM names USING unnest($1::text[], $2::text[], $3::text[])
			AS gone(tenant, source, foundation) WHERE names.tenant = gone.tenant AND names.source = gone.source
			AND names.foundation = gone.foundation`, columns[0], columns[1], columns[2])
		return err
	})
}
