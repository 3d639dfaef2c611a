package preview

import (
	"context"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/pricer"
)

// Statements are the statements of a tenant's month as they would be if it closed now: those of one
// foundation or, where it is empty, of all where the month is open. They have no number.
//
// Of METERED it reads what is the tenant's, from the start: a snapshot of the pricer has the spans
// of all tenants, and is of one version of the program alone.
func Statements(ctx context.Context, b Stream, tenant, foundation, month string) ([]statement.Statement, error) {
	state := pricer.NewStatements()
	read := func(stream string, take func(*bus.Stored) error, filters ...string) error {
		_, err := b.Each(ctx, stream, 1, bus.End, bus.ReadOptions{Filters: filters}, func(in *bus.Stored) error {
			if err := take(in); err != nil {
				return metered.Unreadable(stream, in, err)
			}
			return nil
		})
		return err
	}
	err := read(events.StreamMetered, state.Step, events.MeteredResourcesFilter(foundation, tenant),
		events.MeteredControlFilter(foundation), events.MeteredCatalogueSubject)
	if err == nil {
		err = read(events.StreamBilling, state.Adopt, events.TenantChargeFilter(tenant, foundation))
	}
	if err != nil {
		return nil, err
	}
	return state.Of(tenant, month), nil
}
