package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("Appending", func() {
	var b *bus.Bus
	usage := bus.Expect{Filter: events.SubjectsUsage}

	BeforeEach(func(ctx SpecContext) { b = fresh(ctx) })

	It("stores a batch and says its last sequence", func(ctx SpecContext) {
		Expect(appended(ctx, b, "USAGE", batch("usage", 3), usage)).To(Equal(uint64(3)))
		Expect(appended(ctx, b, "USAGE", batch("usage", 1), bus.Expect{
			Filter: "usage.>",
			Last:   3,
		})).To(Equal(uint64(4)))
		Expect(appended(ctx, b, "USAGE", batch("usage", bus.MaxBatch), bus.Expect{Last: 4})).To(Equal(uint64(1004)))
		got, err := b.Get(ctx, "USAGE", 2)
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Subject).To(Equal("usage.1"))
		Expect(got.Data).To(Equal([]byte("usage-1")))
		Expect(got.Header(events.HeaderID)).To(Equal("usage-1"))
		Expect(got.Header(events.HeaderSpecVersion)).To(Equal(events.SpecVersion))
		Expect(got.Header(jetstream.ExpectedStreamHeader)).To(BeEmpty(), "nothing of an earlier batch stays in the "+
			"headers")
		Expect(got.Time).To(BeTemporally("~", time.Now(), time.Minute))
	})

	DescribeTable("refuses an expectation that is not met, says what it found, and stores nothing",
		func(ctx SpecContext, size int, expect bus.Expect, actual uint64) {
			appended(ctx, b, "USAGE", batch("usage", 3), usage)
			_, err := b.Append(ctx, "USAGE", batch("usage", size), expect)
			var conflict *bus.ConflictError
			Expect(errors.As(err, &conflict)).To(BeTrue(), "%v", err)
			Expect(*conflict).To(Equal(bus.ConflictError{Stream: "USAGE", Expect: expect, Actual: actual}))
			state, err := b.Stream(ctx, "USAGE")
			Expect(err).NotTo(HaveOccurred())
			Expect(state.Last).To(Equal(uint64(3)))
		},
		Entry("a batch, by filter", 2, bus.Expect{Filter: "usage.>", Last: 2}, uint64(3)),
		Entry("a batch, by stream", 2, bus.Expect{Last: 2}, uint64(3)),
		Entry("one message, by filter", 1, bus.Expect{Filter: "usage.>", Last: 0}, uint64(3)),
		Entry("one message, by stream", 1, bus.Expect{Last: 7}, uint64(3)),
		Entry("a subject that is not there", 2, bus.Expect{Filter: "usage.c.>", Last: 3}, uint64(0)),
	)

	It("is not disturbed by others in between, if it expects its own subjects", func(ctx SpecContext) {
		appended(ctx, b, "USAGE", batch("usage.a", 3), usage)
		appended(ctx, b, "USAGE", batch("usage.b", 1), bus.Expect{Filter: "usage.b.0"})
		Expect(appended(ctx, b, "USAGE", batch("usage.a", 2), bus.Expect{
			Filter: "usage.a.>",
			Last:   3,
		})).To(Equal(uint64(6)))
		_, err := b.Append(ctx, "USAGE", batch("usage.b", 1), bus.Expect{Filter: "usage.b.0"})
		Expect(err).To(BeAssignableToTypeOf(&bus.ConflictError{}), "it is published once")
	})

	It("stores all of a batch or nothing", func(ctx SpecContext) {
		msgs := append(batch("usage", 2), batch("billing", 1)...)
		_, err := b.Append(ctx, "USAGE", append(msgs, batch("usage", 2)...), usage)
		Expect(err).To(HaveOccurred())
		for _, stream := range []string{"USAGE", "BILLING"} {
			state, err := b.Stream(ctx, stream)
			Expect(err).NotTo(HaveOccurred())
			Expect(state.Messages).To(BeZero(), stream)
		}
	})

	It("does not send a batch of the wrong size", func(ctx SpecContext) {
		for _, size := range []int{0, 1001} {
			_, err := b.Append(ctx, "USAGE", batch("usage", size), usage)
			Expect(err).To(MatchError(ContainSubstring("a batch has 1 to 1000 messages")))
		}
	})

	It("says which message is too large", func(ctx SpecContext) {
		msgs := batch("usage", 3)
		msgs[1].Data = make([]byte, 9<<20)
		_, err := b.Append(ctx, "USAGE", msgs, usage)
		Expect(err).To(MatchError(And(ContainSubstring("message 1 on usage.1"), ContainSubstring("max_payload"))))
	})

	It("says that no stream takes the subject, or that another one does", func(ctx SpecContext) {
		_, err := b.Append(ctx, "USAGE", batch("elsewhere", 2), bus.Expect{})
		Expect(err).To(MatchError(ContainSubstring("no stream takes subject elsewhere.1")))
		_, err = b.Append(ctx, "USAGE", batch("quarantine", 2), bus.Expect{})
		Expect(err).To(MatchError(ContainSubstring("belong to another stream")))
	})

	It("sends nothing when its context has ended", func(ctx SpecContext) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := b.Append(ended, "USAGE", batch("usage", 2), usage)
		Expect(err).To(MatchError(context.Canceled))
		Expect(err).NotTo(MatchError(bus.ErrOutcomeUnknown))
	})

	It("finds the last message of a filter, and none after a purge", func(ctx SpecContext) {
		_, err := b.Last(ctx, "USAGE", "usage.a.>")
		Expect(err).To(MatchError(bus.ErrNotFound))
		appended(ctx, b, "USAGE", batch("usage.a", 3), usage)
		appended(ctx, b, "USAGE", batch("usage.b", 1), bus.Expect{Filter: "usage.b.0"})
		last, err := b.Last(ctx, "USAGE", "usage.a.>")
		Expect(err).NotTo(HaveOccurred())
		Expect(last.Sequence).To(Equal(uint64(3)))
		Expect(last.Header(events.HeaderID)).To(Equal("usage.a-2"))
		last, err = b.Last(ctx, "USAGE", "")
		Expect(err).NotTo(HaveOccurred())
		Expect(last.Subject).To(Equal("usage.b.0"))
		_, err = b.Get(ctx, "USAGE", 99)
		Expect(err).To(MatchError(bus.ErrNotFound))
		_, err = b.Stream(ctx, "NOSUCH")
		Expect(err).To(MatchError(bus.ErrNotFound))
	})
})

var _ = Describe("An append that the server does not answer", func() {
	It("has an unknown outcome", func(ctx SpecContext) {
		url := startServer(bus.ServerConfig{NoJetStream: false}).URL()
		b := connect(bus.Config{URL: url, Timeout: 300 * time.Millisecond})
		// Somebody subscribes where no stream is, so that the server finds a responder, which stays
		// silent.
		nc, err := nats.Connect(url)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(nc.Close)
		_, err = nc.SubscribeSync("silent.>")
		Expect(err).NotTo(HaveOccurred())
		Expect(nc.Flush()).To(Succeed())
		_, err = b.Append(ctx, "SILENT", batch("silent", 2), bus.Expect{})
		Expect(err).To(MatchError(bus.ErrOutcomeUnknown))
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})
})

var _ = Describe("An append that the user may not do", func() {
	It("names the subject", func(ctx SpecContext) {
		file := filepath.Join(GinkgoT().TempDir(), "nats.conf")
		Expect(os.WriteFile(file, []byte(`listen: "127.0.0.1:-1"
			authorization { users: [
				{user: all, password: all}
				{user: reader, password: reader, permissions: {publish: ["$JS.API.>"]}}
			]}`), 0o600)).To(Succeed())
		opts, err := natsserver.ProcessConfigFile(file)
		Expect(err).NotTo(HaveOccurred())
		opts.NoSigs, opts.NoLog, opts.JetStream, opts.StoreDir = true, true, true, GinkgoT().TempDir()
		ns, err := natsserver.NewServer(opts)
		Expect(err).NotTo(HaveOccurred())
		ns.Start()
		DeferCleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
		owner := connect(bus.Config{URL: ns.ClientURL(), User: "all", Password: "all"})
		Expect(owner.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		reader := connect(bus.Config{URL: ns.ClientURL(), User: "reader", Password: "reader"})
		_, err = reader.Append(ctx, "USAGE", batch("usage", 2), bus.Expect{})
		Expect(err).To(MatchError(bus.ErrDenied))
		Expect(err).To(MatchError(ContainSubstring("may not publish to usage.")))
	})
})
