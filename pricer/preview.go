package pricer

import (
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Preview is the pricer's state behind a message of METERED, for the effects of versions that are
// not published. It takes every message as the pricer does, and puts out nothing.
type Preview struct{ processor *processor }

// NewPreview returns a Preview before the first message of METERED.
func NewPreview() *Preview {
	p := wholeProcessor(nil)
	p.book.silent = true
	return &Preview{p}
}

// Step takes the next message of METERED. The error is the pricer's own.
func (v *Preview) Step(in *bus.Stored) error {
	return v.processor.Step(in, func(stage.Output) {})
}

// InForce is the name of the version in force; empty for none.
func (v *Preview) InForce() string { return v.processor.book.InForce() }

// Rows are the effect of a catalogue that comes into force behind the last message, the named
// closed months priced by it, too, and the closed months that it would change, and leaves as they
// are.
// None are the named months without usage that is closed.
func (v *Preview) Rows(c *catalogue.Catalogue, named []string) (rows []effect.Row, closed, none []string) {
	table := v.processor.book.Preview(c, named)
	for _, month := range named {
		if !table.Corrects(month) {
			none = append(none, month)
		}
	}
	return table.Rows(), table.Left(), none
}

// Closed are the rows of the closed months, each as if it alone were named to be priced by the
// catalogue, too.
func (v *Preview) Closed(c *catalogue.Catalogue) []effect.Row {
	return v.processor.book.PreviewClosed(c)
}
