package collector

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// SourceUnknown stands for the source of input of which not even that could be told.
const SourceUnknown = "unknown"

// LineError is why a line is no fact. It wraps trove.ErrIgnored when the line is to be passed over;
// everything else is to be quarantined. Its text may quote the input: it goes through redact.Text
// before it is stored or logged.
type LineError struct {
	Source string // events.SourceCF, events.SourceTrove or SourceUnknown
	Err    error
}

// Error implements error.
func (e *LineError) Error() string {
	switch e.Source {
	case events.SourceCF:
		return "Cloud Foundry usage event: " + e.Err.Error()
	case events.SourceTrove:
		return "Trove notification: " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.Err }

// Line turns one line of input into a fact of the foundation. A JSON object with "oslo.message" or
// "event_type" is a Trove notification, one with "state" and "guid" a Cloud Foundry usage event.
// Errors are *LineError. The result shares no memory with raw.
func Line(foundation string, raw []byte) (events.Usage, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return events.Usage{}, &LineError{SourceUnknown, fmt.Errorf("not one JSON object: %w", err)}
	}
	root := d.Root()
	var u events.Usage
	var err error
	source := SourceUnknown
	switch {
	case root.Get("oslo.message").Exists() || root.Get("event_type").Exists():
		source = events.SourceTrove
		u, err = trove.FromDocument(foundation, d)
	case root.Get("state").Exists() && root.Get("guid").Exists():
		source = events.SourceCF
		u, err = cf.FromDocument(foundation, d)
	default:
		err = errors.New("found neither state and guid (a Cloud Foundry v3 usage event) nor event_type or " +
			"oslo.message (a Trove notification)")
	}
	if err != nil {
		return events.Usage{}, &LineError{source, err}
	}
	return u, nil
}
