package once_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/once"
)

func TestOnce(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Once")
}

// outcome is what becomes of an append.
type outcome int

const (
	answered  outcome = iota
	unstored          // there is no answer, and nothing is stored
	lost              // there is no answer, and the batch is stored
	late              // there is no answer, and the batch is stored after the next read
	preceded          // another writer appends before
	offline           // nothing was sent
	unread            // nothing was sent, and the next read fails
	forbidden         // another attempt cannot help
)

// tape is a stream in memory whose appends have the outcomes that it is given; all others are
// answered.
type tape struct {
	stored   []string
	outcomes []outcome
	late     []string
	unread   bool
	attempts int
}

func (t *tape) Append(_ context.Context, stream string, messages []bus.Message, expect bus.Expect) (uint64, error) {
	t.attempts++
	o := answered
	if len(t.outcomes) > 0 {
		o, t.outcomes = t.outcomes[0], t.outcomes[1:]
	}
	switch o {
	case preceded:
		t.stored = append(t.stored, "rival")
	case offline, unread:
		t.unread = o == unread
		return 0, bus.ErrNotConnected
	case forbidden:
		return 0, bus.ErrDenied
	case unstored:
		return 0, bus.ErrOutcomeUnknown
	}
	if last := uint64(len(t.stored)); last != expect.Last {
		return 0, &bus.ConflictError{Stream: stream, Expect: expect, Actual: last}
	}
	var batch []string
	for _, m := range messages {
		batch = append(batch, m.Subject)
	}
	if o == late {
		t.late = batch
		return 0, bus.ErrOutcomeUnknown
	}
	t.stored = append(t.stored, batch...)
	if o == lost {
		return 0, bus.ErrOutcomeUnknown
	}
	return uint64(len(t.stored)), nil
}

// writer appends one batch to a tape, and knows its messages again by their subjects.
type writer struct {
	tape  *tape
	batch []bus.Message
	last  uint64
}

func (w *writer) next(_ context.Context, f *once.Failure) ([]bus.Message, bus.Expect, error) {
	switch {
	case f == nil:
	case w.tape.unread:
		w.tape.unread = false
		f.Unread(errors.New("no answer"))
	default:
		for _, subject := range w.tape.stored[w.last:] {
			if len(w.batch) > 0 && w.batch[0].Subject == subject {
				w.batch = w.batch[1:]
			}
		}
		w.last = uint64(len(w.tape.stored))
		w.tape.stored, w.tape.late = append(w.tape.stored, w.tape.late...), nil
	}
	return w.batch, bus.Expect{Last: w.last}, nil
}

func write(t *tape, n int, limits once.Limits) (uint64, error) {
	w := &writer{tape: t}
	for i := range n {
		w.batch = append(w.batch, bus.Message{Subject: fmt.Sprintf("own.%d", i)})
	}
	limits.Wait = max(limits.Wait, time.Nanosecond)
	return once.Append(context.Background(), t, "TAPE", limits, w.next)
}

// again is an outcome n times.
func again(o outcome, n int) (list []outcome) {
	for range n {
		list = append(list, o)
	}
	return list
}

var _ = Describe("Appending exactly once", func() {
	It("stores a batch once and in order, whatever becomes of its appends", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			s := &tape{}
			kinds := rapid.SampledFrom([]outcome{unstored, lost, late, preceded, offline, unread})
			s.outcomes = rapid.SliceOfN(kinds, 0, 6).Draw(t, "outcomes")
			n := rapid.IntRange(1, 3).Draw(t, "messages")
			if _, err := write(s, n, once.Limits{Failures: 20}); err != nil {
				t.Fatal(err)
			}
			var own []string
			for _, subject := range s.stored {
				if strings.HasPrefix(subject, "own.") {
					own = append(own, subject)
				}
			}
			if len(own) != n {
				t.Fatalf("%v stored, want %d once each", own, n)
			}
			for i, subject := range own {
				if subject != fmt.Sprintf("own.%d", i) {
					t.Fatalf("%v is not in order", own)
				}
			}
		})
	})

	It("sends nothing when there is nothing to store", func() {
		s := &tape{}
		Expect(write(s, 0, once.Limits{})).To(BeZero())
		Expect(s.attempts).To(BeZero())
	})

	It("says the last sequence, and 0 when it was found", func() {
		Expect(write(&tape{}, 2, once.Limits{})).To(Equal(uint64(2)))
		Expect(write(&tape{outcomes: again(lost, 1)}, 2, once.Limits{})).To(BeZero())
	})

	DescribeTable("gives up", func(outcomes []outcome, attempts int, cause error, text string) {
		s := &tape{outcomes: outcomes}
		_, err := write(s, 1, once.Limits{Failures: 4, Conflicts: 5})
		givenUp := new(once.GivenUpError)
		Expect(errors.As(err, &givenUp)).To(BeTrue(), "%v", err)
		if cause != nil {
			Expect(err).To(MatchError(cause))
		}
		Expect(err).To(MatchError(ContainSubstring(text)))
		Expect(s.attempts).To(Equal(attempts))
	},
		Entry("after as many failures as are allowed", again(unstored, 9), 4, bus.ErrOutcomeUnknown,
			"after 4 attempts"),
		Entry("and counts reads that fail", again(unread, 9), 2, nil, "no answer"),
		Entry("after more conflicts than are allowed", again(preceded, 9), 6, nil, "after 6 attempts"),
		Entry("at once, where another attempt cannot help", again(forbidden, 9), 1, bus.ErrDenied, "denied"),
	)

	It("gives up when it is refused and nothing explains it", func() {
		s := &tape{stored: []string{"a", "b"}}
		blind := func(context.Context, *once.Failure) ([]bus.Message, bus.Expect, error) {
			return []bus.Message{{Subject: "own.0"}}, bus.Expect{Last: 1}, nil
		}
		_, err := once.Append(context.Background(), s, "TAPE", once.Limits{Wait: time.Nanosecond}, blind)
		givenUp := new(once.GivenUpError)
		Expect(errors.As(err, &givenUp)).To(BeTrue())
		Expect(givenUp.Unexplained).To(Equal(3))
		Expect(givenUp.Conflict()).To(BeTrue())
		Expect(s.attempts).To(Equal(3))
	})

	It("tries what its writer says again", func() {
		s := &tape{outcomes: again(forbidden, 2)}
		Expect(write(s, 1, once.Limits{Retry: func(error) bool { return true }})).To(Equal(uint64(1)))
	})

	It("is stopped while it waits", func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w := &writer{tape: &tape{outcomes: again(unstored, 1)}, batch: []bus.Message{{Subject: "own.0"}}}
		_, err := once.Append(ctx, w.tape, "TAPE", once.Limits{Wait: time.Hour}, w.next)
		Expect(err).To(MatchError(context.Canceled))
	})
})
