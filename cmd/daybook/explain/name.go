package explain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger/trace"
)

// charges are the charges of the command: of an id, or of a resource by its guid or name. They have
// erased names, because prices may ask for them.
func (c *Explain) charges(ctx context.Context, b *bus.Bus, view *names.View) (all []trace.Priced, omitted int,
	err error,
) {
	all, omitted, err = trace.Charges(ctx, b, nil, c.What, c.Month)
	if err != nil || len(all) > 0 {
		return all, omitted, err
	}
	if c.Month == "" {
		return nil, 0, c.none()
	}
	resource, err := c.named(ctx, view)
	if err != nil {
		return nil, 0, err
	}
	return trace.Charges(ctx, b, nil, resource, c.Month)
}

// named is the guid of the one resource with charges in the month under the name. It reads the
// charges of BILLING.
func (c *Explain) named(ctx context.Context, view *names.View) (guid string, err error) {
	found, others := map[string]bool{}, map[string]bool{}
	options := bus.ReadOptions{Filters: []string{events.SubjectsCharges}}
	_, err = view.Each(ctx, events.StreamBilling, 1, bus.End, options, func(m *bus.Stored) error {
		if m.Header(events.HeaderType) != events.TypeBilling {
			return nil
		}
		var x events.Billing
		if err := x.DecodeJSON(m.Data); err != nil {
			return metered.Unreadable(events.StreamBilling, m, err)
		}
		for i := range x.Charges {
			switch own := &x.Charges[i]; {
			case own.Period != c.Month || own.Name == "":
			case own.Name == c.What:
				found[x.Resource] = true
			default:
				others[own.Name] = true
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return "", err
	}
	all := slices.Sorted(maps.Keys(found))
	switch {
	case len(all) == 1:
		return all[0], nil
	case len(all) > 1:
		n := min(len(all), maxCandidates)
		return "", fmt.Errorf("%d resources with charges in %s are called %q: give the guid of one, such as %s",
			len(all), c.Month, c.What, strings.Join(all[:n], ", "))
	}
	if near := metered.Near(c.What, others); len(near) > 0 {
		return "", fmt.Errorf("%w: did you mean %s?", c.none(), strings.Join(near, ", "))
	}
	return "", c.none()
}

// maxCandidates is how many resources of one name an error has.
const maxCandidates = 5
