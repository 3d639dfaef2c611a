package appender_test

import (
	"context"
	"errors"
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
	rivalFirst // somebody else appends the first message of the batch before
	outcomes
)

var errBus = errors.New("the bus is ill")

// stream is a stream in memory that fails as it is told.
type stream struct {
	ids  []string
	plan []outcome // of the next appends
}

func (s *stream) Append(_ context.Context, _ string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	o := stores
	if len(s.plan) > 0 {
		o, s.plan = s.plan[0], s.plan[1:]
	}
	if o == rivalFirst {
		s.ids = append(s.ids, msgs[0].Header[0].Value)
	}
	if last := uint64(len(s.ids)); last != expect.Last {
		return 0, &bus.ConflictError{Expect: expect, Actual: last}
	}
	if o == failsNotStored {
		return 0, errBus
	}
	for _, m := range msgs {
		s.ids = append(s.ids, m.Header[0].Value)
	}
	if o == failsStored {
		return 0, errBus
	}
	return uint64(len(s.ids)), nil
}

func (s *stream) IDs(_ context.Context, _, _ string, from uint64, yield func(id string, sequence uint64) error) (uint64,
	error,
) {
	for i := from; i <= uint64(len(s.ids)); i++ {
		if err := yield(s.ids[i-1], i); err != nil {
			return 0, err
		}
	}
	return uint64(len(s.ids)), nil
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
	It("stores every message once, in order, whatever becomes of the appends", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			s := &stream{}
			seen := map[appender.Key]uint64{}
			a := appender.New(appender.Options{Store: s, Retry: time.Nanosecond, Seen: func(k appender.Key,
				sequence uint64,
			) error {
				seen[k] = sequence
				return nil
			}})
			next := 0
			var want []string
			for range rapid.IntRange(1, 5).Draw(t, "batches") {
				for range rapid.IntRange(0, 6).Draw(t, "messages") {
					want = append(want, "m"+strconv.Itoa(next))
					put(a, want[next])
					next++
				}
				s.plan = nil
				for _, o := range rapid.SliceOfN(rapid.IntRange(0, int(outcomes)-1), 0, 4).Draw(t, "outcomes") {
					s.plan = append(s.plan, outcome(o))
				}
				before, n := len(s.ids), a.Len()
				stored, known, err := a.Flush(context.Background(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if stored+known != n || len(s.ids) != before+n {
					t.Fatalf("%d stored, %d known of %d; the stream grew by %d", stored, known, n, len(s.ids)-before)
				}
			}
			if len(s.ids) != len(want) {
				t.Fatalf("%v, expected %v", s.ids, want)
			}
			for i, id := range s.ids {
				if id != want[i] || seen[appender.KeyOf(id)] != uint64(i+1) {
					t.Fatalf("%v, expected %v; seen %d", s.ids, want, seen[appender.KeyOf(id)])
				}
			}
		})
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
		Expect(s.ids).To(Equal([]string{"m"}))
	})

	It("gives the batch up when it is not wanted any more", func() {
		s := &stream{plan: []outcome{failsNotStored}}
		a := appender.New(appender.Options{Store: s, Retry: time.Nanosecond})
		put(a, "m")
		_, _, err := a.Flush(context.Background(), func(context.Context) (bool, error) { return false, nil })
		Expect(err).NotTo(HaveOccurred())
		Expect(s.ids).To(BeEmpty())
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
			a.Add(appender.KeyOf(body), "usage.x", events.Headers(body, "t", "o", "at"), append(a.Buffer(), body...))
		}
		add("own")
		a.Put(appender.KeyOf("callers"), "usage.x", events.Headers("callers", "t", "o", "at"), []byte("callers"))
		add("own again")
		Expect(a.Flush(context.Background(), nil)).To(Equal(3))
		Expect(s.all).To(Equal([]string{"own", "callers", "own again"}))
	})

	It("is full at the limit of a batch", func() {
		a := appender.New(appender.Options{Store: &stream{}})
		for i := range bus.MaxBatch {
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
