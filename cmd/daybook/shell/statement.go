package shell

import (
	"context"

	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
)

// Statement is ledger.Statement. A foundation or a tenant that does not exist is an error of its
// own.
func Statement(ctx context.Context, b *bus.Bus, tenant, foundation, month string, number uint64) (*statement.Statement,
	error,
) {
	x, err := ledger.Statement(ctx, b, tenant, foundation, month, number)
	if err != nil {
		if unknown := metered.CheckNames(ctx, b, foundation, tenant); unknown != nil {
			return nil, unknown
		}
	}
	return x, err
}
