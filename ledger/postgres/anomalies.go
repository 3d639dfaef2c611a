package postgres

import (
	"context"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// watch is the anomalies that stand, with what of them is stored.
type watch struct {
	standing *anomalies.Standing
	stored   map[*anomalies.Entry]stored
	omitted  map[anomalies.Omitted]int
}

// stored is the row of an entry.
type stored struct {
	id   int64
	held bool
}

// watch reads the anomalies where a batch may change them: it has others, it lists what they are
// about, or its horizons end a month. Else it is empty, and stays so.
func (p *posting) watch(ctx context.Context, b *ledger.Batch, all *ledger.Completeness) (*watch, error) {
	w := &watch{standing: anomalies.New(), stored: map[*anomalies.Entry]stored{}}
	concerned := false
	for i := range b.Metered {
		concerned = concerned || all.Crosses(&b.Metered[i])
	}
	var subjects []string
	for i := range b.Running {
		concerned = concerned || len(b.Running[i].Anomalies) > 0
		subjects = append(subjects, b.Running[i].Subject)
	}
	if !concerned {
		err := p.tx.QueryRow(ctx, "SELECT EXISTS(SELECT FROM anomalies WHERE subject <> '' AND subject = ANY($1))",
			subjects).Scan(&concerned)
		if err != nil || !concerned {
			return w, err
		}
	}
	err := w.load(ctx, p.tx, &where{})
	w.omitted = w.standing.Omitted(anomalies.Filter{})
	return w, err
}

// load reads the selected entries.
func (w *watch) load(ctx context.Context, from asks, of *where) error {
	rows, err := from.Query(ctx, `SELECT id, source, foundation, tenant, kind, resource, code, time, message, subject,
		until, held FROM anomalies`+of.sql()+" ORDER BY id", of.arguments...)
	if err != nil {
		return err
	}
	var e anomalies.Entry
	var id int64
	_, err = pgx.ForEachRow(rows, []any{
		&id, &e.Source, &e.Foundation, &e.Tenant, &e.Kind, &e.Resource, &e.Code, at(&e.Time), &e.Message, &e.Subject,
		at(&e.Until), &e.Held,
	}, func() error {
		own := e
		w.standing.Put(&own)
		w.stored[&own] = stored{id, own.Held}
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = from.Query(ctx, "SELECT source, foundation, code, until, count FROM anomalies_omitted"+of.sql(),
		of.arguments...)
	if err != nil {
		return err
	}
	var o anomalies.Omitted
	var n int
	_, err = pgx.ForEachRow(rows, []any{&o.Source, &o.Foundation, &o.Code, at(&o.Until), &n}, func() error {
		w.standing.Omit(o, n)
		return nil
	})
	return err
}

var (
	anomalyColumns = []string{
		"source", "foundation", "tenant", "kind", "resource", "code", "time", "message", "subject", "until", "held",
	}
	omittedColumns = []string{"source", "foundation", "code", "until", "count"}
)

func anomalyRow(e *anomalies.Entry) []any {
	return []any{
		e.Source, e.Foundation, e.Tenant, e.Kind, e.Resource, e.Code, at(&e.Time), e.Message, e.Subject, at(&e.Until),
		e.Held,
	}
}

// omittedCount is a row of anomalies_omitted.
type omittedCount struct {
	of anomalies.Omitted
	n  int
}

func omittedRow(o *omittedCount) []any {
	return []any{o.of.Source, o.of.Foundation, o.of.Code, at(&o.of.Until), o.n}
}

// save stores what has changed.
func (w *watch) save(ctx context.Context, p *posting) error {
	gone := maps.Clone(w.stored)
	var added []anomalies.Entry
	held := map[bool][]int64{} // ids of entries with which something is held now, and of the others
	w.standing.Each(func(e *anomalies.Entry) bool {
		was, known := gone[e]
		delete(gone, e)
		switch {
		case !known:
			added = append(added, *e)
		case was.held != e.Held:
			held[e.Held] = append(held[e.Held], was.id)
		}
		return true
	})
	for is, ids := range held {
		if _, err := p.tx.Exec(ctx, "UPDATE anomalies SET held = $1 WHERE id = ANY($2)", is, ids); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		var ids []int64
		for _, s := range gone {
			ids = append(ids, s.id)
		}
		if _, err := p.tx.Exec(ctx, "DELETE FROM anomalies WHERE id = ANY($1)", ids); err != nil {
			return err
		}
	}
	if err := copyRows(ctx, p, "anomalies", anomalyColumns, added, anomalyRow); err != nil {
		return err
	}
	omitted := w.standing.Omitted(anomalies.Filter{})
	if maps.Equal(omitted, w.omitted) {
		return nil
	}
	if _, err := p.tx.Exec(ctx, "DELETE FROM anomalies_omitted"); err != nil {
		return err
	}
	var counts []omittedCount
	for o, n := range omitted {
		counts = append(counts, omittedCount{o, n})
	}
	return copyRows(ctx, p, "anomalies_omitted", omittedColumns, counts, omittedRow)
}
