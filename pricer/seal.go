package pricer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
)

// proposals are the statements without a seal, as the stage has derived them.
type proposals struct {
	mu      sync.Mutex // guards the fields below
	all     []statement.Statement
	changed chan struct{} // closed and replaced at each change
}

func newProposals() *proposals { return &proposals{changed: make(chan struct{})} }

// set replaces them. The statements do not change any more.
func (p *proposals) set(all []statement.Statement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(all)+len(p.all) == 0 {
		return
	}
	p.all = all
	close(p.changed)
	p.changed = make(chan struct{})
}

// now are the proposals of this moment; changed is closed when they are others.
func (p *proposals) now() (all []statement.Statement, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all, p.changed
}

// settled returns when there is none.
func (p *proposals) settled(ctx context.Context) error {
	for {
		all, changed := p.now()
		if len(all) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// sealer gives proposed statements their numbers, by acts in USAGE.
type sealer struct {
	bus       acts.Bus
	proposals *proposals
	wait      func(ctx context.Context, sequence uint64) error // for the stage
	after     <-chan struct{}                                  // nil: at once
	log       *slog.Logger
}

// run seals until ctx is done. A failure is tried again: a statement is sealed once, whoever tries.
func (s *sealer) run(ctx context.Context) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 10*time.Second
	if s.after != nil {
		select {
		case <-ctx.Done():
		case <-s.after:
		}
	}
	for ctx.Err() == nil {
		all, changed := s.proposals.now()
		if len(all) > 0 {
			if err := s.seal(ctx); ctx.Err() != nil {
				return
			} else if err != nil {
				s.log.Error("statements are not sealed yet; trying again", slog.Any("error", err))
				_ = bus.Wait(ctx, wait.NextBackOff()) // run ends with ctx
				continue
			}
			wait.Reset()
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// seal seals the proposals once the stage has come up with METERED: those with a seal there are
// proposed no longer.
func (s *sealer) seal(ctx context.Context) error {
	metered, err := s.bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return err
	}
	if err := s.wait(ctx, metered.Last); err != nil {
		return err
	}
	all, _ := s.proposals.now()
	return acts.Seal(ctx, s.bus, all, time.Now().UTC().Truncate(time.Second))
}
