package main

import (
	"bytes"
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

var _ = Describe("A ledger in Postgres", func() {
	It("has the bill that the ledger in memory has", func(ctx context.Context) {
		scale.Long(Skip)
		cluster, err := pgtest.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Close()).To(Succeed()) })
		url, err := cluster.Database(ctx)
		Expect(err).NotTo(HaveOccurred())
		data := GinkgoT().TempDir()
		bill := func(args ...string) string {
			var out, errs bytes.Buffer
			args = append([]string{
				"up", "--once", "--demo", "--allow-incomplete", "--data", data, "--listen", "127.0.0.1:0",
			}, args...)
			Expect(run(args, strings.NewReader(""), &out, &errs)).To(BeZero(), errs.String())
			return out.String()
		}
		memory := bill()
		Expect(memory).To(ContainSubstring("total"))
		Expect(bill("--database-url", url)).To(Equal(memory))
		Expect(bill("--database-url", url)).To(Equal(memory), "nothing is posted twice")

		server, err := bus.StartServer(bus.ServerConfig{DataDir: data, Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())

		By("having archived all of USAGE before it ended")
		b, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
		Expect(err).NotTo(HaveOccurred())
		usage, err := b.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		b.Close()
		database, err := pgx.Connect(ctx, url)
		Expect(err).NotTo(HaveOccurred())
		var archived uint64
		Expect(database.QueryRow(ctx, "SELECT sequence FROM "+postgres.Schema+".positions WHERE stream = $1",
			events.StreamUsage).Scan(&archived)).To(Succeed())
		Expect(database.Close(ctx)).To(Succeed())
		Expect(archived).To(Equal(usage.Last))

		var out, errs bytes.Buffer
		Expect(run([]string{"replay", "ledger", "--nats", server.URL(), "--database-url", url}, nil, &out, &errs)).To(
			BeZero(), errs.String())
		server.Shutdown()
		Expect(out.String()).To(ContainSubstring("The ledger is filled anew"))
		Expect(bill("--database-url", url)).To(Equal(memory))
	})

	It("needs a database to run alone, and says which flag names it", func() {
		var out, errs bytes.Buffer
		Expect(run([]string{"ledger"}, strings.NewReader(""), &out, &errs)).To(Equal(2))
		Expect(errs.String()).To(ContainSubstring("--database-url"))
	})
})
