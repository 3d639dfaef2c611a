package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// workings compute charges again.
type workings struct {
	foundation string
	prices     []prices
	spans      map[string]*spanText
}

// spanText is the JSON of a span, with the index of its terms.
type spanText struct {
	Terms int             `json:"terms"`
	Span  json.RawMessage `json:"span"`
	used  bool            // by a charge
}

// newWorkings takes the terms, the catalogues by digest, and the lines of spans. each is given the
// spans; its error ends it.
func newWorkings(foundation string, t *Terms, texts map[string]string, spans []byte,
	each func(s *events.Span) error,
) (*workings, error) {
	parsed := map[string]*catalogue.Catalogue{}
	for digest, text := range texts {
		c, err := catalogue.Parse(priceFile(digest), []byte(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, ErrUnreadable)
		}
		parsed[digest] = c
	}
	w := &workings{foundation: foundation, prices: t.prices(parsed), spans: map[string]*spanText{}}
	err := lines(bytes.NewReader(spans), func(line []byte) error {
		x := &spanText{}
		var s events.Span
		if err := json.Unmarshal(line, x); err != nil {
			return fmt.Errorf("%w: %w", err, ErrUnreadable)
		}
		if err := s.DecodeJSON(x.Span); err != nil {
			return fmt.Errorf("%w: %w", err, ErrUnreadable)
		}
		if x.Terms < 0 || x.Terms >= len(w.prices) || w.spans[s.ID] != nil {
			return fmt.Errorf("span %s has no terms, or comes twice: %w", s.ID, ErrUnreadable)
		}
		w.spans[s.ID] = x
		return each(&s)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileSpans, err)
	}
	return w, nil
}

// again computes a charge again. The problem says how it differs.
func (w *workings) again(c *events.Charge) (price statements.Price, problem string) {
	if c.Entry == events.EntryCorrection {
		return price, "" // the difference of many charges
	}
	x := w.spans[c.Span]
	if x == nil {
		return price, fmt.Sprintf("charge %s names span %s, which is not there", c.ID, c.Span)
	}
	x.used = true
	var s events.Span
	_ = s.DecodeJSON(x.Span) // it was read before
	p := &w.prices[x.Terms]
	switch {
	case p.catalogue == nil || p.version != c.Catalogue:
		return price, fmt.Sprintf("charge %s is priced by catalogue %q, and its span by %q", c.ID, c.Catalogue,
			p.version)
	case s.Kind != c.Kind || s.Resource != c.Resource || s.Tenant != c.Tenant || s.App != c.App || s.Space != c.Space:
		return price, fmt.Sprintf("charge %s is of another resource than its span %s", c.ID, c.Span)
	}
	line, found := rating.Again(p.border, p.catalogue, w.foundation, &s, c)
	if !found {
		return price, fmt.Sprintf("charge %s: its span has no such line with its catalogue", c.ID)
	}
	if all := line.Differences(c); len(all) > 0 {
		problem = fmt.Sprintf("charge %s: %s", c.ID, all[0])
	}
	return statements.PriceOf(line.Component), problem
}
