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

// Retire publishes the end of a collector, so its horizon holds nobody up. The foundation is
// complete through the time returned without it, zero where no other collector has a horizon.
// Errors: *UnknownCollectorError, ErrRetired, ErrNotStopped.
func Retire(ctx context.Context, b Bus, source, foundation, name string) (through time.Time, err error) {
	r := retiring{source: source, foundation: foundation, name: name, horizons: map[string]events.Horizon{}}
	publishing := publish{
		bus: b, kind: Retirement, subject: events.UsageHorizonSubject(source, foundation), read: r.read, next: r.next,
	}
	if _, err := publishing.run(ctx); err != nil {
		return time.Time{}, err
	}
	r.horizons[name] = r.horizon
	return completeThrough(r.horizons), nil
}

// retiring is one retirement.
type retiring struct {
	source, foundation, name string
	horizons                 map[string]events.Horizon // the last one of each collector, by name
	last                     uint64                    // sequence of the last horizon
	expectation              uint64                    // last at the first try
	horizon                  events.Horizon            // the retirement; no ID before the first try
}

func (r *retiring) read(m *bus.Stored) error {
	var h events.Horizon
	if err := h.DecodeJSON(m.Data); err != nil {
		return fmt.Errorf("message %d of %s (%s) cannot be read: %w", m.Sequence, events.StreamUsage, m.Subject, err)
	}
	r.horizons[h.Collector], r.last = h, m.Sequence
	return nil
}

func (r *retiring) next() ([]Act, error) {
	h, ok := r.horizons[r.name]
	switch again := r.horizon.ID != ""; {
	case again && h.ID == r.horizon.ID:
		return nil, nil // an earlier try was stored, though no answer came
	case again && r.last != r.expectation:
		return nil, ErrNotStopped
	case !ok:
		return nil, &UnknownCollectorError{r.name, named(r.horizons)}
	case h.Retired:
		return nil, ErrRetired
	}
	h.Retired = true
	h.ID = events.ID("horizon", r.source, r.foundation, r.name, events.FormatTime(h.Time), "retired")
	r.horizon, r.expectation = h, r.last
	return []Act{{
		Kind: Retirement, Source: r.source, Foundation: r.foundation, ID: h.ID, Time: h.Time, Retired: &h,
	}}, nil
}

// named are the names of the collectors, retired ones excepted.
func named(horizons map[string]events.Horizon) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(horizons)) {
		if name != "" && !horizons[name].Retired {
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
func completeThrough(horizons map[string]events.Horizon) (through time.Time) {
	for name, h := range horizons {
		if name != "" && !h.Retired && (through.IsZero() || h.Time.Before(through)) {
			through = h.Time
		}
	}
	if through.IsZero() {
		through = horizons[""].Time
	}
	return through
}
