package cf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Collector collects any number of foundations, each by itself: one without an API delays no other.
type Collector struct {
	foundations []*poller
}

// New makes a collector. It reads CA files, and does no other I/O.
func New(cfg Config, deps Deps) (*Collector, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if deps, err = deps.withDefaults(); err != nil {
		return nil, err
	}
	c := &Collector{}
	for i := range cfg.Foundations {
		f, err := newPoller(&cfg.Foundations[i], &deps)
		if err != nil {
			return nil, err
		}
		f.alone = len(cfg.Foundations) == 1
		c.foundations = append(c.foundations, f)
	}
	return c, nil
}

// Run collects until the context ends, finishes what it has begun to store, and returns nil.
// Trouble with a foundation is logged, counted and shown, and tried again for ever. Two things end
// it, for the one foundation of a process and before the first poll has succeeded: another platform
// than the one that was collected (*collector.AnotherPlatformError), and insufficient credentials
// (cfapi.ErrNoGlobalRead, cfapi.ErrRefused), at the third refusal in a row, unless the foundation
// seems to be starting.
func (c *Collector) Run(ctx context.Context) error {
	defer c.Close()
	return c.each(func(f *poller) error { return f.run(ctx) })
}

// Poll collects everything old enough, once, from all foundations. The error names the foundations.
func (c *Collector) Poll(ctx context.Context) error {
	return c.each(func(f *poller) error { return f.poll(ctx) })
}

func (c *Collector) each(do func(f *poller) error) error {
	failed := make([]error, len(c.foundations))
	var group sync.WaitGroup
	for i, f := range c.foundations {
		group.Go(func() {
			if err := do(f); err != nil {
				failed[i] = fmt.Errorf("foundation %q: %w", f.Name, err)
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

// Close closes idle connections. A caller of Poll needs it; Run does it at its end.
func (c *Collector) Close() {
	for _, f := range c.foundations {
		f.client.Close()
	}
}

// Foundations names the foundations.
func (c *Collector) Foundations() []string {
	names := make([]string, len(c.foundations))
	for i, f := range c.foundations {
		names[i] = f.Name
	}
	return names
}

// Ready returns the problem with collecting a foundation at the moment; nil when there is none.
func (c *Collector) Ready(name string) error {
	for _, f := range c.foundations {
		if f.Name != name {
			continue
		}
		if problem := f.status.Current().Problem; problem != "" {
			return errors.New(problem)
		}
		return nil
	}
	return fmt.Errorf("no foundation is called %q", name)
}

const (
	firstPause = time.Second // after a failed start; doubles up to the schedule
	minPause   = 10 * time.Millisecond

	// maxRefused refusals in a row end a process at its start. A foundation that is starting may
	// refuse right credentials; a UAA locks a user out at the fifth wrong password.
	maxRefused = 3
	// refusedPause is the wait after the first of them; doubles up to the schedule.
	refusedPause = 5 * time.Second
)

// run polls by the schedule.
func (f *poller) run(ctx context.Context) error {
	defer func() {
		flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		f.show(flushing, func(time.Time) { f.shown.Problem = status.Stopped })
		f.status.Flush(flushing)
	}()
	pause, refused := firstPause, 0
	for {
		started := f.now()
		err := f.poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		f.starting = f.starting || !f.collected && cfapi.Transient(err)
		wait := f.Schedule - f.now().Sub(started)
		if err != nil && !f.tested {
			wait = min(pause, f.Schedule)
			pause *= 2
		}
		if f.alone && !f.collected && another(err) {
			return err
		}
		if f.endsBy(err) {
			if refused++; refused == maxRefused {
				return err
			}
			wait = min(refusedPause<<(refused-1), f.Schedule)
			f.log.Error("the foundation refuses the credentials. It is asked again, because one that is starting may "+
				"refuse right ones; then this process ends", slog.Int("refused", refused),
				slog.Int("ends_at", maxRefused), slog.Duration("wait", wait))
		} else {
			refused = 0
		}
		var until *cfapi.WaitError
		if errors.As(err, &until) {
			wait = max(wait, until.Until.Sub(f.now()))
		}
		if appender.Wait(ctx, max(wait, f.MinWait, minPause)) != nil {
			return nil
		}
	}
}

// another reports whether an error is about another platform than the one that was collected.
func another(err error) bool {
	var e *collector.AnotherPlatformError
	return errors.As(err, &e)
}

// endsBy reports whether an error is a refusal that ends the process when it is repeated.
func (f *poller) endsBy(err error) bool {
	return f.alone && !f.collected &&
		(errors.Is(err, cfapi.ErrNoGlobalRead) || errors.Is(err, cfapi.ErrRefused) && !f.starting)
}

// poll is one cycle: both lists, then the horizon.
func (f *poller) poll(ctx context.Context) error {
	f.client.Reset()
	err := f.cycle(ctx)
	for i := 1; i < maxReloads && errors.Is(err, errStale) && ctx.Err() == nil; i++ {
		f.metrics.conflicts.WithLabelValues(f.Name).Inc()
		f.log.Debug("reading the state from USAGE again", slog.String("error", err.Error()))
		if appender.Wait(ctx, min(f.RetryWait<<(i-1), maxReloadWait)) != nil {
			break
		}
		err = f.cycle(ctx)
	}
	f.report(ctx, err)
	return err
}

func (f *poller) cycle(ctx context.Context) error {
	if !f.tested {
		if err := f.selfTest(ctx); err != nil {
			return err
		}
		f.tested = true
	}
	if err := f.load(ctx); err != nil {
		f.tested = !another(err)
		return err
	}
	failed := make([]error, len(f.lists))
	var group sync.WaitGroup
	for i, l := range f.lists {
		group.Go(func() { failed[i] = l.poll(ctx) })
	}
	group.Wait()
	err := errors.Join(failed...)
	for i, l := range f.lists {
		if failed[i] == nil {
			continue
		}
		l.failed(failed[i])
	}
	f.tested = !another(err)
	f.loaded = f.tested && !errors.Is(err, errStale)
	// The progress of one list counts even if the other failed: the horizon is the lower of both.
	if horizonErr := f.publishHorizon(ctx, 0); horizonErr != nil {
		f.loaded = false
		err = errors.Join(err, horizonErr)
	}
	return err
}

// report says how a poll went: once for each new trouble.
func (f *poller) report(ctx context.Context, err error) {
	result := pollOK
	if err != nil {
		result = pollFailed
	}
	if ctx.Err() != nil {
		return
	}
	f.metrics.polls.WithLabelValues(f.Name, result).Inc()
	problem := ""
	if err != nil {
		problem = f.client.Clean(err.Error())
		level := slog.LevelWarn
		if problem == f.status.Current().Problem {
			level = slog.LevelDebug
		}
		f.log.Log(ctx, level, "the poll failed; what was stored stays, and the next one goes on", slog.String("error",
			problem))
	} else {
		f.collected = true
	}
	f.show(ctx, func(now time.Time) {
		s := &f.shown
		s.Problem = problem
		if err == nil {
			s.LastPoll = now
		} else {
			s.LastError, s.LastErrorTime = problem, now
		}
	})
}
