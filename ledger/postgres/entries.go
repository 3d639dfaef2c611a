package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/ledger"
)

// scanned reads the columns of charges. value returns the last row.
func scanned() (targets []any, value func() ledger.Charge) {
	var c ledger.Charge
	var seconds, quantity, amount, vat decimal
	var vatRate, currencyRate rate
	var flags []string
	targets = []any{
		&c.Period, &c.ID, &c.Entry, &c.Reverses, &c.Corrects, &c.Month, &c.Source, &c.Foundation, &c.Tenant, &c.Space,
		&c.App, &c.Kind, &c.Resource, &c.Name, &c.Span, &c.Plan, &c.Component, &c.Catalogue, at(&c.Start), at(&c.End),
		&seconds, &quantity, &c.Unit, &amount, &vat, &c.VATCode, &vatRate, &c.Currency, &currencyRate, &flags,
		&c.Datastore, &c.Region, &c.AvailabilityZone, &c.Place.Sequence, &c.Place.Index, &c.Usage,
	}
	return targets, func() ledger.Charge {
		c.Seconds, c.Quantity, c.Amount, c.VAT = seconds.Decimal, quantity.Decimal, amount.Decimal, vat.Decimal
		c.VATRate, c.CurrencyRate, c.Flags = string(vatRate), string(currencyRate), events.FlagsOf(flags)
		return c
	}
}

// atOnce is how many entries have room before they are read: those of the longest page, and one.
const atOnce = 1001

// selected are the entries of a condition in an order, and at most so many.
func (a *answers) selected(ctx context.Context, w *where, order string, most int) (all []ledger.Charge, err error) {
	rows, err := a.conn().Query(ctx, "SELECT "+strings.Join(chargeColumns, ", ")+" FROM charges"+w.sql()+order+
		" LIMIT "+limit(most), w.arguments...)
	if err != nil {
		return nil, err
	}
	all = make([]ledger.Charge, 0, min(most, atOnce))
	targets, value := scanned()
	_, err = pgx.ForEachRow(rows, targets, func() error {
		all = append(all, value())
		return nil
	})
	return all, err
}

// Charges implements ledger.Reader.
func (a *answers) Charges(ctx context.Context, q ledger.Query, after ledger.Place, most int) ([]ledger.Charge, error) {
	w := fromCharges.where(&q)
	if after != (ledger.Place{}) {
		w.add("(billing_sequence, billing_index) > (?, ?)", after.Sequence, after.Index)
	}
	return a.selected(ctx, w, " ORDER BY billing_sequence, billing_index", most)
}

// Charge implements ledger.Reader.
func (a *answers) Charge(ctx context.Context, q ledger.Query, id string) (ledger.Charge, error) {
	w := fromCharges.where(&q)
	w.add("id = ?", id)
	found, err := a.selected(ctx, w, "", 1)
	if err != nil {
		return ledger.Charge{}, err
	}
	if len(found) == 0 {
		return ledger.Charge{}, ledger.ErrNone
	}
	return found[0], nil
}

// whereResources is the condition of a query about resources, whatever their times.
func whereResources(q *ledger.Query) *where {
	w := &where{}
	w.owners(q)
	w.is("space", q.Space)
	w.is("app", q.App)
	w.is("resource", q.Resource)
	w.is("kind", q.Kind)
	return w
}

// spans reads spans of a table.
func spans(ctx context.Context, from asks, table string, w *where, rest string) (all []ledger.Span, err error) {
	err = contents(ctx, from, table, w, rest, func(source, foundation string, content []byte) error {
		x := ledger.Span{Source: source, Foundation: foundation}
		err := x.DecodeJSON(content)
		all = append(all, x)
		return err
	})
	return all, err
}

// contents gives the JSON of the selected rows of a table.
func contents(ctx context.Context, from asks, table string, w *where, rest string,
	take func(source, foundation string, content []byte) error,
) error {
	rows, err := from.Query(ctx, "SELECT source, foundation, content FROM "+table+w.sql()+rest, w.arguments...)
	if err != nil {
		return err
	}
	var source, foundation string
	var content []byte
	_, err = pgx.ForEachRow(rows, []any{&source, &foundation, &content}, func() error {
		return take(source, foundation, content)
	})
	return err
}

// Spans implements ledger.Reader.
func (a *answers) Spans(ctx context.Context, q ledger.Query, from, to time.Time) (all []ledger.Span, err error) {
	err = a.read(ctx, func(tx pgx.Tx) error {
		w := whereResources(&q)
		w.add("coalesce(start_time, "+noTime+") < ?", to)
		running, err := spans(ctx, tx, "running", w, "")
		if err != nil {
			return err
		}
		w.add("end_time > ?", from)
		all, err = spans(ctx, tx, "spans", w, " LIMIT "+limit(ledger.MaxSpans+1))
		all = append(all, running...)
		return err
	})
	if err == nil && len(all) > ledger.MaxSpans {
		return nil, ledger.ErrTooMany
	}
	slices.SortFunc(all, ledger.CompareStarts)
	return all, err
}

// Unrated implements ledger.Reader.
func (a *answers) Unrated(ctx context.Context, q ledger.Query) (all []ledger.Unrated, err error) {
	q.App = ""
	w := whereResources(&q)
	w.is("period", q.Period)
	err = contents(ctx, a.conn(), "unrated", w, "", func(source, foundation string, content []byte) error {
		u := ledger.Unrated{Source: source, Foundation: foundation}
		err := u.DecodeJSON(content)
		all = append(all, u)
		return err
	})
	ledger.SortUnrated(all)
	return all, err
}

// Statements implements ledger.Reader.
func (a *answers) Statements(ctx context.Context, q ledger.Query) (all []statement.Statement, err error) {
	var w where
	w.owners(&q)
	w.is("month", q.Period)
	if q.Upto > 0 {
		w.add("billing_sequence <= ?", q.Upto)
	}
	if q.Known > 0 {
		w.add("usage_sequence <= ?", q.Known)
	}
	rows, err := a.conn().Query(ctx, "SELECT content FROM statements"+w.sql()+" ORDER BY billing_sequence",
		w.arguments...)
	if err != nil {
		return nil, err
	}
	var content []byte
	_, err = pgx.ForEachRow(rows, []any{&content}, func() error {
		var part statement.Statement
		if err := part.DecodeJSON(content); err != nil {
			return fmt.Errorf("a statement in Postgres: %w", err)
		}
		all = statement.Joined(all, &part)
		return nil
	})
	return all, err
}
