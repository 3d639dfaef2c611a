package projector

import "github.com/daybook-billing/daybook/internal/stage"

// NewProcessor gives tests the stage's view of a meter.
func NewProcessor(s Settings) stage.Processor { return newProcessor(s) }

// TroveFacts counts the facts of databases that a meter remembers.
func (m *Meter) TroveFacts() int {
	n := 0
	for _, f := range m.foundations {
		for _, t := range f.tracks {
			if t.trove != nil {
				n += len(t.trove.facts) + len(t.trove.signs)
			}
		}
	}
	return n
}

// Tracked counts the timelines that a meter remembers.
func (m *Meter) Tracked() int {
	n := 0
	for _, f := range m.foundations {
		n += len(f.tracks)
	}
	return n
}
