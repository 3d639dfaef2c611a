package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// UnratedFilter selects unrated parts; an empty field selects all.
type UnratedFilter struct{ Foundation, Tenant, Kind string }

// ListUnrated returns the selected parts of spans that no plan prices, by tenant, kind, foundation,
// resource and start. It reads the messages of BILLING about such parts, and keeps those that
// stand.
func ListUnrated(ctx context.Context, b Bus, f UnratedFilter) ([]Unrated, error) {
	parts := map[string]Unrated{}
	options := bus.ReadOptions{Filters: []string{events.UnratedFilter(f.Tenant, f.Foundation)}}
	_, err := b.Each(ctx, events.StreamBilling, 1, bus.End, options, func(m *bus.Stored) error {
		if m.Header(events.HeaderType) != events.TypeUnrated {
			return nil
		}
		var u events.UnratedNotice
		if err := u.DecodeJSON(m.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w: %w", m.Sequence, events.StreamBilling, m.Subject,
				ErrUnreadable, err)
		}
		for _, part := range u.Unrated {
			if f.Kind == "" || f.Kind == part.Kind {
				parts[part.ID] = Unrated{Unrated: part, Source: u.Source, Foundation: u.Foundation}
			}
		}
		for _, id := range u.Settled { // behind the parts: see Batch.Settled
			delete(parts, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := make([]Unrated, 0, len(parts))
	for id := range parts {
		all = append(all, parts[id])
	}
	SortUnrated(all)
	return all, nil
}

// SortUnrated sorts parts by tenant, kind, foundation, resource and start.
func SortUnrated(all []Unrated) {
	slices.SortFunc(all, func(a, b Unrated) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Foundation, b.Foundation), cmp.Compare(a.Resource, b.Resource), a.Start.Compare(b.Start),
			cmp.Compare(a.ID, b.ID))
	})
}
