package cf

import (
	"context"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// End finds the last fact in the order of a list (events.ListApp or ListService): the newest fact
// in order (the collector's cursor), or the last of the facts placed behind it. A new fact with
// End's guid and sequence in AfterGUID and AfterSequence stands behind everything and is no cursor.
// The sequence is 0 when nothing was collected in order.
func End(ctx context.Context, store Store, foundation, list string) (guid string, sequence uint64, err error) {
	filters := factFilters(foundation, list)
	last := uint64(0)
	for _, filter := range filters {
		sequence, err := lastSequence(ctx, store, events.StreamUsage, filter)
		if err != nil {
			return "", 0, err
		}
		last = max(last, sequence)
	}
	type placed struct {
		stored
		after uint64
	}
	var decode decoder
	var late []placed // behind the cursor in USAGE, newest first
	err = backwards(ctx, store, events.StreamUsage, filters, last, func(m *bus.Stored) (placed, error) {
		s, err := decode.stored(m)
		return placed{s, decode.u.AfterSequence}, err
	}, func(p placed) bool {
		if p.problem != nil || p.listed {
			return false
		}
		if p.late {
			late = append(late, p)
			return false
		}
		guid, sequence = p.guid, p.sequence
		return true
	})
	if err != nil {
		return "", 0, fmt.Errorf("looking for the end of the %s events of foundation %q: %w", list, foundation, err)
	}
	// Of the facts behind the same one, the newer stands nearer to it: the oldest is the last, and
	// then the oldest behind that.
	for i := len(late) - 1; i >= 0 && sequence > 0; i-- {
		if late[i].after == sequence {
			guid, sequence = late[i].guid, late[i].sequence
		}
	}
	return guid, sequence, nil
}
