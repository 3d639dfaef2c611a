package usageevent

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Normalise parses an event and turns it into a fact.
func Normalise(foundation string, raw []byte) (events.Usage, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return events.Usage{}, err
	}
	return FromDocument(foundation, d)
}
