package ledger

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Bus is the part of the bus for CatchUp.
type Bus interface {
	Reader
	// Stream returns a stream's state.
	Stream(ctx context.Context, name string) (bus.StreamState, error)
}

// CatchUp posts METERED and BILLING to a ledger, up to where they end now. Posting is tried again
// and again, and log says why it fails; an error ends it when a message cannot be read, or with
// ctx.
func CatchUp(ctx context.Context, b Bus, to Ledger, log *slog.Logger) error {
	var end Positions
	for stream, last := range map[string]*uint64{
		events.StreamMetered: &end.Metered,
		events.StreamBilling: &end.Billing,
	} {
		state, err := b.Stream(ctx, stream)
		if err != nil {
			return err
		}
		if state.Messages > 0 {
			*last = state.Last
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	poster := NewPoster(b, to, log)
	posted := make(chan error, 1)
	go func() {
		defer cancel() // Wait would wait in vain
		posted <- poster.Run(ctx)
	}()
	err := poster.Wait(ctx, end)
	cancel()
	if failed := <-posted; err != nil {
		return cmp.Or(failed, err)
	}
	return nil
}
