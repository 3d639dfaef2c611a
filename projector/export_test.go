package projector

import "github.com/daybook-billing/daybook/internal/stage"

// NewProcessor gives tests the stage's view of a meter.
func NewProcessor(s Settings) stage.Processor { return newProcessor(s) }

// TroveFacts counts the facts of databases that a meter remembers.
func (m *Meter) TroveFacts() int {
	n := 0
	for _, f := range m.foundations {
		for _, s := range f.Subjects {
			for _, t := range s.Tracks {
				if t.Trove != nil {
					n += len(t.Trove.Facts)
				}
			}
		}
	}
	return n
}

// Tracked counts the timelines that a meter remembers.
func (m *Meter) Tracked() int {
	n := 0
	for _, f := range m.foundations {
		for _, s := range f.Subjects {
			n += len(s.Tracks)
		}
	}
	return n
}
