// Package once appends a batch of messages exactly once, although other writers come first and
// answers are lost.
package once

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Limits bound the attempts of Append. A zero field has its default.
type Limits struct {
	Failures    int           // failed appends and reads together, conflicts left out; default 8
	Conflicts   int           // refused appends; default 100
	Unexplained int           // refused appends in a row although nothing was added; default 3
	Wait        time.Duration // after the first failure; it doubles with each; default 200 ms
	MaxWait     time.Duration // default 5 s
	Patient     bool          // failures of an outage have no limit: only ctx ends them
	// Retry reports whether another attempt may mend the failure of an append; the default is the
	// function Retry.
	Retry func(error) bool
}

func (l Limits) withDefaults() Limits {
	if l.Failures == 0 {
		l.Failures = 8
	}
	if l.Conflicts == 0 {
		l.Conflicts = 100
	}
	if l.Unexplained == 0 {
		l.Unexplained = 3
	}
	if l.Wait == 0 {
		l.Wait = 200 * time.Millisecond
	}
	if l.MaxWait == 0 {
		l.MaxWait = 5 * time.Second
	}
	if l.Retry == nil {
		l.Retry = Retry
	}
	return l
}

// Next gives Append the messages still to be stored, and the expectation of their append; no
// messages end it. Before the first attempt f is nil. After a failed one Next reads the stream
// behind the last expected message, leaves out the messages it finds there, and moves the
// expectation to the end of its reading. Where the read fails and may be tried again, Next calls
// f.Unread and gives the same messages and the same expectation: nothing can be stored twice under
// it. An error of Next ends Append.
type Next func(ctx context.Context, f *Failure) (messages []bus.Message, expect bus.Expect, err error)

// Failure counts the failed attempts of one Append.
type Failure struct {
	Err         error // of the last append
	Failures    int   // failed appends and reads; conflicts and waits are not among them
	Waits       int   // appends without room
	Conflicts   int   // refused appends
	Unexplained int   // refused appends in a row, after which nothing new was found
	// Unsure is true after an append without an answer: messages found by Next may be its own.
	Unsure bool
	// Torn is true after an append whose first messages were stored before one was refused.
	Torn bool

	unread error
}

// Conflict reports whether the last append was refused, because its expectation was not met.
func (f *Failure) Conflict() bool {
	var conflict *bus.ConflictError
	return errors.As(f.Err, &conflict)
}

func (f *Failure) torn() bool {
	var conflict *bus.ConflictError
	return errors.As(f.Err, &conflict) && conflict.Stored > 0
}

// Unread notes a failed read of Next's.
func (f *Failure) Unread(err error) { f.unread = err }

// GivenUpError is the end of Append without success: the last append, or the read after it,
// failed once too often, or beyond the help of another attempt.
type GivenUpError struct {
	Failure
	Unread error // of the last read; nil when the append failed
}

func (e *GivenUpError) Error() string {
	err := e.Unwrap()
	if attempts := e.Failures + e.Conflicts; attempts > 1 {
		return fmt.Sprintf("given up after %d attempts: %v", attempts, err)
	}
	return err.Error()
}

// Unwrap returns the error of the last append or read.
func (e *GivenUpError) Unwrap() error {
	if e.Unread != nil {
		return e.Unread
	}
	return e.Err
}

// Retry reports whether another attempt may mend the failure of an append: the expectation was not
// met, the outcome is unknown, there is no room, or there was no connection.
func Retry(err error) bool {
	var conflict *bus.ConflictError
	return errors.As(err, &conflict) || errors.Is(err, bus.ErrOutcomeUnknown) || errors.Is(err, bus.ErrNotConnected) ||
		bus.NoRoom(err)
}

// Appender appends to streams, as a Bus does.
type Appender interface {
	Append(ctx context.Context, stream string, messages []bus.Message, expect bus.Expect) (last uint64, err error)
}

// Append stores a batch of messages exactly once, although other writers come first and answers are
// lost. It returns the sequence of its last message, 0 when Next found them all in the stream.
//
// # The rule for an unknown outcome
//
// A batch without an answer may be stored, may not be, or may yet be. It must not be sent again on
// a guess. Between two attempts the writer reads the messages behind the last one it expected:
//
//   - it finds its own messages there, all or the first ones of the batch: they are stored, and it
//     is done with them;
//   - it finds messages of others: it moves the expectation behind them;
//   - it finds nothing: it repeats the append with the same expectation. If the lost batch is
//     stored after all, the repeated one is refused, and the next read finds it.
//
// A refused expectation is resolved in the same way. Next does the reading, because only the writer
// knows its messages again: by their ids, or by the chain of a stage.
//
// # Bounds
//
// After a failed append Append waits before it reads, Limits.Wait at first and twice as long each
// time, up to Limits.MaxWait. A conflict costs no wait, unless the read after the one before has
// explained nothing. For room it waits without a limit, until the *bus.RoomError says that the wait
// is over. Past a limit, or where no attempt can mend the failure (Limits.Retry), the error is a
// *GivenUpError. Errors of Next and of ctx are returned as they are.
func Append(ctx context.Context, to Appender, stream string, limits Limits, next Next) (last uint64, err error) {
	limits = limits.withDefaults()
	messages, expect, err := next(ctx, nil)
	for f := (Failure{}); err == nil && len(messages) > 0; {
		if last, f.Err = to.Append(ctx, stream, messages, expect); f.Err == nil {
			return last, nil
		}
		if err := f.count(ctx, limits); err != nil {
			return 0, err
		}
		before := expect
		if messages, expect, err = next(ctx, &f); err != nil {
			return 0, err
		}
		if err := f.resolved(ctx, limits, expect != before); err != nil && len(messages) > 0 {
			return 0, err
		}
	}
	return 0, err
}

// count counts a failed append and waits where that helps.
func (f *Failure) count(ctx context.Context, limits Limits) error {
	f.unread = nil
	if bus.NoRoom(f.Err) {
		f.Waits++
		f.Unsure = true
		if bus.RoomOver(f.Err) {
			return &GivenUpError{Failure: *f}
		}
		return bus.Wait(ctx, limits.pause(f.Waits))
	}
	conflict := f.Conflict()
	var exhausted bool
	if conflict {
		f.Conflicts++
		f.Torn = f.Torn || f.torn()
		exhausted = f.Conflicts > limits.Conflicts
	} else {
		f.Failures++
		f.Unsure = f.Unsure || !errors.Is(f.Err, bus.ErrNotConnected)
		exhausted = f.Failures >= limits.Failures && (!limits.Patient || !Retry(f.Err) && !bus.Outage(f.Err))
	}
	if exhausted || !limits.Retry(f.Err) {
		return &GivenUpError{Failure: *f}
	}
	if conflict && f.Unexplained == 0 {
		return nil
	}
	return bus.Wait(ctx, limits.pause(f.Failures+f.Unexplained))
}

// resolved counts the result of Next.
func (f *Failure) resolved(ctx context.Context, limits Limits, moved bool) error {
	exhausted := false
	switch {
	case f.unread != nil:
		f.Failures++
		exhausted = f.Failures >= limits.Failures && (!limits.Patient || !bus.Outage(f.unread)) || ctx.Err() != nil
	case moved:
		f.Unexplained = 0
	case f.Conflict():
		f.Unexplained++
		exhausted = f.Unexplained >= limits.Unexplained
	}
	if exhausted {
		return &GivenUpError{Failure: *f, Unread: f.unread}
	}
	return nil
}

// pause is the wait after the n-th failure.
func (l Limits) pause(n int) time.Duration {
	d := l.Wait
	for ; n > 1 && d < l.MaxWait; n-- {
		d *= 2
	}
	return min(d, l.MaxWait)
}
