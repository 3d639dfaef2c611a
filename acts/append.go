package acts

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/once"
)

// Limits of one act: how often others may come first before it is given up.
const (
	maxConflicts = 9
	// maxRivals is for an act behind the whole of USAGE: collectors of all foundations append
	// there.
	maxRivals = 200
)

// BusyError reports others at work on the same subject, again and again: the act may be given
// again.
type BusyError struct {
	Subject string
	Tries   int
	Err     error // of the last try
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("others act on %s at this moment, and this act did not get through in %d tries: try again",
		e.Subject, e.Tries)
}

// Unwrap returns the error of the last try.
func (e *BusyError) Unwrap() error { return e.Err }

// publish is one exactly-once append of acts.
type publish struct {
	bus Bus
	// filters are the subjects to read: the subject of the acts first.
	filters []string
	// alone has the acts expect that nothing at all was added to USAGE since the reading; else
	// nothing may have been added on their subject.
	alone bool
	// read takes the next message on the filters; nil: only their last place counts.
	read func(m *bus.Stored) error
	// next makes the acts to append of the messages read so far, none where all are stored.
	next func(expectation uint64) ([]events.Act, error)

	through uint64 // the last message that was read, or appended; the next run reads on behind it
}

// run reads the subjects, appends the acts in one batch behind them, and does both again where
// somebody else came first or no answer came. It returns the sequence of the batch's last message,
// 0 where nothing was appended.
func (p *publish) run(ctx context.Context) (last uint64, err error) {
	limits := once.Limits{Conflicts: maxConflicts}
	if p.alone {
		limits.Conflicts = maxRivals
	}
	last, err = once.Append(ctx, p.bus, events.StreamUsage, limits,
		func(ctx context.Context, _ *once.Failure) (messages []bus.Message, expect bus.Expect, err error) {
			if expect, err = p.look(ctx); err != nil {
				return nil, expect, err
			}
			acts, err := p.next(expect.Last)
			for i := range acts {
				messages = append(messages, message(&acts[i]))
			}
			return messages, expect, err
		})
	var given *once.GivenUpError
	if errors.As(err, &given) && given.Conflict() {
		return 0, &BusyError{p.filters[0], limits.Conflicts + 1, err}
	}
	p.through = max(p.through, last)
	return last, err
}

// look reads the messages behind those that were read, and returns the expectation of an append
// behind them.
func (p *publish) look(ctx context.Context) (expect bus.Expect, err error) {
	if p.alone {
		state, err := p.bus.Stream(ctx, events.StreamUsage)
		if err != nil {
			return expect, err
		}
		expect.Last = state.Last
	}
	options, to := bus.ReadOptions{Filters: p.filters}, uint64(bus.End)
	if p.read == nil {
		to = 0
	}
	last, err := p.bus.Each(ctx, events.StreamUsage, p.through+1, to, options, p.read)
	if !p.alone {
		expect = bus.Expect{Filter: p.filters[0], Last: last}
	}
	p.through = max(p.through, last)
	return expect, err
}
