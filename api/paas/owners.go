package paas

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// everybody are the owners with entries or running spans that a query selects, and that are wanted,
// by tenant.
func (h *Handler) everybody(ctx context.Context, q ledger.Query, wanted func(events.Owner) bool) ([]events.Owner,
	error,
) {
	all := map[events.Owner]bool{}
	q.By = []ledger.Dimension{ledger.ByFoundation, ledger.ByTenant}
	sums, err := h.Ledger.Totals(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, s := range sums {
		all[events.Owner{Foundation: s.Group[0], Tenant: s.Group[1]}] = true
	}
	running, err := h.Ledger.Running(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range running {
		all[events.Owner{Foundation: running[i].Foundation, Tenant: running[i].Tenant}] = true
	}
	maps.DeleteFunc(all, func(o events.Owner, _ bool) bool { return !wanted(o) })
	return slices.SortedFunc(maps.Keys(all), func(a, b events.Owner) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Foundation, b.Foundation))
	}), nil
}

// horizons are up to when foundations are metered.
func (h *Handler) horizons(ctx context.Context, q ledger.Query) (map[string]time.Time, error) {
	bill, err := h.Ledger.Bill(ctx, q)
	if err != nil {
		return nil, err
	}
	at := map[string]time.Time{}
	for _, h := range bill.Horizons {
		through := h.Metered
		if !h.Ended.IsZero() {
			through = h.Ended
		}
		if through.After(at[h.Foundation]) {
			at[h.Foundation] = through
		}
	}
	return at, nil
}

// months divides a range at the ends of months.
func months(from, to time.Time) (all [][2]time.Time) {
	for from.Before(to) {
		next := time.Date(from.Year(), from.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		if next.After(to) {
			next = to
		}
		all = append(all, [2]time.Time{from, next})
		from = next
	}
	return all
}

// begins are the guids of the usage events with which spans begin.
func (h *Handler) begins(ctx context.Context, owner events.Owner, spans []ledger.Span) (map[uint64]string, error) {
	var sequences []uint64
	for i := range spans {
		if begin := beginning(&spans[i].Span); begin > 0 {
			sequences = append(sequences, begin)
		}
	}
	slices.Sort(sequences)
	sequences = slices.Compact(sequences)
	if len(sequences) == 0 {
		return nil, nil
	}
	return h.Events(ctx, owner, sequences)
}

// beginning is the sequence in USAGE of the fact that a span begins with; 0: it names none.
func beginning(x *events.Span) uint64 {
	if len(x.Evidence) == 0 {
		return 0
	}
	return x.Evidence[0]
}
