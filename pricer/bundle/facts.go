package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/evidence"
)

// CollectFacts reads the evidence of the spans.
func (c *Contents) CollectFacts(ctx context.Context, b Bus) error {
	wanted := map[uint64]bool{}
	_, err := newWorkings(c.Statement.Foundation, &c.Terms, c.Catalogues, c.Spans, func(s *events.Span) error {
		for _, sequence := range s.Evidence {
			wanted[sequence] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	lines.SetEscapeHTML(false)
	x := &c.Statement
	// A decision has no tenant, and a resource may have had another one: these come one by one.
	filter := events.UsageTenantFilter(x.Source, x.Foundation, x.Tenant)
	err = evidence.Read(ctx, b, filter, slices.Sorted(maps.Keys(wanted)),
		func(sequence uint64, m *bus.Stored) error {
			if m == nil {
				return fmt.Errorf("the evidence of a span: message %d of %s: %w", sequence, events.StreamUsage,
					bus.ErrNotFound)
			}
			if err := lines.Encode(fact{sequence, m.Header(events.HeaderType), string(m.Data)}); err != nil {
				return err
			}
			if text.Len() > maxFile {
				return ErrTooLarge
			}
			return nil
		})
	c.Facts = text.Bytes()
	return err
}
