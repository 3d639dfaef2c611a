package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// Service reconciles one foundation.
type Service struct {
	config   Config
	deps     Deps
	assemble *assembler.Assembler
	jobs     chan *job   // of persons
	busy     atomic.Bool // there is one: no other is taken

	mu      sync.Mutex // guards problem
	problem error      // of the last round
	said    bool       // problem is one that stays, and the log has it
}

// New makes a service. It does no I/O.
func New(config Config, deps Deps) (*Service, error) {
	config, deps = config.withDefaults(), deps.withDefaults()
	if config.Source == "" || config.Foundation == "" || deps.Bus == nil || deps.Platform == nil {
		return nil, errors.New("a reconciliation needs a source, a foundation, a bus and a platform")
	}
	s := &Service{
		config: config, deps: deps, jobs: make(chan *job, 1), problem: errors.New("nothing was inspected yet"),
	}
	s.assemble = assembler.New(assembler.Config{Patience: config.Enacting}, assembler.Deps{
		Bus: deps.Bus, Look: s.see, Now: deps.Now,
		Draw: func(ctx context.Context) (*reconcile.Blueprint, error) { return s.Draw(ctx, time.Time{}) },
	})
	return s, nil
}

// Place is the foundation.
func (s *Service) Place() plans.Place {
	return plans.Place{Source: s.config.Source, Foundation: s.config.Foundation}
}

// Run inspects, compares and does what persons ask for until ctx ends. Rounds that fail are logged,
// and tried again.
func (s *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	if s.config.Alarm > 0 {
		all.Go(func() { s.watch(ctx) })
	}
	all.Go(func() { s.inspect(ctx) })
	all.Go(func() { s.work(ctx) })
	all.Wait()
	return nil
}

// Ready tells the state of the last round.
func (s *Service) Ready(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "reconciling", s.problem
}

// settled takes the end of a round. It reports whether the log has its error already: a token
// without the scope stays as it is until a person acts.
func (s *Service) settled(err error) (said bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stays := errors.Is(err, cfapi.ErrNoGlobalRead)
	said = stays && s.said
	s.problem, s.said = err, stays
	return said
}

// inspect makes rounds.
func (s *Service) inspect(ctx context.Context) {
	for {
		wait := s.config.Every
		planned, err := s.Round(ctx, false)
		if ctx.Err() != nil {
			return
		}
		said := s.settled(err)
		switch {
		case err != nil:
			s.deps.Metrics.rounds.WithLabelValues(s.config.Foundation, "failed").Inc()
			wait = min(wait, retry)
			if said {
				break
			}
			s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "the foundation could not be reconciled; it is tried again",
				slog.String("source", s.config.Source), slog.String("foundation", s.config.Foundation),
				slog.Any("error", err))
		case Unproven(planned.Plan):
			wait = min(wait, s.config.Rules.Settle)
		}
		if bus.Wait(ctx, wait) != nil {
			return
		}
	}
}

// Unproven reports whether a plan has stops that another listing may prove.
func Unproven(p *reconcile.Plan) bool {
	for i := range p.Notes {
		if p.Notes[i].Code == reconcile.NoteWaits {
			return true
		}
	}
	return false
}
