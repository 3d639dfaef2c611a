package collector

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
)

// SourceUnknown is the source of an input without a sign of one.
const SourceUnknown = "unknown"

// ErrIgnored is wrapped by the error, an *IgnoredError, for an input without usage: a notification
// of another service, or of Trove about something else. Such an input is counted and passed over.
var ErrIgnored = errors.New("the notification says nothing about usage")

// IgnoredError names the event type of an ignored input.
type IgnoredError struct{ EventType string }

// Error implements error.
func (e *IgnoredError) Error() string { return fmt.Sprintf("%v: %s", ErrIgnored, e.EventType) }

// Unwrap makes errors.Is(err, ErrIgnored) true.
func (e *IgnoredError) Unwrap() error { return ErrIgnored }

// InputError is the reason why an input is no fact. It wraps ErrIgnored when the input is to be
// passed over; any other input is to be quarantined. Its text may quote the input, so it goes
// through redact.Text before it is stored or logged.
type InputError struct {
	Source string // events.SourceCF, events.SourceTrove or SourceUnknown
	Err    error
}

// Error implements error.
func (e *InputError) Error() string {
	switch e.Source {
	case events.SourceCF:
		return "Cloud Foundry usage event: " + e.Err.Error()
	case events.SourceTrove:
		return "Trove notification: " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns the reason.
func (e *InputError) Unwrap() error { return e.Err }
