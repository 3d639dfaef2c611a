package trace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
)

// Named are the guids of the resources with charges in a month of posting under a name; without
// any, near are the names that it may have been meant for. It reads the charges of the owners, nil
// for everybody.
func Named(ctx context.Context, b ledger.Bus, owners []events.Owner, name, month string) (guids, near []string,
	err error,
) {
	found, others := map[string]bool{}, map[string]bool{}
	err = each(ctx, b, events.StreamBilling, owners, chargesOf, func(m *bus.Stored) error {
		if m.Header(events.HeaderType) != events.TypeBilling {
			return nil
		}
		var x events.Billing
		if err := x.DecodeJSON(m.Data); err != nil {
			return metered.Unreadable(events.StreamBilling, m, err)
		}
		if !mayRead(owners, x.Foundation, x.Tenant) {
			return nil
		}
		for i := range x.Charges {
			switch own := &x.Charges[i]; {
			case own.Period != month || own.Name == "":
			case own.Name == name:
				found[x.Resource] = true
			default:
				others[own.Name] = true
			}
		}
		return nil
	})
	if err != nil || len(found) > 0 {
		return slices.Sorted(maps.Keys(found)), nil, err
	}
	return nil, metered.Near(name, others), nil
}

// maxCandidates is how many resources of one name a text has.
const maxCandidates = 5

// Several says that a name is that of several resources, and what to do.
func Several(guids []string, name, month string) string {
	return fmt.Sprintf("%d resources with charges in %s are called %q: give the guid of one, such as %s", len(guids),
		month, name, strings.Join(guids[:min(len(guids), maxCandidates)], ", "))
}
