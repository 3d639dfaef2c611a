package metered

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Month is a month of a foundation, whose statements somebody has looked at.
type Month struct{ Source, Foundation, Month string }

// Changes counts the messages of METERED that the statements of the month depend on, with sequences
// between two others, both excluded: spans that end and holds, with time before its end, gaps,
// closings of the foundation and catalogues. The discard of a hold bills nothing, and is none.
func (x Month) Changes(ctx context.Context, b Bus, after, before uint64) (n int, err error) {
	if before <= after+1 {
		return 0, nil
	}
	_, end := events.MonthTime(x.Month)
	var m events.Metered
	options := bus.ReadOptions{Filters: []string{
		events.MeteredResourcesFilter(x.Foundation, ""), events.MeteredControlFilter(x.Foundation),
		events.MeteredCatalogueSubject,
	}}
	_, err = b.Each(ctx, events.StreamMetered, after+1, before-1, options, func(in *bus.Stored) error {
		switch in.Header(events.HeaderType) {
		case events.TypeCatalogue:
			n++
		case events.TypeMetered:
			if err := m.DecodeJSON(in.Data); err != nil {
				return Unreadable(events.StreamMetered, in, err)
			}
			if m.Source == x.Source && touches(&m, end) {
				n++
			}
		case events.TypeClosing:
			var c events.Closing
			if c.DecodeJSON(in.Data) != nil || c.Source == x.Source {
				n++
			}
		case events.TypeGap:
			var g events.Gap
			if g.DecodeJSON(in.Data) != nil || g.Source == x.Source && g.From.Before(end) {
				n++
			}
		}
		return nil
	})
	return n, err
}

// touches reports whether a message ends spans, or has holds, with time before the end of a month.
func touches(m *events.Metered, end time.Time) bool {
	for _, spans := range [][]events.Span{m.Closed, m.Retracted} {
		for i := range spans {
			if spans[i].Start.Before(end) {
				return true
			}
		}
	}
	for i := range m.Held {
		if m.Held[i].Start.Before(end) {
			return true
		}
	}
	return m.HeldOmitted > 0
}

// Unchanged is the function Unchanged for what the statements of the month depend on. Error:
// *ChangedError.
func (x Month) Unchanged(ctx context.Context, b Watcher, since, usage uint64, patience time.Duration) error {
	return unchanged(ctx, b, since, usage, patience, func(before uint64) (int, error) {
		return x.Changes(ctx, b, since, before)
	})
}
