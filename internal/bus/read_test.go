package bus_test

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// operator is a plain connection, for what the bus itself does not offer.
func operator(url string) jetstream.JetStream {
	GinkgoHelper()
	nc, err := nats.Connect(url)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(scale.Patience))
	Expect(err).NotTo(HaveOccurred())
	return js
}

func stream(ctx context.Context, url, name string) jetstream.Stream {
	GinkgoHelper()
	s, err := operator(url).Stream(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	return s
}

var _ = Describe("Reading", func() {
	var (
		b   *bus.Bus
		url string
	)

	BeforeEach(func(ctx SpecContext) {
		url = startServer(bus.ServerConfig{}).URL()
		b = connect(bus.Config{URL: url})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	})

	It("looks once for what is on a filter that no message has, however long the stream is", func(ctx SpecContext) {
		appended(ctx, b, "USAGE", batch("usage.a", 100), bus.Expect{Filter: events.SubjectsUsage})
		nc, err := nats.Connect(url)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(nc.Close)
		asked, err := nc.SubscribeSync("$JS.API.STREAM.MSG.GET.USAGE")
		Expect(err).NotTo(HaveOccurred())
		Expect(nc.Flush()).To(Succeed())
		_, err = b.Last(ctx, "USAGE", "usage.b.>")
		Expect(err).To(MatchError(bus.ErrNotFound))
		_, err = b.Last(ctx, "USAGE", "usage.a.>")
		Expect(err).NotTo(HaveOccurred())
		Expect(asked.NextMsg(scale.Patience)).To(HaveField("Data", MatchJSON(`{"last_by_subj":"usage.b.>"}`)))
		Expect(asked.NextMsg(scale.Patience)).To(HaveField("Data", MatchJSON(`{"last_by_subj":"usage.a.>"}`)))
	})

	It("gives every message in order, says how many are to come, and then waits", func(ctx SpecContext) {
		var last uint64
		for range 12 { // more than are sent ahead
			last = appended(ctx, b, "METERED", batch("metered", 1000), bus.Expect{Last: last})
		}
		r := reading(ctx, b, "METERED", 1, bus.ReadOptions{})
		for seq := uint64(1); seq <= last; seq++ {
			m, err := r.Next(ctx)
			Expect(err).NotTo(HaveOccurred())
			if m.Sequence != seq || m.Pending != last-seq {
				Fail("wrong sequence or pending")
			}
		}
		brief, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := r.Next(brief)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		appended(ctx, b, "METERED", batch("metered", 1), bus.Expect{Last: last})
		m, err := r.Next(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Sequence).To(Equal(last + 1))
		Expect(m.Header(events.HeaderID)).To(Equal("metered-0"))
		Expect(m.Data).To(Equal([]byte("metered-0")))
		Expect(m.Time).To(BeTemporally("~", time.Now(), time.Minute))
	})

	It("gives messages that are larger than what is asked for at once allows for many", func(ctx SpecContext) {
		var last uint64
		for range 6 {
			msgs := batch("metered", 1)
			msgs[0].Data = []byte(strings.Repeat("x", 7<<20))
			last = appended(ctx, b, "METERED", msgs, bus.Expect{Last: last})
		}
		Expect(sequences(ctx, reading(ctx, b, "METERED", 1, bus.ReadOptions{}), 6)).To(Equal(upTo(1, 6)))
	})

	It("filters, and leaves the data out on request", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		appended(ctx, b, "METERED", batch("metered.c", 2), bus.Expect{Last: 3})
		r := reading(ctx, b, "METERED", 1, bus.ReadOptions{
			Filters:     []string{"metered.1", "metered.c.>"},
			HeadersOnly: true,
		})
		m, err := r.Next(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Sequence).To(Equal(uint64(2)))
		Expect(m.Data).To(BeEmpty())
		Expect(m.Header(events.HeaderID)).To(Equal("metered-1"))
		Expect(sequences(ctx, r, 2)).To(Equal([]uint64{4, 5}))
	})

	It("gives the last message of each subject, then what is appended, on request", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 5), bus.Expect{})
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{Last: 5})
		appended(ctx, b, "METERED", batch("metered.c", 2), bus.Expect{Last: 8})
		r := reading(ctx, b, "METERED", 1, bus.ReadOptions{Filters: []string{"metered.*"}, LastPerSubject: true})
		Expect(r.Waiting()).To(Equal(uint64(5)))
		Expect(sequences(ctx, r, 5)).To(Equal([]uint64{4, 5, 6, 7, 8}))
		appended(ctx, b, "METERED", batch("metered", 2), bus.Expect{Last: 10})
		Expect(sequences(ctx, r, 2)).To(Equal([]uint64{11, 12}))
		Expect(sequences(ctx, reading(ctx, b, "METERED", 1, bus.ReadOptions{LastPerSubject: true}),
			7)).To(Equal([]uint64{4, 5, 8, 9, 10, 11, 12}))
	})

	It("begins where the stream begins, and steps over deleted messages", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 10), bus.Expect{})
		metered := stream(ctx, url, "METERED")
		Expect(metered.Purge(ctx, jetstream.WithPurgeSequence(3))).To(Succeed())
		for _, seq := range []uint64{5, 6, 8} {
			Expect(metered.DeleteMsg(ctx, seq)).To(Succeed())
		}
		Expect(sequences(ctx, reading(ctx, b, "METERED", 1, bus.ReadOptions{}), 5)).To(Equal([]uint64{3, 4, 7, 9, 10}))
	})

	It("refuses messages that were removed before they were read", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 10), bus.Expect{})
		r := reading(ctx, b, "METERED", 1, bus.ReadOptions{})
		Expect(stream(ctx, url, "METERED").Purge(ctx, jetstream.WithPurgeSequence(6))).To(Succeed())
		_, err := r.Next(ctx)
		Expect(err).To(MatchError(bus.ErrGap))
		Expect(err).To(MatchError(ContainSubstring("message 1 was removed")))
		_, err = r.Next(ctx)
		Expect(err).To(MatchError(bus.ErrGap), "it stays failed")
	})

	It("refuses a stream that ends before what was read, or that was recreated", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		_, err := b.Read(ctx, "METERED", 5, bus.ReadOptions{})
		Expect(err).To(MatchError(bus.ErrStreamChanged))
		r := reading(ctx, b, "METERED", 1, bus.ReadOptions{})
		Expect(sequences(ctx, r, 3)).To(Equal(upTo(1, 3)))
		Expect(operator(url).DeleteStream(ctx, "METERED")).To(Succeed())
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		appended(ctx, b, "METERED", batch("metered", 9), bus.Expect{})
		_, err = r.Next(ctx)
		Expect(err).To(MatchError(bus.ErrStreamChanged))
	})

	It("ends when the bus is closed", func(ctx SpecContext) {
		r := reading(ctx, b, "METERED", 1, bus.ReadOptions{})
		failed := make(chan error)
		go func() {
			_, err := r.Next(ctx)
			failed <- err
		}()
		b.Close()
		Expect(<-failed).To(MatchError(nats.ErrConnectionClosed))
	})

	It("does not know a stream that is not there", func(ctx SpecContext) {
		_, err := b.Read(ctx, "NOSUCH", 1, bus.ReadOptions{})
		Expect(err).To(MatchError(bus.ErrNotFound))
	})
})

var _ = Describe("A restart of the server", func() {
	It("keeps what was appended, and readers go on where they were", func(ctx SpecContext) {
		scale.Long(Skip)
		folder := GinkgoT().TempDir()
		first := startServer(bus.ServerConfig{DataDir: folder})
		b := connect(bus.Config{URL: first.URL()})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		appended(ctx, b, "METERED", batch("metered", 1000), bus.Expect{})
		r := reading(ctx, b, "METERED", 1, bus.ReadOptions{})
		Expect(sequences(ctx, r, 10)).To(Equal(upTo(1, 10)))

		first.Shutdown()
		Eventually(func() error {
			_, err := b.Append(ctx, "METERED", batch("metered", 1), bus.Expect{Last: 1000})
			return err
		}).Should(MatchError(ContainSubstring("there is no connection")))
		brief, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		var err error
		for err == nil { // what was sent ahead, and then the caller's own limit
			var m bus.Stored
			if m, err = r.Next(brief); err == nil {
				Expect(m.Sequence).To(BeNumerically("<=", 1000))
			}
		}
		Expect(err).To(MatchError(context.DeadlineExceeded))

		startServer(bus.ServerConfig{DataDir: folder, Listen: strings.TrimPrefix(first.URL(), "nats://")})
		Eventually(b.Check).WithContext(ctx).Should(Succeed())
		appended(ctx, b, "METERED", batch("metered", 1000), bus.Expect{Last: 1000})
		rest := []uint64{}
		for len(rest) == 0 || rest[len(rest)-1] < 2000 {
			rest = append(rest, sequences(ctx, r, 1)...)
		}
		Expect(rest).To(Equal(upTo(rest[0], 2000)))
		Expect(rest[0]).To(BeNumerically(">", 10))
	}, SpecTimeout(scale.Patience))
})

var _ = Describe("A message that a replica does not hold", func() {
	It("is asked for of the leader before it is said to be gone", func(ctx SpecContext) {
		url := startServer(bus.ServerConfig{}).URL()
		js := operator(url)
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name: "LAGGING", Subjects: []string{"lagging.>"},
			AllowAtomicPublish: true,
		})
		Expect(err).NotTo(HaveOccurred())
		// Without direct gets the server leaves their subject to this replica, which has heard of
		// nothing yet.
		replica, err := js.Conn().Subscribe("$JS.API.DIRECT.GET.LAGGING", func(request *nats.Msg) {
			_ = request.RespondMsg(&nats.Msg{Header: nats.Header{
				"Status":      {"404"},
				"Description": {"Message Not Found"},
			}})
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(js.Conn().Flush()).To(Succeed())
		DeferCleanup(replica.Unsubscribe)
		b := connect(bus.Config{URL: url})
		appended(ctx, b, "LAGGING", batch("lagging", 2), bus.Expect{})
		got, err := b.Get(ctx, "LAGGING", 2)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(got.Data)).To(Equal("lagging-1"))
		Expect(got.Header(events.HeaderID)).To(Equal("lagging-1"))
		_, err = b.Get(ctx, "LAGGING", 3)
		Expect(err).To(MatchError(bus.ErrNotFound))
	})
})
