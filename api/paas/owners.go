package paas

import (
	"context"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// months divides a range at the ends of months.
func months(from, to time.Time) (all [][2]time.Time) {
	for from.Before(to) {
		next := time.Date(from.Year(), from.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		if next.After(to) {
			next = to
		}
		all = append(all, [2]time.Time{from, next})
		from = next
	}
	return all
}

// begins are the guids of the usage events with which spans begin.
func (h *Handler) begins(ctx context.Context, owner events.Owner, spans []ledger.Span) (map[uint64]string, error) {
	var sequences []uint64
	for i := range spans {
		if begin := beginning(&spans[i].Span); begin > 0 {
			sequences = append(sequences, begin)
		}
	}
	slices.Sort(sequences)
	sequences = slices.Compact(sequences)
	if len(sequences) == 0 {
		return nil, nil
	}
	return h.Events(ctx, owner, sequences)
}

// beginning is the sequence in USAGE of the fact that a span begins with; 0: it names none.
func beginning(x *events.Span) uint64 {
	if len(x.Evidence) == 0 {
		return 0
	}
	return x.Evidence[0]
}
