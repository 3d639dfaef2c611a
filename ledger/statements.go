package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Statements returns the issued statements and credit notes of a query's foundations, tenants and
// month, in the order of BILLING. Error: ErrUnreadable.
func Statements(ctx context.Context, b Gets, q Query) (all []statement.Statement, err error) {
	options := bus.ReadOptions{Filters: q.Filters(statement.Filter)}
	to := uint64(bus.End)
	if q.Upto > 0 {
		to = q.Upto
	}
	_, err = b.Each(ctx, events.StreamBilling, 1, to, options, func(m *bus.Stored) error {
		var x statement.Statement
		if err := x.DecodeJSON(m.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w: %w", m.Sequence, events.StreamBilling, m.Subject,
				ErrUnreadable, err)
		}
		if !q.Has(x.Foundation, x.Tenant) {
			return nil
		}
		if known, err := q.knows(ctx, b, m); err != nil || !known {
			return err
		}
		all = statement.Joined(all, &x)
		return nil
	})
	return all, err
}

// Statement returns one of the statements and credit notes of a tenant's month: with a number, or
// with 0 the one that stands. It fails where none is issued, and where several foundations have
// one.
func Statement(ctx context.Context, b Gets, tenant, foundation, month string, number uint64) (*statement.Statement,
	error,
) {
	all, err := Statements(ctx, b, Query{Tenant: tenant, Foundation: foundation, Period: month})
	if err != nil {
		return nil, err
	}
	return PickStatement(all, number)
}

// PickStatement is Statement among the statements and credit notes of a tenant's month.
func PickStatement(all []statement.Statement, number uint64) (*statement.Statement, error) {
	if number == 0 {
		all = Standing(all)
	} else {
		all = slices.DeleteFunc(all, func(x statement.Statement) bool { return x.Number != number })
	}
	switch len(all) {
	case 0:
		return nil, errors.New("no such statement is issued: daybook statement --all lists those that are, with " +
			"their numbers")
	case 1:
		return &all[0], nil
	}
	return nil, fmt.Errorf("%s/%s and %s/%s have one: choose with --foundation", all[0].Source, all[0].Foundation,
		all[1].Source, all[1].Foundation)
}

// Standing are the statements without a credit note: one for each foundation.
func Standing(all []statement.Statement) (standing []statement.Statement) {
	type foundation struct{ source, name string }
	credited := map[foundation]uint64{} // the last number
	for i := range all {
		if x := &all[i]; x.CreditNote() {
			credited[foundation{x.Source, x.Foundation}] = x.Credits
		}
	}
	for i := range all {
		if x := &all[i]; !x.CreditNote() && x.Number > credited[foundation{x.Source, x.Foundation}] {
			standing = append(standing, *x)
		}
	}
	return standing
}
