package acts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// ErrEnded: the foundation is retired already, and no collector has said anything since.
var ErrEnded = errors.New("the foundation is retired already")

// ErrFuture: the end is after the present.
var ErrFuture = errors.New("the end is in the future: retire the foundation when it is gone")

// Ending is the end of a foundation that is gone.
type Ending struct {
	Source     string
	Foundation string
	At         time.Time // the end of the foundation
	By         string    // the person
	Note       string    // the reason
	Now        time.Time
}

// End publishes the end of a foundation: what ran ends then, and its horizon holds nobody up. The
// foundation is complete up to the time returned, zero where no horizon says so. Errors: ErrEnded,
// ErrFuture, ErrNotStopped, *TooLongError.
func End(ctx context.Context, b Bus, e *Ending) (through time.Time, err error) {
	if e.At.After(e.Now) {
		return time.Time{}, ErrFuture
	}
	x := ending{
		act: events.Act{
			Kind: events.ActRetirement, Source: e.Source, Foundation: e.Foundation, By: e.By, Note: e.Note, Time: e.Now,
			Retirement: events.Retirement{At: e.At},
		},
		collectors: map[string]reach{},
	}
	if err := bounded(&x.act); err != nil {
		return time.Time{}, err
	}
	publishing := publish{
		bus: b, alone: true, read: x.read, next: x.next,
		filters: []string{
			events.ActSubject(x.act.Kind, e.Source, e.Foundation), events.UsageHorizonSubject(e.Source, e.Foundation),
		},
	}
	_, err = publishing.run(ctx)
	return x.through, err
}

// Sources are the sources of a foundation: those with a message in USAGE.
func Sources(ctx context.Context, b Reader, foundation string) (sources []string, err error) {
	found := errors.New("found")
	for _, source := range events.Sources() {
		options := bus.ReadOptions{Filters: []string{events.UsageFilter(source, foundation)}, HeadersOnly: true}
		_, err := b.Each(ctx, events.StreamUsage, 1, bus.End, options, func(*bus.Stored) error { return found })
		switch {
		case errors.Is(err, found):
			sources = append(sources, source)
		case err != nil:
			return nil, fmt.Errorf("looking for foundation %q in %s: %w", foundation, events.StreamUsage, err)
		}
	}
	return sources, nil
}

// ending is one end of a foundation.
type ending struct {
	act        events.Act       // no ID before the first try
	collectors map[string]reach // by name, before the end
	through    time.Time        // the foundation is complete up to then, before the end
	horizon    uint64           // sequence of the last horizon
	tried      uint64           // horizon at the first try
	ended      uint64           // sequence of the last end
	last       string           // its id
	stored     bool             // an earlier try was, though no answer came
}

func (x *ending) read(m *bus.Stored) error {
	if a, ok := read(m); ok {
		switch {
		case x.act.ID != "" && a.ID == x.act.ID:
			x.stored = true
		case a.Retirement.At.IsZero():
			name := a.Retirement.Collector
			x.collectors[name] = reach{x.collectors[name].at, true}
			x.advance()
		default: // the foundation is complete up to its end, and holds nobody up
			x.ended, x.last = a.Sequence, a.ID
			clear(x.collectors)
			x.collectors[""] = reach{at: a.Retirement.At}
			x.advance()
		}
		return nil
	}
	if m.Subject != events.UsageHorizonSubject(x.act.Source, x.act.Foundation) {
		return nil // somebody else's: for the projector it is no act either
	}
	var h events.Horizon
	if err := h.DecodeJSON(m.Data); err != nil {
		return fmt.Errorf("message %d of %s (%s) cannot be read: %w", m.Sequence, events.StreamUsage, m.Subject, err)
	}
	x.collectors[h.Collector], x.horizon = reach{at: h.Time}, m.Sequence
	x.advance()
	return nil
}

// advance moves the end of the complete time. It never goes back, as in the projector.
func (x *ending) advance() {
	if at := completeThrough(x.collectors); at.After(x.through) {
		x.through = at
	}
}

func (x *ending) next(expectation uint64) ([]events.Act, error) {
	switch again := x.act.ID != ""; {
	case x.stored:
		return nil, nil
	case again && x.horizon != x.tried:
		return nil, ErrNotStopped
	case x.ended > x.horizon:
		return nil, ErrEnded
	}
	a := &x.act
	a.ID = events.ID("retirement", a.Source, a.Foundation, "", events.FormatTime(a.Retirement.At), x.last)
	a.Expectation, x.tried = expectation, x.horizon
	return []events.Act{*a}, nil
}
