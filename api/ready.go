package api

import (
	"context"
	"fmt"
	"sync"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// start is where the streams ended when the API was asked first whether it is ready.
type start struct {
	bus   ledger.Bus
	mu    sync.Mutex        // guards the next one, and is held while the streams are asked
	ended *ledger.Positions // nil: they have not been asked
}

// Ready is a readiness check: the ledger can be read, and has everything that was charged when the
// API started. Bills from a ledger without it would be too low.
func (s *Server) Ready(ctx context.Context) (string, error) {
	at, err := s.reader.Positions(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the ledger: %w", err)
	}
	ended, err := s.start.end(ctx)
	if err != nil {
		return "", err
	}
	if at.Metered < ended.Metered || at.Billing < ended.Billing {
		return "", fmt.Errorf("the ledger is being posted: METERED to message %d of %d, BILLING to message %d of %d",
			at.Metered, ended.Metered, at.Billing, ended.Billing)
	}
	return fmt.Sprintf("answers from METERED to message %d, BILLING to message %d", at.Metered, at.Billing), nil
}

// end is where the streams ended at the first call.
func (s *start) end(ctx context.Context) (ledger.Positions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		metered, err := s.bus.Stream(ctx, events.StreamMetered)
		if err != nil {
			return ledger.Positions{}, err
		}
		billing, err := s.bus.Stream(ctx, events.StreamBilling)
		if err != nil {
			return ledger.Positions{}, err
		}
		s.ended = &ledger.Positions{Metered: metered.Last, Billing: billing.Last}
	}
	return *s.ended, nil
}
