package service

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/terms"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/architect"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

// This file reads the streams.

// BehindError reports a METERED that does not have the events up to a listing.
type BehindError struct {
	Source, Foundation string
	Until, Horizon     time.Time
	Patience           time.Duration
}

func (e *BehindError) Error() string {
	horizon := "nowhere"
	if !e.Horizon.IsZero() {
		horizon = events.FormatTime(e.Horizon)
	}
	return fmt.Sprintf("METERED has come to %s in %s of %s, and has to come to %s for a comparison; it did not within "+
		"%s. daybook status shows whether the foundation is collected, and daybook project has to run", horizon,
		e.Foundation, e.Source, events.FormatTime(e.Until), e.Patience)
}

// Draw gives what METERED bills and holds of the foundation now, with the changes from a time on.
func (s *Service) Draw(ctx context.Context, recent time.Time) (*reconcile.Blueprint, error) {
	horizon, err := s.horizon(ctx)
	if err != nil {
		return nil, err
	}
	state, err := s.deps.Bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return nil, err
	}
	drawing := architect.New(s.config.Source, s.config.Foundation, s.config.Epoch)
	if !recent.IsZero() {
		drawing.Recent(recent)
	}
	err = metered.Latest(ctx, s.deps.Bus, s.config.Foundation, "", func(m *events.Metered) error {
		drawing.Take(m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	usage, err := s.worked(ctx, state.Last)
	return drawing.Blueprint(horizon, usage, state.Last), err
}

// worked is the last message of USAGE that a message of METERED, and all before it, have the effect
// of: one without an effect is known, too. 0 where METERED has nothing.
func (s *Service) worked(ctx context.Context, last uint64) (uint64, error) {
	if last == 0 {
		return 0, nil
	}
	m, err := s.deps.Bus.Get(ctx, events.StreamMetered, last)
	if err != nil {
		return 0, err
	}
	// It is 0 for a foreign message: the pricer tells of it.
	sequence, _ := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
	return max(sequence, 1) - 1, nil // there may be more of this one
}

// horizon is how far the foundation is metered; zero for nowhere.
func (s *Service) horizon(ctx context.Context) (at time.Time, err error) {
	all, err := metered.Through(ctx, s.deps.Bus, s.config.Foundation)
	for i := range all {
		if all[i].Source == s.config.Source {
			at = all[i].Time
		}
	}
	return at, err
}

// await waits until the foundation is metered up to a time. Errors: *BehindError.
func (s *Service) await(ctx context.Context, until time.Time, patience time.Duration) error {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last, err := s.horizon(ctx)
	if err == nil && last.Before(until) {
		last, err = s.follow(patient, until, last)
	}
	if err != nil && ctx.Err() == nil && errors.Is(patient.Err(), context.DeadlineExceeded) {
		return &BehindError{s.config.Source, s.config.Foundation, until, last, patience}
	}
	return err
}

// follow reads the horizons of METERED as they come, up to a time.
func (s *Service) follow(ctx context.Context, until, last time.Time) (time.Time, error) {
	state, err := s.deps.Bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return last, err
	}
	reader, err := s.deps.Bus.Read(ctx, events.StreamMetered, state.Last+1,
		bus.ReadOptions{Filters: []string{events.MeteredHorizonFilter(s.config.Foundation)}})
	if err != nil {
		return last, err
	}
	defer reader.Close()
	if last, err = s.horizon(ctx); err != nil || !last.Before(until) { // it may have come meanwhile
		return last, err
	}
	for {
		m, err := reader.Next(ctx)
		if err != nil {
			return last, err
		}
		var h events.Horizon
		if h.DecodeJSON(m.Data) != nil || h.Source != s.config.Source {
			continue
		}
		if last = h.Time; !last.Before(until) {
			return last, nil
		}
	}
}

// newest is the sequence of the newest message of the foundation's collectors in USAGE.
func (s *Service) newest(ctx context.Context) (uint64, error) {
	filters := []string{events.UsageFilter(s.config.Source, s.config.Foundation)}
	return s.deps.Bus.Each(ctx, events.StreamUsage, 1, 0, bus.ReadOptions{Filters: filters},
		func(*bus.Stored) error { return nil })
}

// prices are those of the catalogue in force.
func (s *Service) prices(ctx context.Context) (c foreman.Catalogue, err error) {
	all, err := terms.Read(ctx, s.deps.Bus)
	if err != nil {
		return c, err
	}
	version := all.Latest().InForce()
	if version == "" {
		return c, nil
	}
	parsed, err := catalogue.Parse(version, []byte(all.Texts()[version]))
	if err != nil {
		return c, fmt.Errorf("the catalogue in force cannot be read: %w", err)
	}
	return foreman.Catalogue{In: parsed}, nil
}

// buildpacks reports whether the prices in force look at the buildpacks of apps.
func (s *Service) buildpacks(ctx context.Context) (bool, error) {
	if s.config.Source != events.SourceCF {
		return false, nil
	}
	prices, err := s.prices(ctx)
	return err == nil && s.readBuildpacks(prices), err
}

// readBuildpacks reports whether prices look at the buildpacks of apps.
func (s *Service) readBuildpacks(prices foreman.Catalogue) bool {
	return s.config.Source == events.SourceCF && prices.In != nil &&
		prices.In.ReadsBuildpack(s.config.Foundation, s.deps.Now())
}

// see asks the platform for resources alone. With an error some may have a sight.
func (s *Service) see(ctx context.Context, of []reconcile.Material) ([]reconcile.Sight, error) {
	buildpacks, err := s.buildpacks(ctx)
	if err != nil {
		return nil, err
	}
	return s.deps.Platform.Look(ctx, of, buildpacks)
}

// Position is how far the foundation is metered, and the newest message of its collectors.
func (s *Service) Position(ctx context.Context) (through time.Time, after uint64, err error) {
	if after, err = s.newest(ctx); err == nil {
		through, err = s.horizon(ctx)
	}
	return through, after, err
}

// See asks the platform for one resource.
func (s *Service) See(ctx context.Context, m reconcile.Material) (sight reconcile.Sight, err error) {
	all, err := s.see(ctx, []reconcile.Material{m})
	if len(all) == 0 {
		return reconcile.Sight{Key: m.Key(), Doubt: "(it did not answer about it)"}, err
	}
	return all[0], err
}
