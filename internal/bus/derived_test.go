package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// writers reads which of a stream's messages are which writer's: the first letter of each body.
func writers(ctx context.Context, b *bus.Bus, stream string) (text string) {
	GinkgoHelper()
	_, err := b.Each(ctx, stream, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		text += string(m.Data[:1])
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	return text
}

// by is a batch of one writer.
func by(writer string, n int) []bus.Message {
	msgs := batch("metered", n)
	for i := range msgs {
		msgs[i].Data = fmt.Appendf(nil, "%s%d", writer, i)
	}
	return msgs
}

var _ = Describe("Appending what is derived", func() {
	var b *bus.Bus
	var url string

	BeforeEach(func(ctx SpecContext) {
		url = startServer(bus.ServerConfig{}).URL()
		b = connect(bus.Config{URL: url})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	})

	derived := func(ctx context.Context, msgs []bus.Message, last uint64) (uint64, error) {
		return b.AppendDerived(ctx, "METERED", msgs, bus.Expect{Last: last})
	}

	It("stores a batch and says its last sequence", func(ctx SpecContext) {
		for _, step := range []struct{ size, last int }{{1, 0}, {2, 1}, {bus.MaxBatch, 3}, {1, 1003}} {
			last, err := derived(ctx, batch("metered", step.size), uint64(step.last))
			Expect(err).NotTo(HaveOccurred())
			Expect(last).To(Equal(uint64(step.last + step.size)))
		}
		got, err := b.Get(ctx, "METERED", 3)
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Subject).To(Equal("metered.1"))
		Expect(got.Header(events.HeaderID)).To(Equal("metered-1"))
	})

	It("is refused, and stores nothing, where another writer came first", func(ctx SpecContext) {
		_, err := derived(ctx, by("a", 3), 0)
		Expect(err).NotTo(HaveOccurred())
		for _, size := range []int{1, 2, bus.MaxBatch} {
			_, err = derived(ctx, by("b", size), 2)
			var conflict *bus.ConflictError
			Expect(errors.As(err, &conflict)).To(BeTrue(), "%v", err)
			Expect(*conflict).To(Equal(bus.ConflictError{Stream: "METERED", Expect: bus.Expect{Last: 2}, Actual: 3}))
		}
		Expect(writers(ctx, b, "METERED")).To(Equal("aaa"))
	})

	It("ends with the first message behind one of somebody else, and counts those before it", func(ctx SpecContext) {
		nc, err := nats.Connect(url)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(nc.Close)
		torn := 0
		for last := uint64(0); torn < 3; {
			var published sync.WaitGroup
			published.Go(func() {
				defer GinkgoRecover()
				_, err := nc.Request("metered.foreign", []byte("x"), nats.DefaultTimeout)
				Expect(err).NotTo(HaveOccurred())
			})
			_, err := derived(ctx, by("a", bus.MaxBatch), last)
			published.Wait()
			state, failed := b.Stream(ctx, "METERED")
			Expect(failed).NotTo(HaveOccurred())
			stored := state.Last - last - 1
			last = state.Last
			var conflict *bus.ConflictError
			if !errors.As(err, &conflict) {
				Expect(err).NotTo(HaveOccurred())
				Expect(stored).To(Equal(uint64(bus.MaxBatch)))
				continue
			}
			Expect(conflict.Stored).To(Equal(stored))
			if stored > 0 {
				torn++
			}
		}
		Expect(writers(ctx, b, "METERED")).To(MatchRegexp("^(a*x)+a*$"))
	})

	It("stores the batches of one of two writers, and of the other nothing in between", func(ctx SpecContext) {
		other := connect(bus.Config{URL: url})
		for last := uint64(0); last < 5*bus.MaxBatch; {
			var both sync.WaitGroup
			ends := [2]error{}
			for i, writer := range []*bus.Bus{b, other} {
				both.Go(func() {
					_, ends[i] = writer.AppendDerived(ctx, "METERED", by(string(rune('a'+i)), bus.MaxBatch),
						bus.Expect{Last: last})
				})
			}
			both.Wait()
			Expect(ends).To(ContainElement(BeNil()))
			Expect(ends).To(ContainElement(BeAssignableToTypeOf(&bus.ConflictError{})))
			last += bus.MaxBatch
			state, err := b.Stream(ctx, "METERED")
			Expect(err).NotTo(HaveOccurred())
			Expect(state.Last).To(Equal(last))
		}
	})

	It("refuses an older version's atomic batch", func(ctx SpecContext) {
		js := operator(url)
		for _, last := range []bool{false, true} {
			m := nats.NewMsg("metered.x")
			m.Header.Set("Nats-Batch-Id", "x")
			m.Header.Set("Nats-Batch-Sequence", map[bool]string{false: "1", true: "2"}[last])
			if last {
				m.Header.Set("Nats-Batch-Commit", "1")
			}
			_, err := js.PublishMsg(ctx, m)
			var refused *jetstream.APIError
			Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
			Expect(refused.Description).To(ContainSubstring("atomic publish is disabled"))
		}
	})

	It("does not send what is too large, too much, or expects some subjects only", func(ctx SpecContext) {
		msgs := batch("metered", 3)
		msgs[1].Data = make([]byte, 9<<20)
		_, err := derived(ctx, msgs, 0)
		Expect(err).To(MatchError(And(ContainSubstring("message 1 on metered.1"), ContainSubstring("max_payload"))))
		Expect(bus.TooLarge(err)).To(BeTrue())
		_, err = derived(ctx, batch("metered", bus.MaxBatch+1), 0)
		Expect(err).To(MatchError(ContainSubstring("a batch has 1 to 1000 messages")))
		_, err = b.AppendDerived(ctx, "METERED", batch("metered", 2), bus.Expect{Filter: "metered.>"})
		Expect(err).To(MatchError(ContainSubstring("has one writer")))
		state, err := b.Stream(ctx, "METERED")
		Expect(err).NotTo(HaveOccurred())
		Expect(state.Last).To(BeZero())
	})

	It("says that no stream takes the subject, or that another one does", func(ctx SpecContext) {
		_, err := derived(ctx, batch("elsewhere", 2), 0)
		Expect(err).To(MatchError(ContainSubstring("no stream takes subject elsewhere.1")))
		_, err = derived(ctx, batch("usage", 2), 0)
		Expect(err).To(HaveOccurred())
		state, err := b.Stream(ctx, "METERED")
		Expect(err).NotTo(HaveOccurred())
		Expect(state.Last).To(BeZero())
	})

	It("says the number of messages stored before a subject of another stream", func(ctx SpecContext) {
		msgs := append(by("a", 2), batch("elsewhere", 1)...)
		_, err := derived(ctx, append(msgs, by("a", 2)...), 0)
		Expect(err).To(MatchError(bus.ErrOutcomeUnknown))
		Eventually(func() string { return writers(ctx, b, "METERED") }).WithTimeout(scale.Patience).Should(Equal("aa"))
	})
})

var _ = Describe("Streams of an older version", func() {
	It("are refused, with what to do, which works", func(ctx SpecContext) {
		url := startServer(bus.ServerConfig{}).URL()
		js := operator(url)
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name: "BILLING", Subjects: []string{"billing.>"}, Discard: jetstream.DiscardNew, AllowAtomicPublish: true,
			AllowDirect: true,
		})
		Expect(err).NotTo(HaveOccurred())
		b := connect(bus.Config{URL: url})
		err = b.EnsureStreams(ctx, bus.StreamsConfig{})
		Expect(err).To(MatchError(And(ContainSubstring("BILLING: allow_atomic is true, wanted false"),
			ContainSubstring("BILLING: persist_mode is default, wanted async"),
			ContainSubstring("stop the services, remove it (nats stream rm BILLING) and start them"))))
		Expect(js.DeleteStream(ctx, "BILLING")).To(Succeed())
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	})
})
