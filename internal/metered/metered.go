// Package metered reads METERED as it stands, for commands and an API: the running spans and the
// holds, how far each source was metered, and the effect of one message of USAGE.
//
// Reads METERED; writes nothing and keeps nothing. The last message of each resource lists its
// running spans and its holds. Where much runs under one subject, the message lists a part, and
// says from where on the earlier ones list the others.
package metered

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Bus is the part of the bus for Latest and Through.
type Bus interface {
	// Latest gives the last message of each subject, as bus.Latest does.
	Latest(ctx context.Context, stream string, filters []string, yield func(m *bus.Stored) error) error
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(*bus.Stored) error) (last uint64, err error)
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
	Stream(ctx context.Context, name string) (bus.StreamState, error)
}

// Latest gives the last message of each resource, of one foundation and tenant, or of all where
// they are empty, with everything that runs and is held under its subject. m is only valid during
// the call.
func Latest(ctx context.Context, b Bus, foundation, tenant string, each func(m *events.Metered) error) error {
	var m events.Metered
	var parts []part
	filter := events.MeteredResourcesFilter(foundation, tenant)
	err := b.Latest(ctx, events.StreamMetered, []string{filter}, func(in *bus.Stored) error {
		if in.Header(events.HeaderType) != events.TypeMetered {
			return nil // the pricer says that it is foreign
		}
		if err := m.DecodeJSON(in.Data); err != nil {
			return Unreadable(events.StreamMetered, in, err)
		}
		if standing.Partial(&m) {
			parts = append(parts, part{subject: in.Subject, from: m.ListedFrom, last: in.Sequence})
			return nil
		}
		return each(&m)
	})
	if err != nil {
		return err
	}
	for i := range parts {
		if err := parts[i].complete(ctx, b, &m); err != nil {
			return err
		}
		if err := each(&m); err != nil {
			return err
		}
	}
	return nil
}

// Unreadable is the error of a message of METERED or BILLING with another form than its type.
func Unreadable(stream string, in *bus.Stored, err error) error {
	return fmt.Errorf("message %d of %s (%s) cannot be read: %w. daybook verify --deep tells what should stand there",
		in.Sequence, stream, in.Subject, err)
}

// part is a subject whose last message lists a part of it.
type part struct {
	subject string
	from    uint64 // sequence in USAGE: see events.Metered.ListedFrom
	last    uint64 // sequence of the last message in METERED
}

// complete makes m the last message on the subject, with everything that runs and is held there.
func (p *part) complete(ctx context.Context, b Bus, m *events.Metered) error {
	first, err := derivedFrom(ctx, b, p.from, p.last)
	if err != nil {
		return err
	}
	var all standing.Subject
	_, err = b.Each(ctx, events.StreamMetered, first, p.last, bus.ReadOptions{Filters: []string{p.subject}},
		func(in *bus.Stored) error {
			if in.Header(events.HeaderType) != events.TypeMetered {
				return nil
			}
			if err := m.DecodeJSON(in.Data); err != nil {
				return Unreadable(events.StreamMetered, in, err)
			}
			all.Apply(m)
			return nil
		})
	all.List(m)
	return err
}

// derivedFrom is the sequence of the first message of METERED that was derived from a message of
// USAGE with the sequence `from` or a later one: the order is the same in both. It asks for some
// twenty messages. One that is missing only makes it begin earlier.
func derivedFrom(ctx context.Context, b Bus, from, last uint64) (uint64, error) {
	state, err := b.Stream(ctx, events.StreamMetered)
	if err != nil {
		return 0, err
	}
	first := cmp.Or(state.First, 1)
	n := sort.Search(int(last-min(first, last)), func(i int) bool { //nolint:gosec // below 2^63
		if err != nil {
			return true
		}
		var in bus.Stored
		in, err = b.Get(ctx, events.StreamMetered, first+uint64(i)) //nolint:gosec // not negative
		if errors.Is(err, bus.ErrNotFound) {
			err = nil
			return true
		}
		source, parsed := strconv.ParseUint(in.Header(stage.HeaderSourceSeq), 10, 64)
		return parsed != nil || source >= from
	})
	return first + uint64(n), err //nolint:gosec // not negative
}

// Through lists how far each source was metered, in one foundation, or in all where it is empty.
func Through(ctx context.Context, b Bus, foundation string) ([]events.Horizon, error) {
	var through []events.Horizon
	filter := events.MeteredHorizonFilter(foundation)
	err := b.Latest(ctx, events.StreamMetered, []string{filter}, func(in *bus.Stored) error {
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s) cannot be read: %w", in.Sequence, events.StreamMetered, in.Subject,
				err)
		}
		through = append(through, h)
		return nil
	})
	return through, err
}
