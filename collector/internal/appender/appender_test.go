package appender_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "appender")
}

// outcome is what becomes of an append.
type outcome uint8

const (
	stores outcome = iota
	failsStored
	failsNotStored
	failsTorn  // the first messages of the batch are stored
	restarts   // as before, and the server stores the others when it is started again
	rivalFirst // somebody else appends the first message of the batch before
	rivalTorn  // as before, and the server stores no marker behind it
	outcomes
)

var errBus = errors.New("the bus is ill")

const marker = "usage.x.marker"

// stream is a stream in memory that fails as it is told.
type stream struct {
	heads []appender.Head
	marks []string // what is in the header of a window
	rest  []bus.Message
	plan  []outcome // of the next appends
	torn  int       // messages of a torn batch that are stored
}

func (s *stream) put(messages ...bus.Message) {
	for _, m := range messages {
		h := appender.Head{Subject: m.Subject, Sequence: uint64(len(s.heads) + 1)}
		mark := ""
		for _, x := range m.Header {
			switch x.Key {
			case events.HeaderID:
				h.ID = x.Value
			case events.HeaderWindow:
				mark = x.Value
			case events.HeaderPlatform:
				h.Platform = x.Value
			}
		}
		s.heads, s.marks = append(s.heads, h), append(s.marks, mark)
	}
}

// last is the last sequence on a subject, or of all.
func (s *stream) last(subject string) (last uint64) {
	for i := range s.heads {
		if subject == "" || s.heads[i].Subject == subject {
			last = s.heads[i].Sequence
		}
	}
	return last
}

// ids are the ids of all messages but the markers.
func (s *stream) ids() (ids []string) {
	for i := range s.heads {
		if s.heads[i].Subject != marker {
			ids = append(ids, s.heads[i].ID)
		}
	}
	return ids
}

func (s *stream) Append(_ context.Context, _ string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	s.put(s.rest...) // the server was started again
	s.rest = nil
	o := stores
	if len(s.plan) > 0 {
		o, s.plan = s.plan[0], s.plan[1:]
	}
	// The rival knows as much as this appender, and obeys the same expectation.
	if s.last(expect.Filter) == expect.Last && (o == rivalFirst || o == rivalTorn) {
		batch := slices.Clone(msgs[:1])
		if msgs[0].Subject == marker {
			batch = (&appender.Marks{Subject: marker, Origin: "rival"}).Window(nil, msgs[1:2])
		}
		if o == rivalTorn && len(batch) > 1 {
			batch = batch[:len(batch)-1]
		}
		s.put(batch...)
	}
	if last := s.last(expect.Filter); last != expect.Last {
		return 0, &bus.ConflictError{Expect: expect, Actual: last}
	}
	n := min(s.torn, len(msgs)-1)
	switch o {
	case failsNotStored:
		return 0, errBus
	case failsStored:
		s.put(msgs...)
		return 0, errBus
	case restarts:
		s.rest = slices.Clone(msgs[n:])
		s.put(msgs[:n]...)
		return 0, errBus
	case failsTorn:
		s.put(msgs[:n]...)
		return 0, errBus
	}
	s.put(msgs...)
	return uint64(len(s.heads)), nil
}

func (s *stream) IDs(_ context.Context, _, _ string, from uint64, yield func(m appender.Head) error) (uint64, error) {
	for i := from; i <= uint64(len(s.heads)); i++ {
		if err := yield(s.heads[i-1]); err != nil {
			return 0, err
		}
	}
	return uint64(len(s.heads)), nil
}

// bodies is a stream that keeps only bodies.
type bodies struct {
	stream
	all []string
}

func (s *bodies) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	for _, m := range msgs {
		s.all = append(s.all, string(m.Data))
	}
	return s.stream.Append(ctx, stream, msgs, expect)
}

func put(a *appender.Appender, id string) {
	a.Add(appender.KeyOf(id), "usage.x", []events.Header{{Key: events.HeaderID, Value: id}}, append(a.Buffer(), id...))
}

var _ = Describe("appending", func() {
	for how, options := range map[string]appender.Options{
		"with markers": {Marker: marker, Origin: "test"}, "without markers": {},
	} {
		It("stores every message once, in order, whatever becomes of the appends, "+how, func() {
			rapid.Check(GinkgoT(), func(t *rapid.T) {
				s, o := &stream{}, options
				seen := map[appender.Key]uint64{}
				o.Store, o.Retry = s, time.Nanosecond
				o.Seen = func(k appender.Key, sequence uint64) error {
					seen[k] = sequence
					return nil
				}
				a := appender.New(o)
				var want []string
				for range rapid.IntRange(1, 5).Draw(t, "batches") {
					for range rapid.IntRange(0, 6).Draw(t, "messages") {
						want = append(want, "m"+strconv.Itoa(len(want)))
						put(a, want[len(want)-1])
					}
					s.plan, s.torn = nil, rapid.IntRange(0, 7).Draw(t, "torn behind")
					for _, o := range rapid.SliceOfN(rapid.IntRange(0, int(outcomes)-1), 0, 4).Draw(t, "outcomes") {
						s.plan = append(s.plan, outcome(o))
					}
					before, n := len(s.ids()), a.Len()
					stored, known, err := a.Flush(context.Background(), nil)
					if err != nil {
						t.Fatal(err)
					}
					if grown := len(s.ids()) - before; stored+known != n || grown != n {
						t.Fatalf("%d stored, %d known of %d; the stream grew by %d", stored, known, n, grown)
					}
				}
				if !slices.Equal(s.ids(), want) {
					t.Fatalf("%v, expected %v", s.ids(), want)
				}
				for _, h := range s.heads {
					if h.Subject != marker && seen[appender.KeyOf(h.ID)] != h.Sequence {
						t.Fatalf("%s was seen at %d, and stands at %d", h.ID, seen[appender.KeyOf(h.ID)], h.Sequence)
					}
				}
			})
		})
	}

	It("stores every message once though two have the same, and batches of both are torn", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			s := &stream{}
			var two [2]*appender.Appender
			for i := range two {
				two[i] = appender.New(appender.Options{
					Store: s, Marker: marker, Origin: strconv.Itoa(i), Retry: time.Nanosecond,
				})
				for n := range 6 {
					put(two[i], "m"+strconv.Itoa(n))
				}
			}
			for _, o := range rapid.SliceOfN(rapid.IntRange(0, int(outcomes)-1), 0, 6).Draw(t, "outcomes") {
				s.plan = append(s.plan, outcome(o))
			}
			s.torn = rapid.IntRange(0, 7).Draw(t, "torn behind")
			for _, a := range two { // the second looked before the first began
				if _, _, err := a.Flush(context.Background(), nil); err != nil {
					t.Fatal(err)
				}
			}
			if want := []string{"m0", "m1", "m2", "m3", "m4", "m5"}; !slices.Equal(s.ids(), want) {
				t.Fatalf("%v, expected %v", s.ids(), want)
			}
		})
	})

	It("puts every batch between two markers, each with an id of its own", func() {
		s := &stream{}
		a := appender.New(appender.Options{Store: s, Marker: marker, Origin: "test"})
		for _, id := range []string{"m", "n"} {
			put(a, id)
			Expect(a.Flush(context.Background(), nil)).To(Equal(1))
		}
		Expect(s.marks).To(Equal([]string{"begin", "", "end", "begin", "", "end"}))
		ids := map[string]bool{}
		for _, h := range s.heads {
			ids[h.ID] = true
		}
		Expect(ids).To(HaveLen(6))
	})

	It("says the platform of the newest marker again, until the collector says another one", func() {
		s := &stream{}
		first := appender.New(appender.Options{Store: s, Marker: marker, Origin: "1"})
		second := appender.New(appender.Options{Store: s, Marker: marker, Origin: "2", Retry: time.Nanosecond})
		flush := func(a *appender.Appender, id string) string {
			put(a, id)
			Expect(a.Flush(context.Background(), nil)).To(Equal(1))
			return s.heads[len(s.heads)-1].Platform
		}
		Expect(flush(first, "a")).To(BeEmpty())
		first.Move("here")
		Expect(flush(first, "b")).To(Equal("here"))
		Expect(flush(second, "c")).To(Equal("here"), "it has read the marker after a refusal")
		Expect(second.Platform()).To(Equal("here"))
		Expect(flush(first, "d")).To(Equal("here"))
		s.plan = []outcome{failsTorn}
		s.torn = 1
		first.Move("there")
		Expect(flush(first, "e")).To(Equal("there"))
	})

	It("gives up when the bus stays ill, and keeps the batch for another try", func() {
		s := &stream{}
		for range 20 {
			s.plan = append(s.plan, failsNotStored)
		}
		a := appender.New(appender.Options{Store: s, Retry: time.Nanosecond})
		put(a, "m")
		_, _, err := a.Flush(context.Background(), nil)
		Expect(err).To(MatchError(errBus))
		Expect(a.Len()).To(Equal(1))
		s.plan = nil
		Expect(a.Flush(context.Background(), nil)).To(Equal(1))
		Expect(s.ids()).To(Equal([]string{"m"}))
	})

	It("gives the batch up when it is not wanted any more", func() {
		s := &stream{plan: []outcome{failsNotStored}}
		a := appender.New(appender.Options{Store: s, Retry: time.Nanosecond})
		put(a, "m")
		_, _, err := a.Flush(context.Background(), func(context.Context) (bool, error) { return false, nil })
		Expect(err).NotTo(HaveOccurred())
		Expect(s.ids()).To(BeEmpty())
		Expect(a.Len()).To(BeZero())
	})

	It("stops when it is told to while it waits", func() {
		ctx, cancel := context.WithCancel(context.Background())
		s := &stream{plan: []outcome{failsNotStored}}
		a := appender.New(appender.Options{Store: s, Retry: time.Hour})
		put(a, "m")
		cancel()
		_, _, err := a.Flush(ctx, nil)
		Expect(err).To(MatchError(context.Canceled))
	})

	It("appends bodies of its own and its caller's in their order", func() {
		s := &bodies{}
		a := appender.New(appender.Options{Store: s})
		add := func(body string) {
			header := events.AppendHeaders(nil, body, "t", "o")
			a.Add(appender.KeyOf(body), "usage.x", header, append(a.Buffer(), body...))
		}
		add("own")
		a.Put(appender.KeyOf("callers"), "usage.x", events.AppendHeaders(nil, "callers", "t", "o"), []byte("callers"))
		add("own again")
		Expect(a.Flush(context.Background(), nil)).To(Equal(3))
		Expect(s.all).To(Equal([]string{"own", "callers", "own again"}))
	})

	It("is full at the limit of a batch", func() {
		a := appender.New(appender.Options{Store: &stream{}})
		for i := range appender.MaxBatch {
			Expect(a.Full()).To(BeFalse())
			put(a, strconv.Itoa(i))
		}
		Expect(a.Full()).To(BeTrue())
	})
})

var _ = Describe("the set of recent keys", func() {
	It("remembers the newest, as many as it was made for", func() {
		r := appender.NewRecent(3)
		for i := range 5 {
			Expect(r.Add(appender.KeyOf(strconv.Itoa(i)))).To(Succeed())
		}
		Expect(r.Add(appender.KeyOf("2"))).To(Succeed())
		Expect(r.Has(appender.KeyOf("1"))).To(BeFalse())
		Expect(r.Has(appender.KeyOf("2"))).To(BeTrue())
		Expect(r.Add(appender.KeyOf("5"))).To(Succeed())
		Expect(r.Has(appender.KeyOf("2"))).To(BeFalse())
	})
})
