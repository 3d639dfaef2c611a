package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// The environment of a process that posts until it is killed: URLs of the server and the database.
const (
	victimBus      = "POSTGRES_TEST_BUS"
	victimDatabase = "POSTGRES_TEST_DATABASE"
)

// runVictim is the process to kill.
func runVictim() error {
	ctx := context.Background()
	b, err := bus.Connect(ctx, bus.Config{URL: os.Getenv(victimBus), Timeout: scale.Patience})
	if err != nil {
		return err
	}
	l, err := postgres.New(postgres.Config{URL: os.Getenv(victimDatabase), Part: part},
		slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return ledger.NewPoster(b, l, slog.New(slog.DiscardHandler)).Run(ctx)
}

// forgetful is a ledger whose posts fail in turn: not stored, stored but the answer lost, done.
type forgetful struct {
	*postgres.Ledger
	posts int
}

func (f *forgetful) Post(ctx context.Context, b ledger.Batch) error {
	f.posts++
	switch f.posts % 3 {
	case 1:
		return errors.New("not stored")
	case 2:
		return errors.Join(f.Ledger.Post(ctx, b), errors.New("stored, but the answer was lost"))
	}
	return f.Ledger.Post(ctx, b)
}

var _ = Describe("Posting to Postgres, exactly once", func() {
	var w world
	var nats, where string
	var l *postgres.Ledger
	BeforeEach(func(ctx context.Context) {
		w, where = world{}, database(ctx)
		w.bus, nats = server(ctx)
		l = open(ctx, where)
	})
	// posting runs a poster until the end of the spec.
	posting := func(ctx context.Context, to ledger.Ledger) *ledger.Poster {
		p := ledger.NewPoster(w.bus, to, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		DeferCleanup(func(ctx context.Context) {
			stop()
			Eventually(ctx, done).Should(Receive(BeNil()))
		})
		return p
	}
	// beyond publishes, starts something, and waits until a ledger has posted a part: the next
	// batch is under way.
	beyond := func(ctx context.Context, l ledger.Ledger, start func()) {
		GinkgoHelper()
		var before ledger.Positions
		Eventually(ctx, func() (err error) { // connections to a killed server fail once
			before, err = l.Positions(ctx)
			return err
		}).Should(Succeed())
		for range 4 {
			w.publish(ctx, 1000)
		}
		start()
		Eventually(ctx, func() (ledger.Positions, error) { return l.Positions(ctx) }).ShouldNot(Equal(before))
	}

	It("though transactions are not stored, or their answers are lost", func(ctx context.Context) {
		p := posting(ctx, &forgetful{Ledger: l})
		for range 4 {
			w.publish(ctx, 30)
			Expect(p.Wait(ctx, w.at)).To(Succeed())
		}
		w.judge(ctx, l)
	})

	It("though the process is killed", func(ctx context.Context) {
		program, err := os.Executable()
		Expect(err).NotTo(HaveOccurred())
		for range scale.Kills(GinkgoTB()) {
			victim := exec.CommandContext(ctx, program)
			victim.Env = append(os.Environ(), victimBus+"="+nats, victimDatabase+"="+where)
			beyond(ctx, l, func() { Expect(victim.Start()).To(Succeed()) })
			Expect(victim.Process.Kill()).To(Succeed())
			_ = victim.Wait() // it was killed
		}
		Expect(posting(ctx, l).Wait(ctx, w.at)).To(Succeed())
		w.judge(ctx, l)
	})

	It("though Postgres is killed", func(ctx context.Context) {
		own, err := pgtest.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(own.Close()).To(Succeed()) })
		where, err := own.Database(ctx)
		Expect(err).NotTo(HaveOccurred())
		l := open(ctx, where)
		p := posting(ctx, l)
		for range scale.Kills(GinkgoTB()) {
			beyond(ctx, l, func() {})
			own.Kill()
			Expect(own.Up(ctx)).To(Succeed())
		}
		Expect(p.Wait(ctx, w.at)).To(Succeed())
		w.judge(ctx, l)
		scale.Figure(GinkgoTB(), "ledger/postgres: %d kills of Postgres, %d entries, none lost, none twice",
			scale.Kills(GinkgoTB()), w.at.Billing)
	})
})
