// Package metered reads METERED as it stands, for commands and an API: the running spans and the
// holds, how far each source was metered, and the effect of one message of USAGE.
//
// Reads METERED; writes nothing and keeps nothing. The last message of each resource lists its
// running spans and its holds, up to the limits of events.MaxRunning and events.MaxHeld.
package metered

import (
	"context"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Bus is the part of the bus for Latest and Through.
type Bus interface {
	// Latest gives the last message of each subject, as bus.Latest does.
	Latest(ctx context.Context, stream string, filters []string, yield func(m *bus.Stored) error) error
}

// Latest gives the last message of each resource, of one foundation and tenant, or of all where
// they are empty. m is only valid during the call.
func Latest(ctx context.Context, b Bus, foundation, tenant string, each func(m *events.Metered) error) error {
	var m events.Metered
	filter := events.MeteredResourcesFilter(foundation, tenant)
	return b.Latest(ctx, events.StreamMetered, []string{filter}, func(in *bus.Stored) error {
		if in.Header(events.HeaderType) != events.TypeMetered {
			return nil // the pricer says that it is foreign
		}
		if err := m.DecodeJSON(in.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s) cannot be read: %w. daybook verify --deep tells what should "+
				"stand there",
				in.Sequence, events.StreamMetered, in.Subject, err)
		}
		return each(&m)
	})
}

// Through lists how far each source was metered, in one foundation, or in all where it is empty.
func Through(ctx context.Context, b Bus, foundation string) ([]events.Horizon, error) {
	var through []events.Horizon
	filter := events.MeteredHorizonFilter(foundation)
	err := b.Latest(ctx, events.StreamMetered, []string{filter}, func(in *bus.Stored) error {
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s) cannot be read: %w", in.Sequence, events.StreamMetered, in.Subject,
				err)
		}
		through = append(through, h)
		return nil
	})
	return through, err
}
