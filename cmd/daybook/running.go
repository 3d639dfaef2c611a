package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

type runningCmd struct {
	natsFlags
	Tenant     string `help:"Only this tenant (organization guid, tenant id)."`
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// latestMetered gives the last message of each resource in METERED, which lists all that runs and
// all that is held there. m is only valid during the call.
func latestMetered(ctx context.Context, b *bus.Bus, foundation, tenant string, each func(m *events.Metered,
	in *bus.Stored) error,
) error {
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
		return each(&m, in)
	})
}

// meteredThrough lists how far each source has been metered.
func meteredThrough(ctx context.Context, b *bus.Bus, foundation string, each func(h *events.Horizon) error) error {
	filter := events.MeteredHorizonFilter(foundation)
	return b.Latest(ctx, events.StreamMetered, []string{filter}, func(in *bus.Stored) error {
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s) cannot be read: %w", in.Sequence, events.StreamMetered, in.Subject,
				err)
		}
		return each(&h)
	})
}

// Run lists what is running.
func (c *runningCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "running", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	out := print.NewRunning(e.stdout, e.stderr, c.Format == "json")
	err = latestMetered(e.ctx, b, c.Foundation, c.Tenant, func(m *events.Metered, _ *bus.Stored) error {
		return out.Add(m)
	})
	if err != nil {
		return err
	}
	var through []events.Horizon
	if c.Format != "json" {
		err = meteredThrough(e.ctx, b, c.Foundation, func(h *events.Horizon) error {
			through = append(through, *h)
			return nil
		})
	}
	return errors.Join(out.End(through), err)
}
