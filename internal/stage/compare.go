package stage

import (
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Comparer tells, for one replay, how a stream and the outputs of today's processor differ.
type Comparer interface {
	// Stored takes one of the stage's own messages, in order.
	Stored(m *bus.Stored) error
	// Derived takes an output of the processor, in order, after all stored messages. It must not
	// keep the body.
	Derived(out *Output) error
	// Compare is called after the last message. again asks for a second round of both, to keep the
	// differing parts in full.
	Compare() (again bool, err error)
	// Difference puts out the messages to turn the stored outputs into the derived ones. The cause
	// is the replay. It counts spans, or entries: reversed (retracted) and posted (closed).
	Difference(cause events.Cause, emit func(Output)) (reversed, posted int, err error)
}

// Unreadable is a Comparer's error about a damaged stored message.
func Unreadable(stream string, m *bus.Stored, err error) error {
	return fmt.Errorf("cannot be read: %w. Remove it (nats stream rmm %s %d) and run the replay again", err, stream,
		m.Sequence)
}
