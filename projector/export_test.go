package projector

import "github.com/daybook-billing/daybook/internal/stage"

// NewProcessor gives tests the stage's view of a meter.
func NewProcessor(s Settings) stage.Processor { return newProcessor(s) }

// Tracked counts the timelines that a meter remembers.
func (m *Meter) Tracked() int {
	n := 0
	for _, f := range m.foundations {
		n += len(f.entries)
	}
	return n
}
