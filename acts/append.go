package acts

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/internal/bus"
)

// maxConflicts is how often others may come first on the same subject before an act is given up.
const maxConflicts = 9

// BusyError reports others at work on the same subject, again and again: the act may be given
// again.
type BusyError struct {
	Subject string
	Err     error // of the last try
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("others act on %s at this moment, and this act did not get through in %d tries: try again",
		e.Subject, maxConflicts+1)
}

// Unwrap returns the error of the last try.
func (e *BusyError) Unwrap() error { return e.Err }

// publish is one exactly-once append to one subject.
type publish struct {
	bus     Bus
	kind    Kind
	subject string
	// read takes the next message on the subject.
	read func(m *bus.Stored) error
	// next makes the acts to append of the messages read so far, none where all are stored.
	next func() ([]Act, error)
}

// run reads the subject, appends the acts in one batch behind its last message, and does both again
// where somebody else came first or no answer came. It returns the sequence of the batch's last
// message, 0 where nothing was appended.
func (p *publish) run(ctx context.Context) (last uint64, err error) {
	stream := forms[p.kind].stream
	expect, options := bus.Expect{Filter: p.subject}, bus.ReadOptions{Filters: []string{p.subject}}
	last, err = bus.AppendOnce(ctx, p.bus, stream, bus.Limits{Conflicts: maxConflicts},
		func(ctx context.Context, _ *bus.Failure) (messages []bus.Message, _ bus.Expect, err error) {
			if expect.Last, err = p.bus.Each(ctx, stream, expect.Last+1, bus.End, options, p.read); err != nil {
				return nil, expect, err
			}
			acts, err := p.next()
			for i := range acts {
				messages = append(messages, bus.Message{
					Subject: p.subject, Header: acts[i].headers(), Data: acts[i].body(),
				})
			}
			return messages, expect, err
		})
	var given *bus.GivenUpError
	if errors.As(err, &given) && given.Conflict() {
		return 0, &BusyError{p.subject, err}
	}
	return last, err
}
