package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// TestMain is the process to kill of kill_test.go, too.
func TestMain(m *testing.M) {
	if os.Getenv(victimBus) == "" {
		os.Exit(m.Run())
	}
	if err := runVictim(); err != nil {
		panic(err)
	}
}

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

// part is how many charges have sums of their own: few, so that a test has several parts.
const part = 50

// open opens a ledger in a database.
func open(ctx context.Context, url string) *postgres.Ledger {
	GinkgoHelper()
	l, err := postgres.New(postgres.Config{URL: url, Part: part}, slog.New(slog.DiscardHandler))
	Expect(err).NotTo(HaveOccurred())
	Expect(l.Migrate(ctx)).To(Succeed())
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
	b, _ := server(ctx)
	return b
}

// server starts a server with empty streams, and returns its URL, too.
func server(ctx context.Context) (*bus.Bus, string) {
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
	return b, server.URL()
}

var _ = Describe("The poster to Postgres", func() {
	var b *bus.Bus
	var url string
	BeforeEach(func(ctx context.Context) {
		b, url = streams(ctx), database(ctx)
	})

	It("posts beside another poster, and nothing is there twice or lacks", func(ctx context.Context) {
		w := world{bus: b}
		running, stop := context.WithCancel(ctx)
		var posters []*ledger.Poster
		done := make(chan error)
		for range 2 {
			p := ledger.NewPoster(b, open(ctx, url), slog.New(slog.DiscardHandler))
			posters = append(posters, p)
			go func() { done <- p.Run(running) }()
		}
		for range 30 {
			w.publish(ctx, 50)
		}
		for _, p := range posters {
			Expect(p.Wait(ctx, w.at)).To(Succeed())
		}
		stop()
		for range posters {
			Eventually(ctx, done).Should(Receive(BeNil()))
		}
		w.judge(ctx, open(ctx, url))
	})

	It("has several answers at one position, whatever is posted meanwhile", func(ctx context.Context) {
		w := world{bus: b}
		w.publish(ctx, 100)
		l := open(ctx, url)
		w.post(ctx, l)
		before := w
		at, still, err := l.Still(ctx, func(r ledger.Reader) error {
			before.judge(ctx, r)
			w.publish(ctx, 10)
			w.post(ctx, l)
			before.judge(ctx, r)
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(still).To(BeTrue())
		Expect(at).To(Equal(before.at))
		w.judge(ctx, l)
	})

	It("fills the sums by tenant and resource that an earlier version did not keep", func(ctx context.Context) {
		w := world{bus: b}
		w.publish(ctx, 9*part)
		l := open(ctx, url)
		w.post(ctx, l)
		db, err := pgx.Connect(ctx, url)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(db.Close)
		_, err = db.Exec(ctx, "SET search_path = daybook_1; TRUNCATE tenant_sums, resource_sums; "+
			"UPDATE sums_position SET billing_sequence = 0")
		Expect(err).NotTo(HaveOccurred())
		for _, rows := range []string{"0", "1", "1", "1"} { // four parts with each batch: the third is the last
			w.judge(ctx, l)
			Expect(l.MonthSums(ctx, "", nil)).To(HaveExactElements(HaveField("Amount.String()",
				fmt.Sprint(w.at.Billing))))
			var found string
			Expect(db.QueryRow(ctx, "SELECT count(*)::text FROM tenant_sums").Scan(&found)).To(Succeed())
			Expect(found).To(Equal(rows))
			w.publish(ctx, 1)
			w.post(ctx, l)
		}
		var tenants, resources, position int
		Expect(db.QueryRow(ctx, `SELECT (SELECT sum(charges) FROM tenant_sums),
			(SELECT sum(charges) FROM resource_sums), billing_sequence FROM sums_position`).Scan(&tenants, &resources, &position)).To(Succeed())
		Expect([]int{tenants, resources, position}).To(HaveEach(int(w.at.Billing)))

		By("answering from a schema that has none of them yet")
		_, err = db.Exec(ctx, "DROP VIEW daybook.sums_position, daybook.tenant_sums, daybook.resource_sums")
		Expect(err).NotTo(HaveOccurred())
		w.judge(ctx, l)
	})

	It("waits for a stream that lost its end, and goes on where it is the same again", func(ctx context.Context) {
		w := world{bus: b}
		w.publish(ctx, 100)
		l := open(ctx, url)
		_, err := ledger.CatchUp(ctx, b, l)
		Expect(err).NotTo(HaveOccurred())

		again := world{bus: streams(ctx)}
		again.publish(ctx, 60)
		p := ledger.NewPoster(again.bus, l, slog.New(slog.DiscardHandler))
		running, stop := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- p.Run(running) }()
		state := func() error {
			_, err := p.Check(ctx)
			return err
		}
		Eventually(state).Should(MatchError(ledger.ErrBehind))
		again.publish(ctx, 90)
		Expect(p.Wait(ctx, again.at)).To(Succeed())
		Expect(state()).To(Succeed())
		stop()
		Eventually(ctx, done).Should(Receive(BeNil()))
		again.judge(ctx, l)
	})

	It("refuses another stream, and says what to do", func(ctx context.Context) {
		w := world{bus: b}
		w.publish(ctx, 100)
		l := open(ctx, url)
		_, err := ledger.CatchUp(ctx, b, l)
		Expect(err).NotTo(HaveOccurred())
		for _, other := range []world{
			{bus: streams(ctx), from: 1000},  // begins otherwise
			{bus: streams(ctx), change: 40},  // is another one in the middle
			{bus: streams(ctx), change: 100}, // at the position
		} {
			other.publish(ctx, 100)
			other.publish(ctx, 10)
			p := ledger.NewPoster(other.bus, l, slog.New(slog.DiscardHandler))
			running, stop := context.WithCancel(ctx)
			done := make(chan error)
			go func() { done <- p.Run(running) }()
			Eventually(func() error {
				_, err := p.Check(ctx)
				return err
			}).Should(And(MatchError(ledger.ErrForeign), MatchError(ContainSubstring("daybook replay ledger"))))
			stop()
			Eventually(ctx, done).Should(Receive(BeNil()))
			w.judge(ctx, l)
		}
	})
})

var _ = Describe("The ledger in Postgres", func() {
	ledgertest.Specs(func() ledger.Ledger { return open(context.Background(), database(context.Background())) })
})
