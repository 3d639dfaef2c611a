// Package standing puts together what runs and is held under one subject of METERED, from its
// messages in their order: a message about many resources lists a part of them. It does no I/O.
package standing

import (
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Subject is what runs and is held under one subject after some of its messages. The zero value is
// a subject without a message.
type Subject struct {
	resources     map[string]*resource
	round         uint64
	running, held uint32 // in all, as the last message counts them
}

type resource struct {
	round   uint64 // of the last message that lists it
	running []events.Span
	held    []events.Hold
}

// Partial reports whether a message tells of some resources under its subject only.
func Partial(m *events.Metered) bool { return m.RunningOmitted+m.HeldOmitted > 0 }

// Apply takes the next message. It keeps copies of the spans and holds.
func (s *Subject) Apply(m *events.Metered) {
	if s.resources == nil {
		s.resources = map[string]*resource{}
	}
	if !Partial(m) {
		clear(s.resources)
	}
	s.round++
	for i := range m.Running {
		r := s.listed(m.Running[i].Resource)
		r.running = append(r.running, m.Running[i])
	}
	for i := range m.Held {
		r := s.listed(m.Held[i].Resource)
		r.held = append(r.held, m.Held[i])
	}
	for _, id := range m.Ended {
		delete(s.resources, id)
	}
	s.running = uint32(len(m.Running)) + m.RunningOmitted //nolint:gosec // far below 2^32
	s.held = uint32(len(m.Held)) + m.HeldOmitted          //nolint:gosec // far below 2^32
}

// listed is a resource of the message in hand: everything about it stands there.
func (s *Subject) listed(id string) *resource {
	r := s.resources[id]
	if r == nil {
		r = &resource{}
		s.resources[id] = r
	}
	if r.round != s.round {
		*r = resource{round: s.round}
	}
	return r
}

// Empty reports whether nothing runs and nothing is held.
func (s *Subject) Empty() bool { return len(s.resources) == 0 && s.running+s.held == 0 }

// Running and Held are the numbers of running spans and of holds.
func (s *Subject) Running() int { return int(s.running) }

// Held is the number of holds.
func (s *Subject) Held() int { return int(s.held) }

// HeldIn is the number of holds of a time, by their start and their end (zero while they go on).
// Holds that no message lists are of any time.
func (s *Subject) HeldIn(within func(start, end time.Time) bool) int {
	n, listed := 0, 0
	for _, r := range s.resources {
		listed += len(r.held)
		for i := range r.held {
			if within(r.held[i].Start, r.held[i].End) {
				n++
			}
		}
	}
	return n + max(s.Held()-listed, 0)
}

// Resources are the ids of what runs or is held, in their order.
func (s *Subject) Resources() []string { return slices.Sorted(maps.Keys(s.resources)) }

// Of are the running spans and the holds of one resource.
func (s *Subject) Of(id string) ([]events.Span, []events.Hold) {
	r := s.resources[id]
	if r == nil {
		return nil, nil
	}
	return r.running, r.held
}

// Spans yields the running spans, in no order.
func (s *Subject) Spans(yield func(*events.Span) bool) {
	for _, r := range s.resources {
		for i := range r.running {
			if !yield(&r.running[i]) {
				return
			}
		}
	}
}

// List makes a message list everything, in order of resource.
func (s *Subject) List(m *events.Metered) {
	m.Running, m.Held, m.Ended, m.ListedFrom = nil, nil, nil, 0
	for _, id := range s.Resources() {
		running, held := s.Of(id)
		m.Running, m.Held = append(m.Running, running...), append(m.Held, held...)
	}
	m.RunningOmitted = s.running - min(s.running, uint32(len(m.Running))) //nolint:gosec // far below 2^32
	m.HeldOmitted = s.held - min(s.held, uint32(len(m.Held)))             //nolint:gosec // far below 2^32
}
