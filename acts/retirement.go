package acts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// ErrRetired: the collector is retired already.
var ErrRetired = errors.New("the collector is retired already")

// ErrNotStopped: a collector of the foundation published a horizon meanwhile. The collector to
// retire must be stopped first.
var ErrNotStopped = errors.New("a collector of the foundation has said something meanwhile; stop the collector " +
	"first, if it was that, then retire it")

// UnknownCollectorError reports a name without a horizon.
type UnknownCollectorError struct {
	Name  string
	Known []string // names of the foundation's other collectors, retired ones excepted
}

func (e *UnknownCollectorError) Error() string {
	return fmt.Sprintf("no collector called %q has ever said how far the foundation is complete; those that have "+
		"are: %s", e.Name, strings.Join(e.Known, ", "))
}

// Leaver is a collector to retire.
type Leaver struct {
	Source     string
	Foundation string
	Collector  string // its name
	By         string // the person
	Note       string // the reason
	At         time.Time
}

// Retire publishes the end of a collector, so its horizon holds nobody up. The foundation is
// complete through the time returned without it, zero where no other collector has a horizon.
// Errors: *UnknownCollectorError, ErrRetired, ErrNotStopped, *TooLongError.
func Retire(ctx context.Context, b Bus, l *Leaver) (through time.Time, err error) {
	r := retiring{
		act: events.Act{
			Kind: events.ActRetirement, Source: l.Source, Foundation: l.Foundation, By: l.By, Note: l.Note, Time: l.At,
			Retirement: events.Retirement{Collector: l.Collector},
		},
		collectors: map[string]reach{},
	}
	if err := bounded(&r.act); err != nil {
		return time.Time{}, err
	}
	publishing := publish{
		bus: b, alone: true, read: r.read, next: r.next,
		filters: []string{
			events.ActSubject(r.act.Kind, l.Source, l.Foundation), events.UsageHorizonSubject(l.Source, l.Foundation),
		},
	}
	if _, err := publishing.run(ctx); err != nil {
		return time.Time{}, err
	}
	r.collectors[l.Collector] = reach{retired: true}
	return completeThrough(r.collectors), nil
}

// reach is how far a collector has come.
type reach struct {
	at      time.Time
	retired bool
}

// retiring is one retirement.
type retiring struct {
	act        events.Act       // no ID before the first try
	collectors map[string]reach // by name
	retired    string           // id of the last retirement of the collector
	last       uint64           // sequence of the last horizon
	tried      uint64           // last at the first try
	stored     bool             // an earlier try was, though no answer came
}

func (r *retiring) read(m *bus.Stored) error {
	if a, ok := read(m); ok {
		if !a.Retirement.At.IsZero() { // of all of them
			for name, c := range r.collectors {
				r.collectors[name] = reach{c.at, true}
			}
			return nil
		}
		name := a.Retirement.Collector
		r.collectors[name] = reach{r.collectors[name].at, true}
		if name == r.act.Retirement.Collector {
			r.retired = a.ID
			r.stored = r.stored || r.act.ID != "" && a.ID == r.act.ID
		}
		return nil
	}
	if m.Subject != events.UsageHorizonSubject(r.act.Source, r.act.Foundation) {
		return nil // somebody else's: for the projector it is no act either
	}
	var h events.Horizon
	if err := h.DecodeJSON(m.Data); err != nil {
		return fmt.Errorf("message %d of %s (%s) cannot be read: %w", m.Sequence, events.StreamUsage, m.Subject, err)
	}
	r.collectors[h.Collector], r.last = reach{at: h.Time}, m.Sequence
	return nil
}

func (r *retiring) next(expectation uint64) ([]events.Act, error) {
	name := r.act.Retirement.Collector
	c, known := r.collectors[name]
	switch again := r.act.ID != ""; {
	case r.stored:
		return nil, nil
	case again && r.last != r.tried:
		return nil, ErrNotStopped
	case !known:
		return nil, &UnknownCollectorError{name, named(r.collectors)}
	case c.retired:
		return nil, ErrRetired
	}
	a := &r.act
	a.ID = events.ID("retirement", a.Source, a.Foundation, name, r.retired)
	a.Expectation, r.tried = expectation, r.last
	return []events.Act{*a}, nil
}

// named are the names of the collectors, retired ones excepted.
func named(collectors map[string]reach) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(collectors)) {
		if name != "" && !collectors[name].retired {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}

// completeThrough is the end of a source's complete time: the lowest horizon of the named
// collectors at work, and without any the horizon of the nameless collector.
func completeThrough(collectors map[string]reach) (through time.Time) {
	for name, c := range collectors {
		if name != "" && !c.retired && (through.IsZero() || c.at.Before(through)) {
			through = c.at
		}
	}
	if through.IsZero() {
		through = collectors[""].at
	}
	return through
}
