package file_test

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var errBus = errors.New("the bus is ill")

// outcome is what the fake store makes of one append.
type outcome uint8

const (
	stores          outcome = iota
	failsStored             // stored, and the answer is lost
	failsNotStored          // not stored, and the answer is lost
	failsStoredLate         // the answer is lost; stored right before the next append
	failsTorn               // the first half is stored, and the answer is an error
	otherFirst              // another collector stores what rival returns, before the append
)

type stored struct {
	bus.Message
	stream   string
	sequence uint64
}

func (s *stored) header(key string) string {
	for _, h := range s.Header {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// fakeStore is a stream server in memory, that keeps the promises of Store, and fails as it is
// told.
type fakeStore struct {
	messages []stored
	sequence map[string]uint64
	plan     []outcome // of the next appends; then everything is stored
	onStream string    // the plan is for this stream
	rival    func() []bus.Message
	late     func()
	illIDs   int // how many calls of IDs fail
	appends  int
	onAppend func()
	onIDs    func() // once
}

func newFakeStore() *fakeStore {
	return &fakeStore{sequence: map[string]uint64{}, onStream: events.StreamUsage}
}

func (f *fakeStore) put(stream string, msgs []bus.Message) {
	for _, m := range msgs {
		f.sequence[stream]++
		m.Data = append([]byte(nil), m.Data...) // Append does not keep msgs
		m.Header = append([]events.Header(nil), m.Header...)
		f.messages = append(f.messages, stored{m, stream, f.sequence[stream]})
	}
}

func matches(filter, subject string) bool {
	if strings.HasSuffix(filter, ".file.>") { // nearly all
		_, rest, _ := strings.Cut(subject, ".")
		_, rest, _ = strings.Cut(rest, ".")
		return strings.HasPrefix(rest, "file.")
	}
	want, got := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, w := range want {
		if w == ">" {
			return len(got) > i
		}
		if i >= len(got) || w != "*" && w != got[i] {
			return false
		}
	}
	return len(want) == len(got)
}

func (f *fakeStore) last(stream, filter string) (last uint64) {
	for i := range f.messages {
		if m := &f.messages[i]; m.stream == stream && matches(filter, m.Subject) {
			last = m.sequence
		}
	}
	return last
}

func (f *fakeStore) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	f.appends++
	if f.onAppend != nil {
		f.onAppend()
	}
	if len(msgs) == 0 || len(msgs) > bus.MaxBatch {
		panic("a batch of a wrong size")
	}
	if f.late != nil {
		f.late()
		f.late = nil
	}
	var o outcome
	if stream == f.onStream && len(f.plan) > 0 {
		o, f.plan = f.plan[0], f.plan[1:]
	}
	if o == otherFirst {
		f.put(stream, f.rival())
	}
	if last := f.last(stream, expect.Filter); last != expect.Last {
		return 0, &bus.ConflictError{Stream: stream, Expect: expect, Actual: last}
	}
	switch o {
	case failsStored:
		f.put(stream, msgs)
		return 0, errBus
	case failsNotStored:
		return 0, errBus
	case failsTorn:
		f.put(stream, msgs[:len(msgs)/2])
		return 0, errBus
	case failsStoredLate:
		keep := append([]bus.Message(nil), msgs...)
		for i := range keep {
			keep[i].Data = append([]byte(nil), keep[i].Data...)
		}
		f.late = func() { f.put(stream, keep) }
		return 0, errBus
	default:
		f.put(stream, msgs)
		return f.sequence[stream], nil
	}
}

func (f *fakeStore) IDs(ctx context.Context, stream, filter string, from uint64, yield func(m appender.Head) error,
) (uint64, error) {
	if f.onIDs != nil {
		f.onIDs()
		f.onIDs = nil
	}
	if f.illIDs > 0 {
		f.illIDs--
		return 0, errBus
	}
	for i := range f.messages {
		m := &f.messages[i]
		if m.stream != stream || m.sequence < from || !matches(filter, m.Subject) {
			continue
		}
		if err := yield(appender.Head{
			Subject: m.Subject, ID: m.header(events.HeaderID), Sequence: m.sequence,
			Place: m.header(appender.HeaderPlace),
		}); err != nil {
			return 0, err
		}
	}
	return f.last(stream, filter), ctx.Err()
}

func (f *fakeStore) Last(_ context.Context, stream, filter string) (bus.Stored, error) {
	for _, m := range slices.Backward(f.messages) {
		if m.stream == stream && matches(filter, m.Subject) {
			return bus.Stored{Subject: m.Subject, Sequence: m.sequence, Data: m.Data}, nil
		}
	}
	return bus.Stored{}, bus.ErrNotFound
}

func (f *fakeStore) Each(context.Context, string, uint64, uint64, bus.ReadOptions,
	func(m *bus.Stored) error,
) (uint64, error) {
	panic("the file collector reads ids and the last horizon only")
}

// ids lists the ids of a stream in order, without those of markers.
func (f *fakeStore) ids(stream string) (ids []string) {
	for i := range f.messages {
		if m := &f.messages[i]; m.stream == stream && m.header(events.HeaderType) != events.TypeMarker {
			ids = append(ids, m.header(events.HeaderID))
		}
	}
	return ids
}

// subjects lists the subjects of a stream in order, without those of markers.
func (f *fakeStore) subjects(stream string) (subjects []string) {
	for i := range f.messages {
		if m := &f.messages[i]; m.stream == stream && m.header(events.HeaderType) != events.TypeMarker {
			subjects = append(subjects, m.Subject)
		}
	}
	return subjects
}
