package file

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Normalise turns one line of input into a fact of the foundation. A JSON object with
// "oslo.message" or "event_type" is a Trove notification, one with "state" and "guid" a Cloud
// Foundry usage event. Errors are *collector.InputError. The result shares no memory with raw.
func Normalise(foundation string, raw []byte) (events.Usage, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return events.Usage{}, &collector.InputError{
			Source: collector.SourceUnknown,
			Err:    fmt.Errorf("not one JSON object: %w", err),
		}
	}
	root := d.Root()
	var u events.Usage
	var err error
	source := collector.SourceUnknown
	switch {
	case root.Get("oslo.message").Exists() || root.Get("event_type").Exists():
		source = events.SourceTrove
		u, err = notification.Normalise(foundation, d)
	case root.Get("state").Exists() && root.Get("guid").Exists():
		source = events.SourceCF
		u, err = cf.FromDocument(foundation, d)
	default:
		err = errors.New("found neither state and guid (a Cloud Foundry v3 usage event) nor event_type or " +
			"oslo.message (a Trove notification)")
	}
	if err != nil {
		return events.Usage{}, &collector.InputError{Source: source, Err: err}
	}
	return u, nil
}
