package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// DefaultDrain is how long components may take to return after the first signal.
const DefaultDrain = 30 * time.Second

// ErrStopped is the cause of the components' context when a signal or another component's end has
// stopped them.
var ErrStopped = errors.New("the process is stopping")

// Component is one long-running part of a process.
type Component struct {
	Name string
	// Run works until ctx is done, then finishes its current work and returns. Returning nil
	// earlier means its work is done; the others go on. Returning an error stops them all.
	Run func(ctx context.Context) error
	// Background components serve the others: they do not keep the process alive, and are stopped
	// after the others.
	Background bool
}

// Options of Run. The zero value is right for a process.
type Options struct {
	Log   *slog.Logger  // default: silent
	Drain time.Duration // default: DefaultDrain
	// Stopping is called once, when the stop begins, before any component is told.
	Stopping func()
	// Signals replaces the process's SIGTERM and SIGINT.
	Signals <-chan os.Signal
	// Exit replaces os.Exit. The second signal calls it with 128 plus the signal's number.
	Exit func(status int)
}

// DrainError names the components still at work at the end of the drain time.
type DrainError struct {
	Drain time.Duration
	Names []string // in alphabetical order
}

func (e *DrainError) Error() string {
	return fmt.Sprintf("still running %v after the stop: %s; the process ends without waiting longer, which loses "+
		"nothing that was stored", e.Drain, strings.Join(e.Names, ", "))
}

// Run starts the components and returns when all of them have returned, with the first error among
// theirs. It stops them when ctx is done, on SIGTERM or SIGINT, and when one of them fails; ending
// that way without an error is nil. The package doc has the order.
func Run(ctx context.Context, options Options, components ...Component) error {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Drain == 0 {
		options.Drain = DefaultDrain
	}
	if options.Stopping == nil {
		options.Stopping = func() {}
	}
	if options.Exit == nil {
		options.Exit = os.Exit
	}
	if options.Signals == nil {
		signals := make(chan os.Signal, 2)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		defer signal.Stop(signals)
		options.Signals = signals
	}
	r := &runner{options: options, ended: make(chan ending, len(components)), running: map[string]int{}}
	return r.run(ctx, components)
}

// runner is one call of Run; its fields are owned by the caller's goroutine, but for ended.
type runner struct {
	options Options
	ended   chan ending // has room for every component: none is held up after Run has given up

	foreground, background context.CancelCauseFunc
	running                map[string]int // components by name
	working                int            // components in the foreground
	first                  error
	signalled              bool
	deadline               <-chan time.Time // of the drain; nil until stopping
	stopTimer              func() bool
}

type ending struct {
	component Component
	err       error
}

func (r *runner) run(ctx context.Context, components []Component) error {
	// Cancelling the caller's context stops the foreground first, like a signal, so the two must
	// not inherit it.
	base := context.WithoutCancel(ctx)
	foreground, stopForeground := context.WithCancelCause(base)
	background, stopBackground := context.WithCancelCause(base)
	r.foreground, r.background = stopForeground, stopBackground
	defer stopForeground(nil)
	defer stopBackground(nil)
	for _, c := range components {
		r.running[c.Name]++
		own := background
		if !c.Background {
			r.working++
			own = foreground
		}
		go func() { r.ended <- ending{c, c.Run(own)} }()
	}
	r.settle()
	outside := ctx.Done()
	for left := len(components); left > 0; {
		select {
		case e := <-r.ended:
			left--
			r.end(e)
		case <-outside:
			outside = nil
			r.stop("the caller is done")
		case s := <-r.options.Signals:
			r.signal(s)
		case <-r.deadline:
			return errors.Join(r.first, &DrainError{r.options.Drain, r.names()})
		}
	}
	if r.stopTimer != nil {
		r.stopTimer()
	}
	return r.first
}

// settle stops the background once nothing else runs.
func (r *runner) settle() {
	if r.working == 0 {
		r.startDrain()
		r.background(ErrStopped)
	}
}

func (r *runner) end(e ending) {
	if r.running[e.component.Name]--; r.running[e.component.Name] == 0 {
		delete(r.running, e.component.Name)
	}
	if !e.component.Background {
		r.working--
	}
	stopping := r.deadline != nil
	switch {
	case e.err == nil, stopping && (errors.Is(e.err, context.Canceled) || errors.Is(e.err, ErrStopped)):
	case r.first == nil:
		r.first = fmt.Errorf("%s: %w", e.component.Name, e.err)
		if len(r.running) > 0 {
			r.stop(e.component.Name + " failed")
		}
	default:
		// Only the first error is returned; this is the one place with the others.
		r.options.Log.LogAttrs(context.Background(), slog.LevelError, "component failed while stopping",
			slog.String("component", e.component.Name), slog.Any("error", e.err))
	}
	r.settle()
}

func (r *runner) signal(s os.Signal) {
	if r.signalled {
		status := 1
		if n, ok := s.(syscall.Signal); ok {
			status = 128 + int(n)
		}
		r.options.Log.LogAttrs(context.Background(), slog.LevelWarn, "second signal: ending at once",
			slog.String("signal", s.String()))
		r.options.Exit(status)
		return
	}
	r.signalled = true
	r.stop(s.String())
}

// stop cancels the foreground; the background follows when the foreground has returned.
func (r *runner) stop(reason string) {
	if r.deadline == nil {
		r.options.Log.LogAttrs(context.Background(), slog.LevelInfo, "stopping", slog.String("reason", reason),
			slog.Duration("drain", r.options.Drain))
	}
	r.startDrain()
	r.foreground(ErrStopped)
	r.settle()
}

func (r *runner) startDrain() {
	if r.deadline == nil {
		timer := time.NewTimer(r.options.Drain)
		r.deadline, r.stopTimer = timer.C, timer.Stop
		r.options.Stopping()
	}
}

func (r *runner) names() []string {
	var names []string
	for name := range r.running {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
