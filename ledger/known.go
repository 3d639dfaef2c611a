package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// get is the part of the bus to read one message.
type get interface {
	// Get returns one message. Error: bus.ErrNotFound.
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
}

// Gets is the part of the bus to read single messages, too.
type Gets interface {
	Bus
	get
	// Last returns the last message on a filter. Error: bus.ErrNotFound.
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
}

// ErrForgotten: the knowledge at a time can not be told any more.
var ErrForgotten = errors.New("what was known then can not be told any more")

// maxHoles is how many deleted messages in a row SequenceAt passes over.
const maxHoles = 1000

// SequenceAt returns the sequence of the last message in USAGE at a time; 0: none.
// Error: ErrForgotten where USAGE has lost its beginning since.
func SequenceAt(ctx context.Context, b Gets, at time.Time) (uint64, error) {
	state, err := b.Stream(ctx, events.StreamUsage)
	if err != nil {
		return 0, err
	}
	low, high := max(state.First, 1), state.Last+1 // the first later message is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		m, err := firstFrom(ctx, b, middle, high)
		if err != nil {
			return 0, err
		}
		if m.Sequence == 0 || m.Time.After(at) {
			high = middle
		} else {
			low = m.Sequence + 1
		}
	}
	if low == state.First && state.First > 1 {
		return 0, fmt.Errorf("%w: %s begins with message %d, which is later", ErrForgotten, events.StreamUsage,
			state.First)
	}
	return low - 1, nil
}

// firstFrom returns the first message of USAGE at a sequence or behind it, before end; none:
// sequence 0.
func firstFrom(ctx context.Context, b Gets, sequence, end uint64) (bus.Stored, error) {
	for n := range uint64(maxHoles) {
		if sequence+n >= end {
			break
		}
		m, err := b.Get(ctx, events.StreamUsage, sequence+n)
		if !errors.Is(err, bus.ErrNotFound) {
			return m, err
		}
	}
	return bus.Stored{}, nil
}

// KnownFrom returns the sequence of USAGE from which on Query.Known has an answer: that of the last
// replay, whose entries take back or replace earlier ones; 0: from the beginning.
func KnownFrom(ctx context.Context, b Gets) (uint64, error) {
	last, err := b.Last(ctx, events.StreamUsage, events.ActFilter(events.ActReplay, ""))
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	return last.Sequence, err
}

// knows reports whether the fact behind a message of BILLING was stored up to the query's Known.
func (q *Query) knows(ctx context.Context, b Gets, m *bus.Stored) (bool, error) {
	if q.Known == 0 {
		return true, nil
	}
	usage, err := factBehind(ctx, b, m)
	return usage <= q.Known, err
}

// factBehind is the sequence in USAGE of the fact behind a message of BILLING: the input of the
// message of METERED behind it.
func factBehind(ctx context.Context, b get, m *bus.Stored) (uint64, error) {
	sequence, err := input(events.StreamBilling, m)
	if err != nil {
		return 0, err
	}
	metered, err := b.Get(ctx, events.StreamMetered, sequence)
	if err != nil {
		return 0, err
	}
	return input(events.StreamMetered, &metered)
}

// input is the sequence of the input of a message of a stage. Error: ErrUnreadable.
func input(stream string, m *bus.Stored) (uint64, error) {
	sequence, err := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("message %d of %s (%s): %w: %w", m.Sequence, stream, m.Subject, ErrUnreadable, err)
	}
	return sequence, nil
}

// maxFilters is how many subjects a consumer is asked for: beyond them it reads those of everybody.
const maxFilters = 100

// ChargeFilters are the subjects of the query's charges.
func (q *Query) ChargeFilters() []string {
	return q.Filters(func(tenant, foundation, _ string) string {
		if tenant == "" {
			return events.ChargeFilter(foundation)
		}
		return events.TenantChargeFilter(tenant, foundation)
	})
}

// Filters are the query's subjects; of makes the one of a tenant, a foundation
// and a month. An empty one stands for all.
func (q *Query) Filters(of func(tenant, foundation, month string) string) (all []string) {
	if q.Tenant != "" || q.Owners == nil || len(q.Owners) > maxFilters {
		return []string{of(q.Tenant, q.Foundation, q.Period)}
	}
	for _, o := range q.Owners {
		whole := events.Owner{Foundation: o.Foundation} // filters must not overlap
		if (q.Foundation == "" || q.Foundation == o.Foundation) && (o == whole || !slices.Contains(q.Owners, whole)) {
			all = append(all, of(o.Tenant, o.Foundation, q.Period))
		}
	}
	if len(all) == 0 { // nobody's
		all = []string{of("", "", q.Period)}
	}
	return all
}
