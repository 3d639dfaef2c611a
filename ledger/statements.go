package ledger

import (
	"context"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Statements returns the issued statements and credit notes of a tenant's month, of one foundation
// or, where it is empty, of all, in the order of BILLING. Error: ErrUnreadable.
func Statements(ctx context.Context, b Each, tenant, foundation, month string) (all []statement.Statement, err error) {
	options := bus.ReadOptions{Filters: []string{statement.Filter(tenant, foundation, month)}}
	_, err = b.Each(ctx, events.StreamBilling, 1, bus.End, options, func(m *bus.Stored) error {
		var x statement.Statement
		if err := x.DecodeJSON(m.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w: %w", m.Sequence, events.StreamBilling, m.Subject,
				ErrUnreadable, err)
		}
		if x.Part == 0 {
			all = append(all, statement.Statement{})
		}
		if last := len(all) - 1; last >= 0 {
			all[last].Join(&x)
		}
		return nil
	})
	return all, err
}

// Standing are the statements that no credit note takes back: one for each foundation.
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
