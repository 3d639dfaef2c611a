package terms

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Again computes an entry of a message of BILLING again, and says in words how it differs; nothing
// where it is equal. The span is nil where METERED has none. A correction has no working: it is the
// difference of what is known to what was charged, over all spans of its month.
func (t *Terms) Again(m *bus.Stored, source, foundation string, span *events.Span, c *events.Charge) (
	working *rating.Working, differences []string,
) {
	if c.Entry == events.EntryCorrection {
		return nil, nil
	}
	w, err := t.again(m, source, foundation, span, c)
	if err != nil {
		return nil, []string{err.Error()}
	}
	return w, w.Differences(c)
}

func (t *Terms) again(m *bus.Stored, source, foundation string, span *events.Span, c *events.Charge) (
	*rating.Working, error,
) {
	if span == nil {
		return nil, errors.New("METERED has no span with the id that the charge names; daybook verify tells more")
	}
	version, prices, border := t.Behind(m).Terms(source, foundation, span.Start.UTC().Format(events.MonthForm))
	switch {
	case prices == nil:
		return nil, errors.New("no catalogue was in force for it")
	case version != c.Catalogue:
		return nil, fmt.Errorf("the catalogue in force for it was %s", version)
	}
	w, found := rating.Again(border, prices, foundation, span, c)
	if !found {
		return nil, errors.New("the span has no such line with this catalogue")
	}
	return &w, nil
}
