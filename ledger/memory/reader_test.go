package memory_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/memory"
)

var _ = Describe("A reader of the ledger in memory", func() {
	ledgertest.Readers(func(ctx context.Context) *bus.Bus {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		DeferCleanup(func() {
			b.Close()
			server.Shutdown()
		})
		return b
	}, func(ctx context.Context, b *bus.Bus) ledger.Reader {
		l := memory.New()
		_, err := ledger.CatchUp(ctx, b, l)
		Expect(err).NotTo(HaveOccurred())
		return memory.NewReader(l, b)
	})
})
