package projector

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/stage"
)

// NewProcessor gives tests the stage's view of a meter.
func NewProcessor(cfg Config) stage.Processor { return newProcessor(cfg.withDefaults()) }

// Tracked counts the timelines of a meter.
func (m *Meter) Tracked() int {
	n := 0
	for _, f := range m.foundations {
		n += len(f.entries) + f.frozen.records.Len()
	}
	return n
}

// Frozen counts the timelines of a meter in their small form.
func (m *Meter) Frozen() int {
	n := 0
	for _, f := range m.foundations {
		n += f.frozen.records.Len()
	}
	return n
}

// FrozenBytes is the memory of the small forms of a meter.
func (m *Meter) FrozenBytes() int {
	n := 0
	for _, f := range m.foundations {
		n += f.frozen.records.Bytes()
	}
	return n
}

// Adopt gives tests the adoption of a stored message.
func (m *Meter) Adopt(x *events.Metered, source uint64) { m.adopt(x, source) }
