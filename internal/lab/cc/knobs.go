package cc

import (
	"time"

	"github.com/daybook-billing/daybook/internal/lab/cc/knob"
)

// Knobs may be turned while the foundation runs.
type Knobs = knob.Knobs

// Duration is a time.Duration with a text in days, too.
type Duration = knob.Duration

// StandardKnobs are a foundation's without faults.
func StandardKnobs() Knobs { return knob.Standard() }

// ParseDuration reads a duration; d stands for 24 hours and comes first.
func ParseDuration(text string) (time.Duration, error) { return knob.ParseDuration(text) }

const day = 24 * time.Hour
