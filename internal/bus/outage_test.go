package bus_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// configured starts a server with a configuration.
func configured(text string) string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	file := filepath.Join(folder, "nats.conf")
	Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
	url, stop, err := bustest.StartFromFile(file, filepath.Join(folder, "data"))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	return url
}

// opened is the start of a service: connecting, and the streams.
func opened(ctx context.Context, cfg bus.Config) error {
	cfg.Timeout = 2 * time.Second
	b, err := bus.Connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer b.Close()
	return b.EnsureStreams(ctx, bus.StreamsConfig{})
}

var _ = Describe("An outage", func() {
	It("is a server that is away, or that does not answer", func(ctx SpecContext) {
		scale.Long(Skip)
		server := startServer(bus.ServerConfig{})
		server.Shutdown()
		Expect(bus.Outage(opened(ctx, bus.Config{URL: server.URL()}))).To(BeTrue())

		silent, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(silent.Close)
		Expect(bus.Outage(opened(ctx, bus.Config{URL: "nats://" + silent.Addr().String()}))).To(BeTrue())
	})

	It("is a cluster without a leader", func(ctx SpecContext) {
		scale.Long(Skip)
		url := configured(`
			server_name: one
			jetstream: {}
			cluster { name: c, listen: "127.0.0.1:-1", routes: ["nats://127.0.0.1:1", "nats://127.0.0.1:2"] }`)
		err := opened(ctx, bus.Config{URL: url})
		Expect(err).To(HaveOccurred())
		Expect(bus.Outage(err)).To(BeTrue(), "%v", err)
	})

	DescribeTable("is not a denied permission, and that is refused at once",
		func(ctx SpecContext, permissions, advice string) {
			url := configured(fmt.Sprintf(`
			jetstream: {}
			accounts { A { jetstream: enabled, users: [
				{ user: u, password: p, permissions: { %s } } ] } }`, permissions))
			begun := time.Now()
			err := opened(ctx, bus.Config{URL: url, User: "u", Password: "p"})
			Expect(err).To(MatchError(bus.ErrDenied))
			Expect(err).To(MatchError(ContainSubstring(advice)))
			Expect(bus.Outage(err)).To(BeFalse())
			Expect(time.Since(begun)).To(BeNumerically("<", 1500*time.Millisecond))
		},
		Entry("to ask", `publish: { deny: ["$JS.API.INFO"] }`, "$JS.API.INFO"),
		Entry("to look up a stream", `publish: { deny: ["$JS.API.STREAM.INFO.>"] }`, "$JS.API.STREAM.INFO.USAGE"),
		Entry("to create a stream", `publish: { deny: ["$JS.API.STREAM.CREATE.>"] }`, "daybook catalogue publish"),
		Entry("to hear an answer", `subscribe: { deny: ["_INBOX.>"] }`, "_INBOX.>"),
	)

	DescribeTable("is not a mistake in the settings", func(ctx SpecContext, url string) {
		err := opened(ctx, bus.Config{URL: url})
		Expect(err).To(HaveOccurred())
		Expect(bus.Outage(err)).To(BeFalse(), "%v", err)
	},
		Entry("of the port", "nats://127.0.0.1:99999"),
		Entry("of the scheme", "http://127.0.0.1:4222"),
		Entry("of the host", "nats://[::1"),
	)

	It("is not a server without JetStream, without the replicas, or with other users", func(ctx SpecContext) {
		without := startServer(bus.ServerConfig{NoJetStream: true})
		Expect(bus.Outage(opened(ctx, bus.Config{URL: without.URL()}))).To(BeFalse())
		single := startServer(bus.ServerConfig{})
		Expect(bus.Outage(opened(ctx, bus.Config{URL: single.URL(), Replicas: 3}))).To(BeFalse())
		closed := startServer(bus.ServerConfig{User: "u", Password: "p"})
		Expect(bus.Outage(opened(ctx, bus.Config{URL: closed.URL()}))).To(BeFalse())
	})
})
