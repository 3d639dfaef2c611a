package acts

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/internal/bus"
)

// maxTries is how often an act is tried against others that act on the same subject at the moment.
const maxTries = 10

// BusyError says that others act on the same subject again and again, or that no append had an
// answer: the act may be given again.
type BusyError struct {
	Subject string
	Err     error // of the last try
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("others act on %s at this moment, and this act did not get through in %d tries: try again",
		e.Subject, maxTries)
}

// Unwrap returns the error of the last try.
func (e *BusyError) Unwrap() error { return e.Err }

// publish is one exactly-once append to one subject.
type publish struct {
	bus     Bus
	kind    Kind
	subject string
	// read takes the next message that is stored on the subject.
	read func(m *bus.Stored) error
	// next makes the acts to append of the messages read so far, none where all are stored.
	next func() ([]Act, error)
}

// run reads the subject, appends the acts in one batch behind its last message, and does both again
// where somebody else came first or no answer came. It returns the sequence of the batch's last
// message, 0 where nothing was appended.
func (p *publish) run(ctx context.Context) (last uint64, err error) {
	var failure error
	stream, options, end := forms[p.kind].stream, bus.ReadOptions{Filters: []string{p.subject}}, uint64(0)
	for range maxTries {
		if end, err = p.bus.Each(ctx, stream, end+1, bus.End, options, p.read); err != nil {
			return 0, err
		}
		acts, err := p.next()
		if err != nil || len(acts) == 0 {
			return 0, err
		}
		messages := make([]bus.Message, len(acts))
		for i := range acts {
			messages[i] = bus.Message{Subject: p.subject, Header: acts[i].headers(), Data: acts[i].body()}
		}
		last, failure = p.bus.Append(ctx, stream, messages, bus.Expect{Filter: p.subject, Last: end})
		var conflict *bus.ConflictError
		switch {
		case failure == nil:
			return last, nil
		case !errors.As(failure, &conflict) && !errors.Is(failure, bus.ErrOutcomeUnknown):
			return 0, failure
		}
	}
	return 0, &BusyError{p.subject, failure}
}
