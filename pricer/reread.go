package pricer

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/reread"
)

// This file asks for the earlier messages of a bounded book (past.go).

// knows reports whether the past before a message has been read.
func (p *processor) knows(sequence uint64) bool {
	return p.book.past != nil && p.book.past.sequence == sequence
}

// needSpans is the error reread.Needed where a message changes dropped spans.
func (p *processor) needSpans(m *events.Metered, sequence uint64) error {
	if p.knows(sequence) || !p.book.changesDropped(m) {
		return nil
	}
	p.past = pastProcessor(nil)
	p.book.past = &past{sequence: sequence, whole: p.past.book}
	return &reread.Needed{
		Inputs:  append(termsFilters(), events.MeteredResourceFilter(m.Source, m.Foundation, m.Kind, m.Resource)),
		Outputs: events.BillingResourceFilters(m.Source, m.Foundation, m.Kind, m.Resource),
	}
}

// needMonths is the error reread.Needed where a version names dropped months, or would change them.
func (p *processor) needMonths(c *events.Catalogue, sequence uint64) error {
	if p.knows(sequence) || !p.book.lacks || p.book.silent {
		return nil
	}
	next, err := p.book.version(c)
	if err != nil {
		return nil //nolint:nilerr // it never comes into force
	}
	p.book.past = &past{sequence: sequence, leaves: p.book.leaves(next.parsed, c.Reprice)}
	needed := &reread.Needed{Inputs: append(termsFilters(), events.MeteredResourcesFilter("", ""))}
	if len(c.Reprice) > 0 {
		p.past = pastProcessor(c.Reprice)
		p.book.past.whole = p.past.book
		needed.Outputs = []string{events.ChargeFilter(""), events.UnratedFilter("", "")}
	}
	return needed
}

// termsFilters are the subjects of the messages with terms.
func termsFilters() []string {
	return []string{events.MeteredCatalogueSubject, events.MeteredClosingFilter("")}
}

// wholeProcessor drops no span.
func wholeProcessor() *processor {
	p := newProcessor()
	p.book.bounded = false
	return p
}

// pastProcessor takes the spans of some months, nil for all, and has no statements.
func pastProcessor(only []string) *processor {
	p := wholeProcessor()
	p.book.only, p.issuing = only, nil
	return p
}

// Reread implements reread.Reader.
func (p *processor) Reread(in *bus.Stored) error {
	past := p.book.past
	if past.leaves != nil && in.Header(events.HeaderType) == events.TypeMetered {
		if err := p.book.names.DecodeChanges(&p.metered, in.Data); err != nil {
			return err
		}
		past.leaves.take(&p.metered)
	}
	if past.whole == nil {
		return nil
	}
	return p.past.Step(in, func(stage.Output) {})
}

// Readopt implements reread.Reader.
func (p *processor) Readopt(stored *bus.Stored) error { return p.past.Adopt(stored) }
