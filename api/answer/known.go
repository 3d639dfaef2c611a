package answer

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// known is the sequence of USAGE that stands for what was known at a time, or by a sequence; 0 for
// an empty text. Error: a Problem Forgotten for a time before the last replay.
func (a *Answers) known(ctx context.Context, text string) (sequence uint64, err error) {
	if text == "" {
		return 0, nil
	}
	if sequence, err = strconv.ParseUint(text, 10, 64); err == nil {
		state, err := a.bus.Stream(ctx, events.StreamUsage)
		if err != nil {
			return 0, err
		}
		if sequence > state.Last {
			return 0, invalid("known_at is message %d of USAGE, which ends with message %d", sequence, state.Last)
		}
	} else {
		at, err := events.ParseTimeOrDate(text)
		if err != nil {
			return 0, invalid("known_at is neither a time such as 2026-11-01T00:00:00Z nor a sequence of USAGE")
		}
		sequence, err = ledger.SequenceAt(ctx, a.bus, at)
		if errors.Is(err, ledger.ErrForgotten) {
			return 0, &Problem{Kind: Forgotten, Detail: err.Error()}
		}
		if err != nil {
			return 0, err
		}
	}
	from, err := ledger.KnownFrom(ctx, a.bus)
	switch {
	case err != nil:
		return 0, err
	case sequence < from:
		return 0, &Problem{Kind: Forgotten, Detail: fmt.Sprintf("what was known then cannot be told before message %d "+
			"of USAGE: a replay has published the charges again", from)}
	case sequence == 0:
		return 0, invalid("nothing was known then: USAGE begins later")
	}
	return sequence, nil
}
