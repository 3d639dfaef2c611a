package pricer

import (
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Statements is the pricer's state behind a message of METERED, for previews of statements.
// It takes every message as the pricer does, and puts out nothing.
type Statements struct{ processor *processor }

// NewStatements returns a Statements before the first message of METERED. Of the messages about
// usage it may be given those of one tenant alone.
func NewStatements() *Statements { return &Statements{wholeProcessor()} }

// Step takes the next message of METERED. The error is the pricer's own.
func (s *Statements) Step(in *bus.Stored) error {
	return s.processor.Step(in, func(stage.Output) {})
}

// Adopt takes the next message of BILLING with charges, after all of METERED: those of a replay are
// others than the derived ones.
func (s *Statements) Adopt(in *bus.Stored) error { return s.processor.Adopt(in) }

// Of are the statements of a tenant's month as they would be if it closed now, one for each
// foundation where it is open and anything concerns the tenant. They have no number.
func (s *Statements) Of(tenant, month string) (all []statement.Statement) {
	p := s.processor
	for _, at := range slices.SortedFunc(maps.Keys(p.tally.through), place.compare) {
		if p.book.months[at].closed(month) {
			continue
		}
		of := p.issuing.of(at)
		if draft := gather(p.book, of, at, month).draft(tenant); draft.Concerned {
			all = append(all, draft.Statement(of.frame(at, tenant, month, p.tally.through[at])))
		}
	}
	return all
}

// Closing are the statements and credit notes that a closing of the month proposes now.
func (s *Statements) Closing(source, foundation, month string) []statement.Statement {
	p, at := s.processor, place{source, foundation}
	p.issuing.of(at).close(p.book, at, month, p.tally.through[at], p.tally.through[at])
	return p.issuing.of(at).proposed.In(month)
}

// Preview is the pricer's state behind a message of METERED, for the effects of versions that are
// not published. It takes every message as the pricer does, and puts out nothing.
type Preview struct{ processor *processor }

// NewPreview returns a Preview before the first message of METERED.
func NewPreview() *Preview {
	p := wholeProcessor()
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
