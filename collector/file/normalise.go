package file

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Normalise turns one document of an input into a fact of the foundation. A JSON object with
// "oslo.message" or "event_type" is a Trove notification, one with a "state" and a "guid" a usage
// event of Cloud Foundry, in any form that package cf knows. Errors are *collector.InputError. The
// result shares no memory with raw.
func Normalise(foundation string, raw []byte) (events.Usage, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return events.Usage{}, &collector.InputError{
			Source: collector.SourceUnknown,
			Err:    fmt.Errorf("not one JSON object: %w", onItsLine(raw, err)),
		}
	}
	root := d.Root()
	var u events.Usage
	var err error
	source := collector.SourceUnknown
	switch usage, headless := usageevent.Is(root); {
	case root.Get("oslo.message").Exists() || root.Get("event_type").Exists():
		source = events.SourceTrove
		u, err = notification.Normalise(foundation, d)
	case headless:
		err = errors.New("found an entity of a v2 usage event without its guid and created_at: they stand beside it, " +
			"in metadata, or in the row with raw_message: give the whole object, or the row " +
			`({"guid", "created_at", "raw_message"})`)
	case usage:
		source = events.SourceCF
		u, err = usageevent.FromDocument(foundation, d)
	case root.Get("errors").Kind() == jsondoc.Array:
		err = errors.New("found an error of an API instead of a page (errors): fetch the page again")
	default:
		err = errors.New("found neither state and guid (a Cloud Foundry usage event) nor event_type or " +
			"oslo.message (a Trove notification)")
	}
	if err != nil {
		return events.Usage{}, &collector.InputError{Source: source, Err: err}
	}
	return u, nil
}

// onItsLine names the line of a mistake, where a document has several.
func onItsLine(raw []byte, err error) error {
	var wrong *jsondoc.SyntaxError
	if !errors.As(err, &wrong) {
		return err
	}
	before := raw[:min(max(wrong.Column-1, 0), len(raw))]
	lines := bytes.Count(before, []byte("\n"))
	if lines == 0 {
		return err
	}
	return fmt.Errorf("line %d of it, column %d: %s", lines+1, len(before)-bytes.LastIndexByte(before, '\n'),
		wrong.Message)
}
