package bus_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// memoryRuns is how many worlds the property takes.
const memoryRuns = 20

// lost is a context that ends between the sending and the answer of an append.
type lost struct {
	context.Context
	asked *int
}

func (l lost) Done() <-chan struct{} {
	ended := make(chan struct{})
	close(ended)
	return ended
}

func (l lost) Err() error {
	if *l.asked++; *l.asked == 1 {
		return nil
	}
	return context.Canceled
}

// fedWorld is the stream METERED with a writer and a reader on one connection, and another writer.
type fedWorld struct {
	ctx         context.Context
	own, others *bus.Bus
	js          jetstream.JetStream
	reader      *bus.Reader
	next        uint64            // of the reader
	truth       map[uint64]string // by sequence: all that the stream held since it was made
	readers     map[uint64]string // the truth of the stream that the reader was opened on
	created     time.Time
	written     int
}

func (w *fedWorld) last() uint64 {
	state, err := w.others.Stream(w.ctx, "METERED")
	Expect(err).NotTo(HaveOccurred())
	w.created = state.Created
	return state.Last
}

// put appends n messages, by the own connection or another.
func (w *fedWorld) put(ctx context.Context, b *bus.Bus, n int) error {
	msgs := batch("metered", n)
	for i := range msgs {
		w.written++
		msgs[i].Data = fmt.Appendf(nil, "%d", w.written)
	}
	_, err := b.AppendDerived(ctx, "METERED", msgs, bus.Expect{Last: w.last()})
	clear(msgs[0].Data) // the caller's memory is the caller's
	w.look()
	return err
}

// lose appends a message and loses the answer.
func (w *fedWorld) lose() {
	before := w.last()
	Expect(w.put(lost{w.ctx, new(int)}, w.own, 1)).To(MatchError(bus.ErrOutcomeUnknown))
	Eventually(w.last).Should(Equal(before + 1))
	w.look()
}

// look reads what the stream holds, without the memory.
func (w *fedWorld) look() {
	_, err := w.others.Each(w.ctx, "METERED", 1, bus.End, bus.ReadOptions{Filters: []string{">"}},
		func(m *bus.Stored) error {
			w.truth[m.Sequence] = m.Header(events.HeaderID) + string(m.Data)
			return nil
		})
	Expect(err).NotTo(HaveOccurred())
}

func (w *fedWorld) open() {
	if w.reader != nil {
		w.reader.Close()
	}
	state, err := w.others.Stream(w.ctx, "METERED")
	Expect(err).NotTo(HaveOccurred())
	w.next, w.readers = max(1, state.First), w.truth
	w.reader, err = w.own.Read(w.ctx, "METERED", w.next, bus.ReadOptions{})
	Expect(err).NotTo(HaveOccurred())
}

// read reads up to n messages, as far as there are any, and holds each to the truth.
func (w *fedWorld) read(n int) {
	for last := w.last(); n > 0 && w.next <= last; n-- {
		m, err := w.reader.Next(w.ctx)
		if errors.Is(err, bus.ErrGap) || errors.Is(err, bus.ErrStreamChanged) {
			w.open()
			return
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Sequence).To(Equal(w.next))
		Expect(m.Header(events.HeaderID) + string(m.Data)).To(Equal(w.readers[m.Sequence]))
		w.next++
	}
}

// memoryReadsAsTheServerDoes is the property of the memory: a reader with one gets what the stream
// holds, message for message.
func memoryReadsAsTheServerDoes(t *rapid.T, w *fedWorld) {
	w.truth = map[uint64]string{}
	w.look()
	w.open()
	t.Repeat(map[string]func(*rapid.T){
		"append": func(t *rapid.T) {
			Expect(w.put(w.ctx, w.own, rapid.SampledFrom([]int{1, 2, 400}).Draw(t, "messages"))).To(Succeed())
		},
		"append and read": func(t *rapid.T) {
			Expect(w.put(w.ctx, w.own, rapid.SampledFrom([]int{1, 300}).Draw(t, "messages"))).To(Succeed())
			w.read(bus.MaxBatch)
		},
		"another writer": func(t *rapid.T) {
			Expect(w.put(w.ctx, w.others, rapid.IntRange(1, 3).Draw(t, "messages"))).To(Succeed())
		},
		"lost answer": func(*rapid.T) {
			w.lose()
		},
		"read": func(t *rapid.T) { w.read(rapid.SampledFrom([]int{1, 10, 10_000}).Draw(t, "messages")) },
		"purge": func(*rapid.T) {
			stream, err := w.js.Stream(w.ctx, "METERED")
			Expect(err).NotTo(HaveOccurred())
			Expect(stream.Purge(w.ctx)).To(Succeed())
			Expect(w.put(w.ctx, w.own, 1)).To(Succeed()) // a reader sees what is missing by what comes
		},
		"make anew": func(t *rapid.T) {
			n := w.last()
			w.remake()
			if same := rapid.Bool().Draw(t, "as long"); same && n > 0 && n < bus.MaxBatch {
				// Only the time of its creation tells it from the one before.
				Expect(w.put(w.ctx, w.others, int(n))).To(Succeed())
				Expect(w.put(w.ctx, w.own, 2)).To(Succeed())
			}
		},
	})
	w.read(1 << 20)
}

func (w *fedWorld) remake() {
	w.last()
	before := w.created
	Expect(w.js.DeleteStream(w.ctx, "METERED")).To(Succeed())
	Expect(w.others.EnsureStreams(w.ctx, bus.StreamsConfig{})).To(Succeed())
	w.last()
	Expect(w.created).NotTo(Equal(before))
	w.truth = map[uint64]string{}
	w.look()
}

var _ = Describe("Reading what the same process appends", func() {
	var w *fedWorld

	BeforeEach(func() {
		server := startServer(bus.ServerConfig{})
		w = &fedWorld{
			ctx: context.Background(), truth: map[uint64]string{}, js: operator(server.URL()),
			own:    connect(bus.Config{URL: server.URL(), Appends: server, Feed: 200_000}),
			others: connect(bus.Config{URL: server.URL()}),
		}
		Expect(w.own.EnsureStreams(w.ctx, bus.StreamsConfig{})).To(Succeed())
		w.open()
		DeferCleanup(func() { w.reader.Close() })
	})

	// fed reads messages and tells which of them came from memory: those have no time.
	fed := func(n int) (from string) {
		GinkgoHelper()
		for range n {
			m, err := w.reader.Next(w.ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(m.Sequence).To(Equal(w.next))
			Expect(m.Header(events.HeaderID) + string(m.Data)).To(Equal(w.truth[m.Sequence]))
			w.next++
			if m.Time.IsZero() {
				from += "m"
			} else {
				from += "s"
			}
		}
		return from
	}

	It("takes it from memory once it is acknowledged, and another writer's from the server", func() {
		Expect(w.put(w.ctx, w.own, 3)).To(Succeed())
		Expect(w.put(w.ctx, w.others, 1)).To(Succeed())
		Expect(w.put(w.ctx, w.own, 2)).To(Succeed())
		Expect(fed(6)).To(HavePrefix("mmms"))
	})

	It("knows how many are to come", func() {
		Expect(w.put(w.ctx, w.own, 2)).To(Succeed())
		Expect(w.put(w.ctx, w.own, 1)).To(Succeed())
		for _, pending := range []uint64{2, 1, 0} {
			m, err := w.reader.Next(w.ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(m.Pending).To(Equal(pending))
		}
	})

	It("does without a consumer at the server while the memory goes on, and finds another writer's", func() {
		consumers := func() int {
			stream, err := w.js.Stream(w.ctx, "METERED")
			Expect(err).NotTo(HaveOccurred())
			return stream.CachedInfo().State.Consumers
		}
		Expect(consumers()).To(Equal(1))
		Expect(w.put(w.ctx, w.own, 300)).To(Succeed())
		Expect(fed(300)).NotTo(ContainSubstring("s"))
		Expect(consumers()).To(BeZero())
		Expect(w.put(w.ctx, w.others, 1)).To(Succeed())
		Expect(fed(1)).To(Equal("s"))
		Expect(w.put(w.ctx, w.own, 300)).To(Succeed())
		Expect(fed(300)).To(HaveSuffix("m"))
	})

	It("leaves a slow reader to the server, and never waits for it", func() {
		for range 5 { // the memory has room for two
			Expect(w.put(w.ctx, w.own, 400)).To(Succeed())
		}
		from := fed(2000)
		Expect(from).To(HavePrefix("ssss"))
		Expect(w.put(w.ctx, w.own, 1)).To(Succeed())
		Expect(fed(1)).To(Equal("m"))
	})

	It("has the server say what became of an append without an answer", func() {
		w.lose()
		Expect(w.put(w.ctx, w.own, 1)).To(Succeed())
		Expect(fed(2)).To(HavePrefix("s"))
	})

	It("takes nothing of a stream that was made anew, as long as the one before", func() {
		Expect(w.put(w.ctx, w.own, 300)).To(Succeed())
		Expect(fed(300)).To(HaveSuffix("m"))
		w.remake()
		Expect(w.put(w.ctx, w.others, 300)).To(Succeed())
		Expect(w.put(w.ctx, w.own, 1)).To(Succeed())
		_, err := w.reader.Next(w.ctx)
		Expect(err).To(MatchError(bus.ErrStreamChanged))
	})

	It("gives every message with its time on request", func() {
		r := reading(w.ctx, w.own, "METERED", 1, bus.ReadOptions{FromServer: true})
		Expect(w.put(w.ctx, w.own, 1)).To(Succeed())
		m, err := r.Next(w.ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Time).NotTo(BeZero())
	})

	It("reads as the server would, whatever happens to the stream", func() {
		runs, failed := 0, true
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			if runs++; runs > memoryRuns && !failed {
				return
			}
			failed = true
			memoryReadsAsTheServerDoes(t, w)
			failed = false
		})
	})
})
