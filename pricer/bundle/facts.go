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
)

// Facts that stand close in USAGE are read in one pass over the tenant's.
const (
	maxBetween = 50_000 // messages between two of a pass
	fewFacts   = 16     // and less are read one by one
)

// CollectFacts reads the evidence of the spans.
func (c *Contents) CollectFacts(ctx context.Context, b Bus) error {
	evidence := map[uint64]bool{}
	_, err := newWorkings(c.Statement.Foundation, &c.Terms, c.Catalogues, c.Spans, func(s *events.Span) error {
		for _, sequence := range s.Evidence {
			evidence[sequence] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	r := factReading{contents: c, bus: b}
	r.lines = json.NewEncoder(&r.text)
	r.lines.SetEscapeHTML(false)
	r.wanted = slices.Sorted(maps.Keys(evidence))
	for len(r.wanted) > 0 {
		n := 1
		for n < len(r.wanted) && r.wanted[n]-r.wanted[n-1] <= maxBetween {
			n++
		}
		if err := r.stretch(ctx, r.wanted[n-1], n > fewFacts); err != nil {
			return err
		}
	}
	c.Facts = r.text.Bytes()
	return nil
}

// factReading writes facts in the order of their sequences.
type factReading struct {
	contents *Contents
	bus      Bus
	wanted   []uint64 // not written yet, sorted
	text     bytes.Buffer
	lines    *json.Encoder
}

// stretch writes the facts up to one. In a pass it reads those of the tenant, and else one by one:
// a decision has no tenant, and a resource may have had another one.
func (r *factReading) stretch(ctx context.Context, to uint64, pass bool) error {
	if pass {
		x := &r.contents.Statement
		options := bus.ReadOptions{Filters: []string{events.UsageTenantFilter(x.Source, x.Foundation, x.Tenant)}}
		if _, err := r.bus.Each(ctx, events.StreamUsage, r.wanted[0], to, options, func(m *bus.Stored) error {
			if err := r.upTo(ctx, m.Sequence-1); err != nil || len(r.wanted) == 0 || r.wanted[0] != m.Sequence {
				return err
			}
			return r.write(m)
		}); err != nil {
			return err
		}
	}
	return r.upTo(ctx, to)
}

// upTo writes the facts up to one, each read by itself.
func (r *factReading) upTo(ctx context.Context, to uint64) error {
	for len(r.wanted) > 0 && r.wanted[0] <= to {
		m, err := r.bus.Get(ctx, events.StreamUsage, r.wanted[0])
		if err != nil {
			return fmt.Errorf("the evidence of a span: %w", err)
		}
		if err := r.write(&m); err != nil {
			return err
		}
	}
	return nil
}

// write writes the next fact.
func (r *factReading) write(m *bus.Stored) error {
	r.wanted = r.wanted[1:]
	if err := r.lines.Encode(fact{m.Sequence, m.Header(events.HeaderType), string(m.Data)}); err != nil {
		return err
	}
	if r.text.Len() > maxFile {
		return ErrTooLarge
	}
	return nil
}
