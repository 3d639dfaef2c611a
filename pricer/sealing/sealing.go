package sealing

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Bus is the part of the bus for sealing.
type Bus interface {
	acts.Bus
	// Last returns the last message of a stream on a filter, as bus.Last does.
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
}

// Sealer seals proposed statements.
type Sealer struct {
	Bus       Bus
	Proposals *Proposals
	Wait      func(ctx context.Context, sequence uint64) error // for the stage, at a message of METERED
	After     <-chan struct{}                                  // nil: at once
	Log       *slog.Logger

	said string // the last error that no try mends
}

// lookEvery is the time between two looks at METERED.
const lookEvery = 50 * time.Millisecond

// Run seals until ctx is done. A failure is tried again: a statement is sealed once, whoever tries.
func (s *Sealer) Run(ctx context.Context) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 10*time.Second
	if s.After != nil {
		select {
		case <-ctx.Done():
		case <-s.After:
		}
	}
	for ctx.Err() == nil {
		all, changed := s.Proposals.now()
		if err := s.seal(ctx, all); ctx.Err() != nil {
			return
		} else if err != nil {
			s.Log.Error("statements are not sealed yet; trying again", slog.Any("error", err))
			_ = bus.Wait(ctx, wait.NextBackOff()) // Run ends with ctx
			continue
		}
		wait.Reset()
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// seal seals the proposals of some foundations. What no try mends is said, and no error.
func (s *Sealer) seal(ctx context.Context, all []place) error {
	var failed error
	for _, at := range all {
		err := acts.Seal(ctx, s.Bus, at.source, at.foundation, time.Now().UTC().Truncate(time.Second),
			func(ctx context.Context, last uint64) (acts.Unsealed, error) {
				if err := s.taken(ctx, last); err != nil {
					return acts.Unsealed{}, err
				}
				return s.Proposals.unsealed(at), nil
			})
		if !errors.Is(err, acts.ErrUnsealable) {
			failed = errors.Join(failed, err)
		} else if s.said != err.Error() {
			s.said = err.Error()
			s.Log.Error("a statement is not sealed", slog.Any("error", err))
		}
	}
	return failed
}

// taken waits until the stage has taken a message of USAGE: METERED has come to it, and the stage
// to the end of METERED.
func (s *Sealer) taken(ctx context.Context, sequence uint64) error {
	for {
		last, err := s.Bus.Last(ctx, events.StreamMetered, "")
		if err != nil {
			return err
		}
		if from, _ := strconv.ParseUint(last.Header(stage.HeaderSourceSeq), 10, 64); from >= sequence {
			return s.Wait(ctx, last.Sequence)
		}
		if err := bus.Wait(ctx, lookEvery); err != nil {
			return err
		}
	}
}
