package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// Sums are the platform's own sums at a time.
type Sums struct {
	reconcile.Sums
	At time.Time
}

// errEarly: nothing is billed yet.
var errEarly = errors.New("nothing is billed before the epoch: there is nothing to compare")

// watch compares sums until ctx ends.
func (s *Service) watch(ctx context.Context) {
	for {
		wait := s.config.Alarm
		c, err := s.Compare(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errEarly):
		case err != nil:
			s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "the platform's sums could not be compared",
				slog.String("foundation", s.config.Foundation), slog.Any("error", err))
			wait = min(wait, retry)
		case c == nil: // the platform has no sums
			return
		case !c.Agrees && c.Stands():
			s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "METERED differs from the platform",
				slog.String("foundation", s.config.Foundation), slog.String("difference", c.Text()))
		}
		if bus.Wait(ctx, wait) != nil {
			return
		}
	}
}

// Compare compares the platform's sums with METERED, and stores what comes of it; nil for a
// platform without sums. It waits until METERED has come to the time of the sums.
func (s *Service) Compare(ctx context.Context) (*plans.Comparison, error) {
	before, err := s.deps.Bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return nil, err
	}
	sums, err := s.deps.Platform.Sums(ctx)
	if errors.Is(err, cfapi.ErrNoGlobalRead) {
		return s.unable(ctx, err)
	}
	if err != nil || sums == nil {
		return nil, err
	}
	if sums.At.Before(s.config.Epoch) {
		return nil, errEarly
	}
	if err := s.await(ctx, sums.At.Add(foreman.Skew), s.config.Patience); err != nil {
		return nil, err
	}
	billed, held, err := s.asOf(ctx, sums.At, before.Last)
	if err != nil {
		return nil, err
	}
	st, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	off := sums.Plus(billed, -1)
	if st != nil && st.Known != nil {
		off = off.Plus(*st.Known, -1)
	}
	last, err := plans.Alarm(ctx, s.deps.Bus, s.config.Source, s.config.Foundation)
	if err != nil {
		return nil, err
	}
	c := &plans.Comparison{
		Source: s.config.Source, Foundation: s.config.Foundation, At: sums.At, Off: beyond(off, held),
	}
	c.Agrees = c.Off == reconcile.Sums{}
	if !c.Agrees {
		c.Polls = 1
		if last != nil {
			c.Polls += last.Polls
		}
	}
	s.show(c)
	return c, plans.KeepAlarm(ctx, s.deps.Bus, c)
}

// unable keeps why there is nothing to compare, with the time since when.
func (s *Service) unable(ctx context.Context, problem error) (*plans.Comparison, error) {
	c := &plans.Comparison{
		Source: s.config.Source, Foundation: s.config.Foundation, At: s.deps.Now().UTC().Truncate(time.Second),
		Problem: problem.Error(),
	}
	last, err := plans.Alarm(ctx, s.deps.Bus, s.config.Source, s.config.Foundation)
	if err != nil || last != nil && last.Problem == c.Problem {
		return c, err
	}
	s.show(c)
	return c, plans.KeepAlarm(ctx, s.deps.Bus, c)
}

func (s *Service) show(c *plans.Comparison) {
	m, alarm := s.deps.Metrics, 0.0
	if c.Polls > 1 {
		alarm = 1
	}
	m.alarm.WithLabelValues(c.Foundation).Set(alarm)
	for name, n := range map[string]int64{
		"instances": c.Off.Instances, "memory_mb": c.Off.MemoryMB, "services": c.Off.Services, "tasks": c.Off.Tasks,
	} {
		m.drift.WithLabelValues(c.Foundation, name).Set(float64(n))
	}
}

// beyond is what a difference is more than what is held, which may be there or not.
func beyond(off, held reconcile.Sums) reconcile.Sums {
	over := func(n, held int64) int64 {
		if n >= 0 && n <= held {
			return 0
		}
		if n > held {
			return n - held
		}
		return n
	}
	return reconcile.Sums{
		Instances: over(off.Instances, held.Instances), MemoryMB: over(off.MemoryMB, held.MemoryMB),
		Services: over(off.Services, held.Services), Tasks: over(off.Tasks, held.Tasks),
	}
}

// asOf is what METERED bills and holds at a time. before is a message of METERED of before that
// time: what ended since then stands behind it.
func (s *Service) asOf(ctx context.Context, at time.Time, before uint64) (billed, held reconcile.Sums,
	err error,
) {
	covers := func(start, end time.Time) bool { return !start.After(at) && (end.IsZero() || end.After(at)) }
	runs, waits := map[reconcile.Key]events.Footprint{}, map[reconcile.Key]events.Footprint{}
	ended := map[reconcile.Key]events.Footprint{}
	err = metered.Latest(ctx, s.deps.Bus, s.config.Foundation, "", func(m *events.Metered) error {
		if m.Source != s.config.Source {
			return nil
		}
		for i := range m.Running {
			if r := &m.Running[i]; covers(r.Since, time.Time{}) {
				runs[reconcile.Key{Kind: r.Kind, Resource: r.Resource}] = r.Footprint
			}
		}
		for i := range m.Held {
			if h := &m.Held[i]; covers(h.Start, h.End) {
				waits[reconcile.Key{Kind: h.Kind, Resource: h.Resource}] = h.Footprint
			}
		}
		return nil
	})
	if err != nil {
		return billed, held, err
	}
	filters := []string{events.MeteredResourcesFilter(s.config.Foundation, "")}
	var m events.Metered
	_, err = s.deps.Bus.Each(ctx, events.StreamMetered, before+1, bus.End, bus.ReadOptions{Filters: filters},
		func(in *bus.Stored) error {
			if in.Header(events.HeaderType) != events.TypeMetered {
				return nil
			}
			if err := m.DecodeJSON(in.Data); err != nil {
				return metered.Unreadable(events.StreamMetered, in, err)
			}
			if m.Source != s.config.Source {
				return nil
			}
			for i := range m.Retracted {
				if r := &m.Retracted[i]; covers(r.Start, r.End) {
					delete(ended, reconcile.Key{Kind: r.Kind, Resource: r.Resource})
				}
			}
			for i := range m.Closed {
				if c := &m.Closed[i]; covers(c.Start, c.End) {
					ended[reconcile.Key{Kind: c.Kind, Resource: c.Resource}] = c.Footprint
				}
			}
			return nil
		})
	for key, f := range runs { // what runs on at the end of a period has an ended span, too
		ended[key] = f
	}
	for key, f := range ended {
		billed.Add(&reconcile.Material{Kind: key.Kind, Footprint: f}, 1)
	}
	for key, f := range waits {
		if _, known := ended[key]; !known {
			held.Add(&reconcile.Material{Kind: key.Kind, Footprint: f}, 1)
		}
	}
	return billed, held, err
}
