package service

import (
	"context"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Shortest and longest pause of Retry between two attempts.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 2 * time.Second
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
	err = p.Retry(ctx, name, passes, func(ctx context.Context) (err error) {
		if value, err = attempt(ctx, try, undo); err != nil {
			state.Off("waiting: " + err.Error())
		}
		return err
	})
	if ctx.Err() != nil {
		if err == nil {
			undo(value)
		}
		return value, ErrStopped
	}
	return value, err
}

// Retry tries until there is no error, or one that does not pass by itself, as passes tells; the
// end of ctx ends it with the last error. The log has the cause of the wait and its end, once.
func (p *Process) Retry(ctx context.Context, name string, passes func(error) bool,
	try func(ctx context.Context) error,
) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = retryFirst, retryMost
	for waited := false; ; waited = true {
		err := try(ctx)
		switch {
		case err == nil && waited:
			p.Log.Info("the wait is over", slog.String("for", name))
			return nil
		case err == nil, ctx.Err() != nil, !passes(err):
			return err
		case !waited:
			p.Log.Warn("waiting until it is there, or until a stop", slog.String("for", name), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return err
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
