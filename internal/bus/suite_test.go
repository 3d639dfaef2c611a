package bus_test

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

func TestBus(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(scale.Patience)
	RunSpecs(t, "Bus")
}

var _ = BeforeSuite(func() {
	before := goleak.IgnoreCurrent()
	// nats-server 2.15.2 forgets the loop of a block that a purge or truncation cut.
	known := goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*msgBlock).flushLoop")
	DeferCleanup(func() { Expect(goleak.Find(before, known)).To(Succeed()) })
})

func startServer(cfg bus.ServerConfig) *bus.Server {
	GinkgoHelper()
	if cfg.DataDir == "" {
		cfg.DataDir = GinkgoT().TempDir()
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	server, err := bus.StartServer(cfg)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	return server
}

func connect(cfg bus.Config) *bus.Bus {
	GinkgoHelper()
	cfg.Timeout = cmp.Or(cfg.Timeout, time.Minute)
	b, err := bus.Connect(context.Background(), cfg)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(b.Close)
	return b
}

// fresh is a bus with all streams on a server of its own, with time for a busy machine.
func fresh(ctx context.Context) *bus.Bus {
	GinkgoHelper()
	b := connect(bus.Config{URL: startServer(bus.ServerConfig{}).URL()})
	Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	return b
}

// batch is n messages on subjects prefix.0, prefix.1, …, with the same text in header and data.
func batch(prefix string, n int) []bus.Message {
	msgs := make([]bus.Message, n)
	for i := range msgs {
		text := fmt.Sprintf("%s-%d", prefix, i)
		msgs[i] = bus.Message{
			Subject: fmt.Sprintf("%s.%d", prefix, i),
			Header: []events.Header{
				{Key: events.HeaderID, Value: text}, {Key: events.HeaderSpecVersion, Value: events.SpecVersion},
			},
			Data: []byte(text),
		}
	}
	return msgs
}

func appended(ctx context.Context, b *bus.Bus, stream string, msgs []bus.Message, expect bus.Expect) uint64 {
	GinkgoHelper()
	last, err := b.Append(ctx, stream, msgs, expect)
	Expect(err).NotTo(HaveOccurred())
	return last
}

func reading(ctx context.Context, b *bus.Bus, stream string, from uint64, options bus.ReadOptions) *bus.Reader {
	GinkgoHelper()
	r, err := b.Read(ctx, stream, from, options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(r.Close)
	return r
}

func sequences(ctx context.Context, r *bus.Reader, n int) []uint64 {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, scale.Patience)
	defer cancel()
	var got []uint64
	for range n {
		m, err := r.Next(ctx)
		Expect(err).NotTo(HaveOccurred())
		got = append(got, m.Sequence)
	}
	return got
}

func upTo(from, to uint64) []uint64 {
	var s []uint64
	for i := from; i <= to; i++ {
		s = append(s, i)
	}
	return s
}
