package main

import (
	"context"
	"log/slog"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
	"github.com/daybook-billing/daybook/projector/timeline"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// ledgerReads are the commands that read the ledger.
func ledgerReads() [][]string {
	var all [][]string
	for _, line := range []string{
		"bill", "bill --format json --by app,day", "bill --format csv --month 2026-10 --exact",
		"forecast", "forecast --format json --by foundation,kind", "forecast --format csv",
		"export --month 2026-10", "export --month 2026-10 --format jsonl",
		"export --month 2026-10 --what totals --by plan",
		"export --month 2015-07 --what corrections", "export --month 2015-07 --what statements",
		"anomalies list", "anomalies list --format json",
	} {
		all = append(all, strings.Fields(line))
	}
	return all
}

var _ = Describe("A command that reads the ledger, with a database", Ordered, func() {
	var cluster *pgtest.Cluster
	BeforeAll(func(ctx context.Context) {
		scale.Long(Skip)
		var err error
		cluster, err = pgtest.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Close()).To(Succeed()) })
	})
	// database is a database with an empty ledger.
	database := func(ctx context.Context) (string, *postgres.Ledger) {
		GinkgoHelper()
		url, err := cluster.Database(ctx)
		Expect(err).NotTo(HaveOccurred())
		l, err := postgres.New(postgres.Config{URL: url}, slog.New(slog.DiscardHandler))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		Expect(l.Migrate(ctx)).To(Succeed())
		return url, l
	}

	It("prints what it prints without one, byte for byte, or says why it can not", func(ctx context.Context) {
		s := demonstrated(ctx)
		url, l := database(ctx)
		GinkgoT().Setenv("DATABASE_URL", url)
		_, err := ledger.CatchUp(ctx, s.bus, l)
		Expect(err).NotTo(HaveOccurred())
		Expect(plans.KeepAlarm(ctx, s.bus, &plans.Comparison{
			Source: events.SourceCF, Foundation: "demo", Agrees: true,
		})).To(Succeed())
		Expect(s.ran("bill")).To(ContainSubstring("cf demo: agrees with the platform at "))
		for _, args := range ledgerReads() {
			status, out, problem := s.daybook(append(args, "--database-url=")...)
			Expect(status).To(BeZero(), "%s: %s", args, problem)
			Expect(out).NotTo(BeEmpty(), "%s", args)
			status, stored, problem := s.daybook(args...)
			Expect(status).To(BeZero(), "%s: %s", args, problem)
			Expect(stored).To(Equal(out), "%s", args)
		}
		Expect(s.ran("status")).To(MatchRegexp(`ledger +postgres\n +state +posted\n +METERED +posted to message \d+ of \d+\n`))

		file, _, _ := month(10)
		_, _, _ = s.daybook("collect", "file", "--foundation", "later", file)
		s.work(ctx, timeline.CutDay)
		for _, command := range []string{"bill", "forecast", "export --month 2026-10", "anomalies list"} {
			status, out, problem := s.daybook(strings.Fields(command)...)
			Expect(status).To(Equal(1), command)
			Expect(out).To(BeEmpty(), command)
			Expect(problem).To(MatchRegexp("is stopped: METERED is posted to message [0-9]+ of [0-9]+, BILLING is " +
				"posted to message [0-9]+ of [0-9]+: no process posts: run `daybook ledger`, .*; --database-url= asks the streams"))
		}
		Expect(s.ran("status")).To(MatchRegexp(`(?m)^  state +stopped: no process posts: run .daybook ledger`))
		Expect(s.ran("status", "--format", "json")).To(ContainSubstring(`{"ledger":{"in":"postgres","state":"stopped"`))

		By("waiting for a process that posts")
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 2)
		noted := make(chan struct{})
		go func() {
			l.KeepNames(running, s.bus, func() { close(noted) })
			ended <- nil
		}()
		Eventually(ctx, noted).Should(BeClosed())
		Eventually(ctx, func() (ledger.State, error) { return l.State(ctx, s.bus) }).Should(
			HaveField("State", ledger.StatePosting))
		go func() { ended <- ledger.NewPoster(s.bus, l, slog.New(slog.DiscardHandler)).Run(running) }()
		Expect(s.ran("bill")).To(Equal(s.ran("bill", "--database-url=")))
		stop()
		for range 2 {
			Eventually(ctx, ended).Should(Receive(BeNil()))
		}
	})

	It("is refused where the ledger was posted from other streams, or from more of them", func(ctx context.Context) {
		first := demonstrated(ctx)
		url, l := database(ctx)
		_, err := ledger.CatchUp(ctx, first.bus, l)
		Expect(err).NotTo(HaveOccurred())
		empty := newSite(ctx)
		status, _, problem := empty.daybook("bill", "--database-url", url)
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("is waiting"))
		Expect(problem).To(ContainSubstring("it is being derived again"))

		other := newSite(ctx)
		file, _, prices := month(10)
		other.ran("catalogue", "publish", "--yes", prices)
		_, _, _ = other.daybook("collect", "file", "--foundation", "other", file)
		other.work(ctx, timeline.CutDay)
		status, _, problem = other.daybook("bill", "--database-url", url)
		Expect(status).To(Equal(1))
		Expect(problem).To(And(ContainSubstring("is refused"), ContainSubstring("`daybook replay ledger` fills it anew")))
		Expect(other.ran("status", "--database-url", url)).To(MatchRegexp("state +refused: .*`daybook replay ledger`"))
		other.ran("replay", "ledger", "--database-url", url) // the advice
		Expect(other.ran("bill", "--database-url", url)).To(Equal(other.ran("bill")))
	})

	It("sees a ledger that is filled anew, with the time left, and one that is not there", func(ctx context.Context) {
		s := demonstrated(ctx)
		url, l := database(ctx)
		_, err := ledger.CatchUp(ctx, s.bus, l)
		Expect(err).NotTo(HaveOccurred())
		filled := `filled anew +%s of \d+ messages, \d+ a second, time left: `
		Expect(l.Rebuild(ctx, s.bus, func(ctx context.Context, to *postgres.Ledger) error {
			Expect(s.ran("status", "--database-url", url)).To(MatchRegexp(
				strings.Replace(filled, "%s", "0", 1) + "not known yet"))
			_, err := ledger.CatchUp(ctx, s.bus, to)
			usage, _ := s.bus.Stream(ctx, events.StreamUsage)
			to.Archive(ctx, s.bus, usage.Last)
			state, err2 := l.State(ctx, s.bus)
			Expect(err2).NotTo(HaveOccurred())
			Expect(state.Rebuild.Posted).To(Equal(state.Rebuild.Messages))
			Expect(s.ran("status", "--database-url", url)).To(ContainSubstring("time left: 0s"))
			return err
		})).To(Succeed())
		Expect(s.ran("status", "--database-url", url)).NotTo(ContainSubstring("filled anew"))

		none, err := cluster.Database(ctx)
		Expect(err).NotTo(HaveOccurred())
		status, _, problem := s.daybook("bill", "--database-url", none)
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("the database has no ledger yet"))
	})

	It("tells how far a ledger that is filled anew has come by the messages that are left", func() {
		r := ledger.Rebuild{Posted: 300, Messages: 1000}
		r.Left(10e9)
		Expect([]uint64{r.Rate, r.SecondsLeft}).To(Equal([]uint64{30, 24}))
	})
})
