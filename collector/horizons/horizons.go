// Package horizons answers the question for the last horizon of a collector in USAGE. Horizons of
// one foundation share a subject; each has its collector's name.
package horizons

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Sizes of the parts of USAGE that Find reads, in sequences: twice as many in each.
const (
	firstPart = 1024
	maxPart   = 1 << 18
)

// Reader is the access to USAGE; *bus.Bus is one.
type Reader interface {
	// Last returns the last message on the subject; errors.Is bus.ErrNotFound when there is none.
	Last(ctx context.Context, stream, subject string) (bus.Stored, error)
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Last returns the last horizon of a foundation, by any collector; the zero Horizon when there is
// none.
func Last(ctx context.Context, r Reader, source, foundation string) (events.Horizon, error) {
	h, _, err := last(ctx, r, events.UsageHorizonSubject(source, foundation))
	return h, err
}

// Query asks for the horizons of a foundation.
type Query struct {
	Source, Foundation string
	Collector          string // its name, which may be empty
	Through            uint64 // last sequence of USAGE that counts; bus.End: all count
	Limit              int    // horizons to look at, about; 0: all
}

// Found is the answer to a Query. Its times are zero for want of a horizon.
type Found struct {
	Own    time.Time // of the collector's last horizon
	Newest time.Time // the latest time among that horizon and the later ones of other collectors
}

// Find finds the last horizon of a collector, from the end of USAGE backward.
func Find(ctx context.Context, r Reader, q Query) (Found, error) {
	subject := events.UsageHorizonSubject(q.Source, q.Foundation)
	h, end, err := last(ctx, r, subject)
	if err != nil || end == 0 {
		return Found{}, err
	}
	s := search{Query: q}
	if end <= q.Through {
		if s.add(&h) {
			return s.Found, nil
		}
		end--
	} else {
		end = q.Through
	}
	for size := uint64(firstPart); end > 0 && (q.Limit == 0 || s.seen < q.Limit); size = min(2*size, maxPart) {
		from := end - min(size, end) + 1
		var part []events.Horizon
		_, err := r.Each(ctx, events.StreamUsage, from, end, bus.ReadOptions{Filters: []string{subject}},
			func(m *bus.Stored) error {
				h, err := decode(m)
				part = append(part, h)
				return err
			})
		if err != nil {
			return Found{}, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if s.add(&part[i]) {
				return s.Found, nil
			}
		}
		end = from - 1
	}
	return s.Found, nil
}

// search is a Find under way.
type search struct {
	Query
	Found
	seen int
}

// add takes the next horizon, from the newest to the oldest, and reports whether it is the last one
// to look at.
func (s *search) add(h *events.Horizon) bool {
	s.seen++
	if h.Time.After(s.Newest) {
		s.Newest = h.Time
	}
	if h.Collector != s.Collector {
		return false
	}
	s.Own = h.Time
	return true
}

// last returns the last horizon on a subject, and its sequence, 0 when there is none.
func last(ctx context.Context, r Reader, subject string) (events.Horizon, uint64, error) {
	m, err := r.Last(ctx, events.StreamUsage, subject)
	if errors.Is(err, bus.ErrNotFound) {
		return events.Horizon{}, 0, nil
	}
	if err != nil {
		return events.Horizon{}, 0, fmt.Errorf("looking for the last horizon on %s: %w", subject, err)
	}
	h, err := decode(&m)
	return h, m.Sequence, err
}

func decode(m *bus.Stored) (h events.Horizon, err error) {
	if err := h.DecodeJSON(m.Data); err != nil {
		return h, fmt.Errorf("message %d of %s (%s) cannot be read: %w", m.Sequence, events.StreamUsage, m.Subject, err)
	}
	return h, nil
}
