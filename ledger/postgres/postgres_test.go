package postgres_test

import (
	"context"
	"log/slog"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

func TestPostgres(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(scale.Patience)
	RunSpecs(t, "Ledger in Postgres")
}

// cluster is the server of the tests, and made a database with an empty ledger, to be copied.
var (
	cluster *pgtest.Cluster
	made    string
)

var _ = BeforeSuite(func(ctx context.Context) {
	if scale.Short() {
		return
	}
	var err error
	cluster, err = pgtest.Start(ctx)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cluster.Close()).To(Succeed()) })
	made, err = cluster.Database(ctx)
	Expect(err).NotTo(HaveOccurred())
	open(ctx, made).Close()
})

var _ = BeforeEach(func() { scale.Long(Skip) })

// open opens a ledger in a database.
func open(ctx context.Context, url string) *postgres.Ledger {
	GinkgoHelper()
	l, err := postgres.Open(ctx, postgres.Config{URL: url}, slog.New(slog.DiscardHandler))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	return l
}

// database makes a database with an empty ledger.
func database(ctx context.Context) string {
	GinkgoHelper()
	url, err := cluster.Copy(ctx, made)
	Expect(err).NotTo(HaveOccurred())
	return url
}

var _ = Describe("A reader of the ledger in Postgres", func() {
	var l *postgres.Ledger
	ledgertest.Readers(func(ctx context.Context) *bus.Bus {
		l = open(ctx, database(ctx))
		return streams(ctx)
	}, func(ctx context.Context, b *bus.Bus) ledger.Reader {
		_, err := ledger.CatchUp(ctx, b, l)
		Expect(err).NotTo(HaveOccurred())
		return l
	})
})

// streams starts a server with empty streams.
func streams(ctx context.Context) *bus.Bus {
	GinkgoHelper()
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
}

var _ = Describe("The ledger in Postgres", func() {
	ledgertest.Specs(func() ledger.Ledger { return open(context.Background(), database(context.Background())) })
})
