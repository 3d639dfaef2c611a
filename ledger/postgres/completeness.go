package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// loadHorizons reads the horizons of all foundations.
func loadHorizons(ctx context.Context, from asks) (ledger.Completeness, error) {
	all := ledger.NewCompleteness()
	rows, err := from.Query(ctx, "SELECT source, foundation, metered, billed, ended FROM horizons")
	if err != nil {
		return all, err
	}
	var h ledger.Horizon
	_, err = pgx.ForEachRow(rows, []any{&h.Source, &h.Foundation, at(&h.Metered), at(&h.Billed), at(&h.Ended)},
		func() error {
			own := h
			all.Horizons[ledger.Foundation{Source: h.Source, Name: h.Foundation}] = &own
			return nil
		})
	return all, err
}

// loadCompleteness reads what may still change the bill of a query.
func loadCompleteness(ctx context.Context, from asks, q *ledger.Query) (ledger.Completeness, error) {
	all, err := loadHorizons(ctx, from)
	if err != nil {
		return all, err
	}
	var of where
	of.owners(q)
	rows, err := from.Query(ctx, "SELECT tenant, source, foundation FROM places"+of.sql(), of.arguments...)
	if err != nil {
		return all, err
	}
	var tenant string
	var f ledger.Foundation
	if _, err = pgx.ForEachRow(rows, []any{&tenant, &f.Source, &f.Name}, func() error {
		all.Place(tenant, f)
		return nil
	}); err != nil {
		return all, err
	}
	rows, err = from.Query(ctx, `SELECT DISTINCT ON (source, foundation) source, foundation, month, reopened
		FROM closings ORDER BY source, foundation, number DESC`)
	if err != nil {
		return all, err
	}
	var c events.Closing
	if _, err = pgx.ForEachRow(rows, []any{&c.Source, &c.Foundation, &c.Month, &c.Reopened}, func() error {
		all.Close(&c)
		return nil
	}); err != nil {
		return all, err
	}
	rows, err = from.Query(ctx, `SELECT id, source, foundation, list, from_time, to_time, reason, cursor FROM gaps
		ORDER BY number`)
	if err != nil {
		return all, err
	}
	var g events.Gap
	_, err = pgx.ForEachRow(rows, []any{
		&g.ID, &g.Source, &g.Foundation, &g.List, at(&g.From), at(&g.To), &g.Reason, &g.Cursor,
	}, func() error {
		all.Gaps = append(all.Gaps, g)
		return nil
	})
	return all, err
}

// completeness takes charged horizons, gaps and closings.
func (p *posting) completeness(ctx context.Context, b *ledger.Batch) error {
	if len(b.Billed) > 0 {
		all, err := loadHorizons(ctx, p.tx)
		if err != nil {
			return err
		}
		for i := range b.Billed {
			all.Bill(&b.Billed[i])
		}
		if err := p.saveHorizons(ctx, b.Billed, &all); err != nil {
			return err
		}
	}
	if err := copyRows(ctx, p, "gaps", gapColumns, b.Gaps, gapRow); err != nil {
		return err
	}
	return copyRows(ctx, p, "closings", closingColumns, b.Closings, closingRow)
}

var (
	gapColumns     = []string{"id", "source", "foundation", "list", "from_time", "to_time", "reason", "cursor"}
	closingColumns = []string{"id", "source", "foundation", "month", "reopened", "by_person", "note", "time"}
)

func gapRow(g *events.Gap) []any {
	return []any{g.ID, g.Source, g.Foundation, g.List, at(&g.From), at(&g.To), g.Reason, g.Cursor}
}

func closingRow(c *events.Closing) []any {
	return []any{c.ID, c.Source, c.Foundation, c.Month, c.Reopened, c.By, c.Note, at(&c.Time)}
}

// saveHorizons stores the horizons of the foundations that moved.
func (p *posting) saveHorizons(ctx context.Context, moved []events.Horizon, all *ledger.Completeness) error {
	saved := map[ledger.Foundation]bool{}
	for i := range moved {
		f := ledger.Foundation{Source: moved[i].Source, Name: moved[i].Foundation}
		if saved[f] {
			continue
		}
		saved[f] = true
		h := all.Horizons[f]
		if _, err := p.tx.Exec(ctx, `INSERT INTO horizons (source, foundation, metered, billed, ended)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (source, foundation) DO UPDATE
			SET metered = excluded.metered, billed = excluded.billed, ended = excluded.ended`,
			h.Source, h.Foundation, at(&h.Metered), at(&h.Billed), at(&h.Ended)); err != nil {
			return err
		}
	}
	return nil
}
