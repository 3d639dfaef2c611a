package service

import (
	"context"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Longest and shortest pause of Await between two attempts.
const (
	awaitFirst = 100 * time.Millisecond
	awaitMost  = 2 * time.Second
)

// Await tries until something that the process cannot do without is there, before Run. name is the
// thing's readiness check, for which Await reports the cause of the wait; the log has it once.
// passes tells whether an error passes by itself: Await returns any other. It returns ErrStopped at
// once on SIGTERM or SIGINT, even while an attempt is under way; close gets what such an attempt
// brings later.
//
// Health and metrics are served from here on, until the end of Run. After an error they are not.
func Await[T any](ctx context.Context, p *Process, name string, passes func(error) bool,
	try func(ctx context.Context) (T, error), undo func(T),
) (value T, err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := p.listen(ctx); err != nil {
		return value, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	state := NewSwitch("starting")
	p.Health.Ready(name, state.Check)
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = awaitFirst, awaitMost
	for waited := false; ; waited = true {
		value, err = attempt(ctx, try, undo)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				undo(value)
			}
			return value, ErrStopped
		case err == nil:
			if waited {
				p.Log.Info("the wait is over", slog.String("for", name))
			}
			return value, nil
		case !passes(err):
			return value, err
		case !waited:
			p.Log.Warn("waiting until it is there, or until a stop", slog.String("for", name), slog.Any("error", err))
		}
		state.Off("waiting: " + err.Error())
		select {
		case <-ctx.Done():
			return value, ErrStopped
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// attempt is one attempt of Await, left to itself when ctx ends.
func attempt[T any](ctx context.Context, try func(ctx context.Context) (T, error), undo func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := try(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				undo(r.value)
			}
		}()
		var none T
		return none, ctx.Err()
	}
}
