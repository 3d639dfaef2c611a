package postgres

import (
	"context"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

func limit(n int) string { return strconv.Itoa(n) }

// loadStanding reads the anomalies of a filter's foundations. The filter itself is applied to them.
func loadStanding(ctx context.Context, from asks, f *anomalies.Filter) (*anomalies.Standing, error) {
	var w where
	w.is("foundation", f.Foundation)
	w.is("code", f.Code)
	if f.Owners != nil {
		foundations := []string{}
		for _, o := range f.Owners {
			foundations = append(foundations, o.Foundation)
		}
		w.add("foundation = ANY(?)", foundations)
	}
	all := watch{standing: anomalies.New(), stored: map[*anomalies.Entry]stored{}}
	err := all.load(ctx, from, &w)
	return all.standing, err
}

// Anomalies implements ledger.Sums.
func (a *answers) Anomalies(ctx context.Context, f anomalies.Filter) (all []anomalies.Entry, omitted int, err error) {
	err = a.read(ctx, func(tx pgx.Tx) error {
		standing, err := loadStanding(ctx, tx, &f)
		if err != nil {
			return err
		}
		all = standing.Entries(f)
		for _, n := range standing.Omitted(f) {
			omitted += n
		}
		return nil
	})
	return all, omitted, err
}

// Running implements ledger.Sums.
func (a *answers) Running(ctx context.Context, q ledger.Query) ([]ledger.Span, error) {
	all, err := spans(ctx, a.conn(), "running", whereResources(&q), "")
	slices.SortFunc(all, ledger.CompareSpans)
	return all, err
}

// Held implements ledger.Sums.
func (a *answers) Held(ctx context.Context, q ledger.Query) (held []ledger.Held, omitted int, err error) {
	err = a.read(ctx, func(tx pgx.Tx) error {
		var w where
		w.owners(&q)
		err := tx.QueryRow(ctx, `SELECT coalesce(sum(greatest(
			held - (SELECT count(*) FROM holds WHERE subject = s.subject), 0)), 0) FROM subjects AS s`+w.sql(),
			w.arguments...).Scan(&omitted)
		if err != nil {
			return err
		}
		w.is("resource", q.Resource)
		w.is("kind", q.Kind)
		rows, err := tx.Query(ctx, "SELECT source, foundation, tenant, content FROM holds"+w.sql(), w.arguments...)
		if err != nil {
			return err
		}
		var x ledger.Held
		var content []byte
		_, err = pgx.ForEachRow(rows, []any{&x.Source, &x.Foundation, &x.Tenant, &content}, func() error {
			x.Hold = events.Hold{}
			err := x.DecodeJSON(content)
			held = append(held, x)
			return err
		})
		return err
	})
	slices.SortFunc(held, ledger.CompareHeld)
	return held, omitted, err
}
