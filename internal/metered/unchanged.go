package metered

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

// Changes counts the messages of METERED that the effect of a catalogue depends on, with sequences
// between two others, both excluded: usage, closings of months and catalogues.
func Changes(ctx context.Context, b Bus, after, before uint64) (n int, err error) {
	if before <= after+1 {
		return 0, nil
	}
	options := bus.ReadOptions{HeadersOnly: true, Filters: []string{
		events.MeteredResourcesFilter("", ""), events.MeteredClosingFilter(""), events.MeteredCatalogueSubject,
	}}
	_, err = b.Each(ctx, events.StreamMetered, after+1, before-1, options, func(m *bus.Stored) error {
		switch m.Header(events.HeaderType) {
		case events.TypeMetered, events.TypeClosing, events.TypeCatalogue:
			n++
		}
		return nil
	})
	return n, err
}

// ChangedError reports changes behind the message of METERED that somebody has looked at.
type ChangedError struct {
	Since   uint64 // the message of METERED
	Changes int    // messages behind it, as Changes counts them; 0 where USAGE alone has more
	Usage   uint64 // a message of USAGE that METERED has no answer to
}

func (e *ChangedError) Error() string {
	if e.Changes == 0 {
		return fmt.Sprintf("message %d of %s has no answer in %s yet, and may change it: the projector does not run, "+
			"or is behind. Start it, or try again", e.Usage, events.StreamUsage, events.StreamMetered)
	}
	return fmt.Sprintf("%s has %d messages about usage, months or catalogues behind message %d: look again, and "+
		"expect the message that you have seen then", events.StreamMetered, e.Changes, e.Since)
}

// Watcher is the part of the bus for Unchanged.
type Watcher interface {
	Bus
	Reading
}

// Unchanged is nil where METERED has everything of USAGE up to a message, and none of Changes
// behind the message since of its own. It waits for the projector, as long as patience allows.
// Error: *ChangedError.
func Unchanged(ctx context.Context, b Watcher, since, usage uint64, patience time.Duration) error {
	return unchanged(ctx, b, since, usage, patience, func(before uint64) (int, error) {
		return Changes(ctx, b, since, before)
	})
}

// unchanged is Unchanged, by a count of the changes between since and another message.
func unchanged(ctx context.Context, b Watcher, since, usage uint64, patience time.Duration,
	changes func(before uint64) (int, error),
) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		state, err := b.Stream(ctx, events.StreamMetered)
		if err != nil {
			return err
		}
		n, err := changes(state.Last + 1)
		if err != nil {
			return err
		}
		if n > 0 {
			return &ChangedError{Since: since, Changes: n}
		}
		open, err := unanswered(ctx, b, state.Last, usage)
		if err != nil || open == 0 {
			return err
		}
		if err := next(waiting, b, state.Last); err != nil {
			if waiting.Err() != nil && ctx.Err() == nil {
				return &ChangedError{Since: since, Usage: open}
			}
			return err
		}
	}
}

// unanswered is the first message of USAGE, up to one, behind the input of the last message of
// METERED, that METERED may have an answer to; 0 for none.
func unanswered(ctx context.Context, b Bus, last, usage uint64) (open uint64, err error) {
	source := uint64(0)
	if last > 0 {
		m, err := b.Get(ctx, events.StreamMetered, last)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return 0, err
		}
		if source, err = strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64); err != nil {
			source = 0 // of somebody else: all of USAGE is looked at
		}
	}
	if source >= usage {
		return 0, nil
	}
	_, err = b.Each(ctx, events.StreamUsage, source+1, usage, bus.ReadOptions{}, func(m *bus.Stored) error {
		if open == 0 && answered(m) {
			open = m.Sequence
		}
		return nil
	})
	return open, err
}

// withoutAnswer are the acts that METERED has none of Changes of.
var withoutAnswer = []string{events.ActReplay, events.ActDiscard, events.ActSeal}

// answered reports whether the projector may answer a message of USAGE with one of Changes.
func answered(m *bus.Stored) bool {
	switch m.Header(events.HeaderType) {
	case events.TypeMarker:
		return false
	case events.TypeAct:
		var a events.Act
		return a.DecodeJSON(m.Data) != nil || !slices.Contains(withoutAnswer, a.Kind)
	}
	return true
}

// next waits for a message behind a sequence of METERED.
func next(ctx context.Context, b Reading, last uint64) error {
	reader, err := b.Read(ctx, events.StreamMetered, last+1, bus.ReadOptions{})
	if err != nil {
		return err
	}
	defer reader.Close()
	_, err = reader.Next(ctx)
	return err
}
