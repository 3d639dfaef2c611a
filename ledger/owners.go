package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
)

// Owners are the owners in a query with charges, running spans or holds, by tenant and foundation.
// It is never nil: without any, nobody is selected by them.
func Owners(ctx context.Context, of Sums, q Query) ([]events.Owner, error) {
	all := map[events.Owner]bool{}
	q.By = []Dimension{ByFoundation, ByTenant}
	sums, err := of.Totals(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range sums {
		all[events.Owner{Foundation: sums[i].Group[0], Tenant: sums[i].Group[1]}] = true
	}
	running, err := of.Running(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range running {
		all[events.Owner{Foundation: running[i].Foundation, Tenant: running[i].Tenant}] = true
	}
	held, _, err := of.Held(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range held {
		all[events.Owner{Foundation: held[i].Foundation, Tenant: held[i].Tenant}] = true
	}
	list := slices.AppendSeq([]events.Owner{}, maps.Keys(all))
	slices.SortFunc(list, func(a, b events.Owner) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Foundation, b.Foundation))
	})
	return list, nil
}
