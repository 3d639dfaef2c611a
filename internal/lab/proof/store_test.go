package proof_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/internal/bus"
)

// store is a server's streams in memory, with the server's rule for appending, and lost answers.
type store struct {
	mu      sync.Mutex        // guards the fields below: the collector works on both lists at once
	streams map[string][]kept // by name; the sequence is the index + 1
	random  *rand.Rand
	// refuse and lose are how likely an append is not stored, or is stored and its answer is lost.
	refuse, lose float64
	now          func() time.Time
}

type kept struct {
	subject []string
	message bus.Stored
}

var _ cf.Store = (*store)(nil)

func newStore(random *rand.Rand, now func() time.Time) *store {
	return &store{streams: map[string][]kept{}, random: random, now: now}
}

func (s *store) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fate := 1.0
	if s.random != nil {
		fate = s.random.Float64()
	}
	if fate < s.refuse {
		return 0, fmt.Errorf("%w: the request was lost", bus.ErrOutcomeUnknown)
	}
	last := uint64(0)
	for i, k := range slices.Backward(s.streams[stream]) {
		if matches(expect.Filter, k.subject) {
			last = uint64(i) + 1
			break
		}
	}
	if last != expect.Last {
		return 0, &bus.ConflictError{Stream: stream, Expect: expect, Actual: last}
	}
	for _, m := range msgs {
		m.Data, m.Header = slices.Clone(m.Data), slices.Clone(m.Header)
		sequence := uint64(len(s.streams[stream])) + 1
		s.streams[stream] = append(s.streams[stream], kept{strings.Split(m.Subject, "."), bus.NewStored(m, sequence,
			s.now(), 0)})
	}
	if fate < s.refuse+s.lose {
		return 0, fmt.Errorf("%w: the answer was lost", bus.ErrOutcomeUnknown)
	}
	return uint64(len(s.streams[stream])), nil
}

func (s *store) Last(_ context.Context, stream, filter string) (bus.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range slices.Backward(s.streams[stream]) {
		if matches(filter, k.subject) {
			return k.message, nil
		}
	}
	return bus.Stored{}, bus.ErrNotFound
}

func (s *store) Scan(_ context.Context, stream string, scan cf.Scan, yield func(m *bus.Stored) error) error {
	s.mu.Lock()
	all := s.streams[stream] // without the messages appended meanwhile
	s.mu.Unlock()
	to := min(scan.To, uint64(len(all)))
	for i := max(scan.From, 1); i <= to; i++ {
		k := all[i-1]
		if slices.ContainsFunc(scan.Filters, func(f string) bool { return matches(f, k.subject) }) {
			if err := yield(&k.message); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *store) PutObject(context.Context, string, string, []byte) error { return nil }

// matches is the server's matching of subjects.
func matches(filter string, subject []string) bool {
	if filter == "" || filter == ">" {
		return true
	}
	tokens := strings.Split(filter, ".")
	for i, t := range tokens {
		switch {
		case t == ">":
			return len(subject) > i
		case i >= len(subject), t != "*" && t != subject[i]:
			return false
		}
	}
	return len(tokens) == len(subject)
}
