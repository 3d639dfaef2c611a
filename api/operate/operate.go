package operate

import (
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// Limits of an act's waits. An answer takes 30 s at most.
const (
	patience    = 5 * time.Second  // for METERED to have what an expectation is about
	defaultWait = 10 * time.Second // for the effect of an act; at most 20 s where an asker says so
)

// Operations are the acts of operators. They are safe for concurrent use.
type Operations struct {
	answers  *answer.Answers
	bus      answer.Bus
	now      func() time.Time
	resubmit Resubmit
}

// New returns the operations on the streams of a bus. Without a Resubmit quarantined input is not
// resubmitted.
func New(a *answer.Answers, b answer.Bus, now func() time.Time, r Resubmit) *Operations {
	return &Operations{answers: a, bus: b, now: now, resubmit: r}
}

// time is the time of an act.
func (o *Operations) time() time.Time { return o.now().UTC().Truncate(time.Microsecond) }

// waitOf is how long an asker waits for the effect of an act.
func waitOf(seconds *int) time.Duration {
	if seconds == nil {
		return defaultWait
	}
	return time.Duration(*seconds) * time.Second
}

// deciding tells why an asker does not act on a foundation. what they see of it is named in the
// Problem.
func deciding(asker *answer.Asker, foundation, what string) error {
	switch {
	case !asker.Usage.Names(foundation, ""):
		return answer.NoTenant()
	case !asker.Decide.Has(foundation, ""):
		return forbidden("you may see %s, and not decide about them", what)
	}
	return nil
}

func forbidden(format string, args ...any) error {
	return &answer.Problem{Kind: answer.Forbidden, Detail: fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) error {
	return &answer.Problem{Kind: answer.Refused, Detail: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &answer.Problem{Kind: answer.Invalid, Detail: fmt.Sprintf(format, args...)}
}

// problem is an error of an act as the asker's, where it is.
func problem(err error) error {
	var long *acts.TooLongError
	if errors.As(err, &long) {
		return invalid("%s", err)
	}
	if errors.Is(err, bus.ErrDenied) {
		return refused("this API's user of NATS may not store it: the command does it as another user, who may")
	}
	if conflict(err) {
		return refused("%s", err)
	}
	return err
}

// conflict reports whether an act does not fit the present state.
func conflict(err error) bool {
	var busy *acts.BusyError
	var changed *metered.ChangedError
	switch {
	case errors.As(err, &busy), errors.As(err, &changed):
		return true
	case errors.Is(err, acts.ErrMonthClosed), errors.Is(err, acts.ErrMonthOpen), errors.Is(err, acts.ErrMonthNotOver):
		return true
	}
	var of *answer.Problem
	return errors.As(err, &of) && of.Kind == answer.Refused
}
