package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/memory"
)

func TestLedger(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(scale.Patience)
	RunSpecs(t, "Ledger")
}

type nonsense struct{}

func (nonsense) AppendJSON(b []byte) []byte { return append(b, "[1, 2"...) }

// forgetful is a ledger that fails, now before and now after it has posted.
type forgetful struct {
	*memory.Ledger
	posts int
}

func (f *forgetful) Post(ctx context.Context, b ledger.Batch) error {
	f.posts++
	switch f.posts {
	case 1:
		return errors.New("not posted")
	case 2:
		return errors.Join(f.Ledger.Post(ctx, b), errors.New("posted, but the answer was lost"))
	}
	return f.Ledger.Post(ctx, b)
}

var _ = Describe("The poster", func() {
	var b *bus.Bus
	BeforeEach(func(ctx context.Context) {
		leaks := goleak.IgnoreCurrent()
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		DeferCleanup(func() {
			b.Close()
			server.Shutdown()
			Eventually(func() error { return goleak.Find(leaks) }).Should(Succeed())
		})
	})

	publish := func(ctx context.Context, stream, subject, kind string, n int,
		body func(i int) interface{ AppendJSON([]byte) []byte },
	) uint64 {
		GinkgoHelper()
		var messages []bus.Message
		for i := range n {
			messages = append(messages, bus.Message{
				Subject: subject, Data: body(i).AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: kind}},
			})
		}
		state, err := b.Stream(ctx, stream)
		Expect(err).NotTo(HaveOccurred())
		last, err := b.Append(ctx, stream, messages, bus.Expect{Last: state.Last})
		Expect(err).NotTo(HaveOccurred())
		return last
	}

	It("stops at a message that cannot be read, rather than leave it out", func(ctx context.Context) {
		publish(ctx, events.StreamBilling, "billing.charge.org.cf.prod.app.a", events.TypeBilling,
			1, func(int) interface{ AppendJSON([]byte) []byte } {
				return &events.Horizon{Source: "cf", Time: time.Unix(0, 0)}
			})
		publish(ctx, events.StreamBilling, "billing.charge.org.cf.prod.app.a", events.TypeBilling, 1,
			func(int) interface{ AppendJSON([]byte) []byte } { return nonsense{} })
		poster := ledger.NewPoster(b, memory.New(), slog.New(slog.DiscardHandler))
		Expect(poster.Run(ctx)).To(And(MatchError(ledger.ErrUnreadable),
			MatchError(ContainSubstring("message 2 of BILLING"))))
	})

	It("has a month as final when BILLING closes it: METERED closes it before it is charged", func(
		ctx context.Context,
	) {
		l := memory.New()
		poster := ledger.NewPoster(b, l, slog.New(slog.DiscardHandler))
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- poster.Run(running) }()
		defer func() {
			stop()
			Eventually(ctx, done).Should(Receive(BeNil()))
		}()
		closing := func(int) interface{ AppendJSON([]byte) []byte } {
			return &events.Closing{ID: "c", Source: "cf", Foundation: "prod", Month: "2026-10"}
		}
		var at ledger.Positions
		bill := func() ledger.Bill {
			GinkgoHelper()
			Expect(poster.Wait(ctx, at)).To(Succeed())
			bill, err := l.Bill(ctx, ledger.Query{Period: "2026-10"})
			Expect(err).NotTo(HaveOccurred())
			return bill
		}
		publish(ctx, events.StreamMetered, events.MeteredHorizonSubject("cf", "prod"), events.TypeHorizon, 1,
			func(int) interface{ AppendJSON([]byte) []byte } {
				return &events.Horizon{
					ID: "h", Source: "cf", Foundation: "prod", Time: time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC),
				}
			})
		at.Metered = publish(ctx, events.StreamMetered, events.MeteredClosingSubject("cf", "prod"), events.TypeClosing,
			1, closing)
		Expect(bill()).To(And(HaveField("Final", BeEmpty()), HaveField("Preliminary", Equal([]string{"2026-10"}))))

		at.Billing = publish(ctx, events.StreamBilling, events.BillingClosingSubject("cf", "prod"), events.TypeClosing,
			1, closing)
		Expect(bill()).To(And(HaveField("Final", Equal([]string{"2026-10"})), HaveField("Preliminary", BeEmpty())))
	})

	DescribeTable("posts every message of both streams once", func(ctx context.Context, l ledger.Ledger) {
		var at ledger.Positions
		at.Metered = publish(ctx, events.StreamMetered, "metered.cf.prod.org.app.a", events.TypeMetered,
			300, func(i int) interface{ AppendJSON([]byte) []byte } {
				return &events.Metered{
					ID: fmt.Sprint(i), Source: "cf", Foundation: "prod", Tenant: "org",
					Running: []events.Span{{Kind: "app", Resource: fmt.Sprint(i), Tenant: "org"}},
				}
			})
		for range 3 {
			at.Billing = publish(ctx, events.StreamBilling, "billing.charge.org.cf.prod.app.a", events.TypeBilling,
				1000, func(i int) interface{ AppendJSON([]byte) []byte } {
					return &events.Billing{ID: fmt.Sprint(i), Charges: []events.Charge{
						ledgertest.Charge("org", "2026-11", "app", "0.001", "0.0002").Charge,
					}}
				})
		}
		poster := ledger.NewPoster(b, l, slog.New(slog.DiscardHandler))
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- poster.Run(running) }()
		Expect(poster.Wait(ctx, at)).To(Succeed())
		stop()
		Eventually(ctx, done).Should(Receive(BeNil()))

		bill, err := l.Bill(ctx, ledger.Query{})
		Expect(err).NotTo(HaveOccurred())
		Expect(bill.Lines).To(HaveLen(1))
		Expect(bill.Lines[0].Charges).To(Equal(3000))
		Expect(bill.Lines[0].Amount.String()).To(Equal("3"))
		spans, err := l.Running(ctx, ledger.Query{Tenant: "org"})
		Expect(err).NotTo(HaveOccurred())
		Expect(spans).To(HaveLen(1), "the last message of the subject")
	},
		Entry("as they come", memory.New()),
		Entry("though a post fails, and the answer of another is lost", &forgetful{Ledger: memory.New()}),
	)
})
