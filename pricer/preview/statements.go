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
	state, _, err := statements(ctx, b, tenant, foundation, events.TenantChargeFilter(tenant, foundation))
	if err != nil {
		return nil, err
	}
	return state.Of(tenant, month), nil
}

// Closing is the state of a foundation, for previews of its closings.
type Closing struct {
	Sequence uint64 // of the last message of METERED that was looked at
	state    *pricer.Statements
}

// TakeClosing reads METERED and BILLING of a foundation.
func TakeClosing(ctx context.Context, b Stream, foundation string) (*Closing, error) {
	state, last, err := statements(ctx, b, "", foundation, events.ChargeFilter(foundation))
	return &Closing{last, state}, err
}

// Of are the statements and credit notes that the closing of an open month proposes: each month
// once.
func (c *Closing) Of(source, foundation, month string) []statement.Statement {
	return c.state.Closing(source, foundation, month)
}

// statements is the pricer's state of a tenant in a foundation, empty ones for all, and the last
// message of METERED in it. charges are the filter of their charges.
func statements(ctx context.Context, b Stream, tenant, foundation, charges string) (state *pricer.Statements,
	last uint64, err error,
) {
	state = pricer.NewStatements()
	read := func(stream string, take func(*bus.Stored) error, filters ...string) (uint64, error) {
		return b.Each(ctx, stream, 1, bus.End, bus.ReadOptions{Filters: filters}, func(in *bus.Stored) error {
			if err := take(in); err != nil {
				return metered.Unreadable(stream, in, err)
			}
			return nil
		})
	}
	last, err = read(events.StreamMetered, state.Step, events.MeteredResourcesFilter(foundation, tenant),
		events.MeteredControlFilter(foundation), events.MeteredCatalogueSubject)
	if err == nil {
		_, err = read(events.StreamBilling, state.Adopt, charges)
	}
	return state, last, err
}
