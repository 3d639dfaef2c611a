package ledger_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/memory"
)

// author appends to METERED and BILLING as the stages do, with their chain.
type author struct {
	bus   *bus.Bus
	chain map[string][]byte // by stream
	n     int
}

func (a *author) append(ctx context.Context, stream string, messages []bus.Message) {
	GinkgoHelper()
	for i := range messages {
		m := &messages[i]
		digest := sha256.New()
		digest.Write(a.chain[stream])
		digest.Write(binary.BigEndian.AppendUint32(nil, uint32(len(m.Subject))))
		digest.Write([]byte(m.Subject))
		digest.Write(m.Data)
		a.chain[stream] = digest.Sum(nil)
	}
	last := &messages[len(messages)-1]
	last.Header = append(last.Header, events.Header{
		Key: stage.HeaderChain, Value: hex.EncodeToString(a.chain[stream]),
	})
	state, err := a.bus.Stream(ctx, stream)
	Expect(err).NotTo(HaveOccurred())
	_, err = a.bus.Append(ctx, stream, messages, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
}

// write appends messages of both streams, each with a charge of the amount, or with a running span.
func (a *author) write(ctx context.Context, messages int, amount string) {
	GinkgoHelper()
	for messages > 0 {
		var spans, charges []bus.Message
		for range min(messages, bus.MaxBatch) {
			a.n++
			id := strconv.Itoa(a.n)
			header := func(kind string) []events.Header {
				return []events.Header{{Key: events.HeaderType, Value: kind}, {Key: events.HeaderID, Value: id}}
			}
			m := &events.Metered{
				ID: id, Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app", Resource: "a",
				Running: []events.Span{{Kind: "app", Resource: id, Tenant: "org"}},
			}
			c := &events.Billing{ID: id, Charges: []events.Charge{
				ledgertest.Charge("org", "2026-11", "app", amount, "0").Charge,
			}}
			spans = append(spans, bus.Message{
				Subject: "metered.cf.prod.org.app.a", Data: m.AppendJSON(nil), Header: header(events.TypeMetered),
			})
			charges = append(charges, bus.Message{
				Subject: "billing.charge.org.cf.prod.app.a", Data: c.AppendJSON(nil),
				Header: header(events.TypeBilling),
			})
		}
		messages -= len(spans)
		a.append(ctx, events.StreamMetered, spans)
		a.append(ctx, events.StreamBilling, charges)
	}
}

// counting counts the messages that are read.
type counting struct {
	*bus.Bus
	read   int
	refuse bool // writes of snapshots fail
}

func (c *counting) Each(ctx context.Context, stream string, from, to uint64, o bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	return c.Bus.Each(ctx, stream, from, to, o, func(m *bus.Stored) error {
		c.read++
		return yield(m)
	})
}

func (c *counting) PutObject(ctx context.Context, bucket, name string, data []byte) error {
	if c.refuse {
		return errors.New("denied")
	}
	return c.Bus.PutObject(ctx, bucket, name, data)
}

// enough is how many messages of each stream are read before a bill saves a snapshot.
const enough = 5_000

var _ = Describe("Snapshots of the ledger", func() {
	var server *bus.Server
	var admin *bustest.Client
	var b *bus.Bus
	var a *author
	BeforeEach(func(ctx context.Context) {
		var err error
		server, err = bus.StartServer(bus.ServerConfig{
			DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0", User: "u", Password: "p",
		})
		Expect(err).NotTo(HaveOccurred())
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL(), User: "u", Password: "p", Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		admin, err = bustest.Dial(server.URL(), "u", "p")
		Expect(err).NotTo(HaveOccurred())
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		a = &author{bus: b, chain: map[string][]byte{}}
		for _, stream := range []string{events.StreamMetered, events.StreamBilling} {
			a.chain[stream] = make([]byte, sha256.Size)
		}
		DeferCleanup(func() {
			admin.Close()
			b.Close()
			server.Shutdown()
		})
	})
	api := func(subject, body string) {
		GinkgoHelper()
		answer, err := admin.Request("$JS.API."+subject, []byte(body))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer.Data)).To(ContainSubstring(`"success":true`))
	}
	// bill reads the streams, and returns the amount, what is missing, and how many messages were
	// read.
	bill := func(ctx context.Context) (amount string, missing []string, read int) {
		GinkgoHelper()
		l, c := memory.New(), &counting{Bus: b}
		missing, err := ledger.CatchUp(ctx, c, l)
		Expect(err).NotTo(HaveOccurred())
		bill, err := l.Bill(ctx, ledger.Query{})
		Expect(err).NotTo(HaveOccurred())
		Expect(bill.Lines).To(HaveLen(1))
		Expect(bill.Running).To(Equal(1))
		return bill.Lines[0].Amount.String(), missing, c.read
	}
	snapshots := func(ctx context.Context) []string {
		GinkgoHelper()
		names, err := b.ListObjects(ctx, ledger.Bucket)
		Expect(err).NotTo(HaveOccurred())
		return names
	}

	It("are saved by a bill that has read much, and spare the next one the reading", func(ctx context.Context) {
		a.write(ctx, enough-1, "0.1")
		_, _, read := bill(ctx)
		Expect(read).To(Equal(2 * (enough - 1)))
		Expect(snapshots(ctx)).To(BeEmpty())
		a.write(ctx, 1, "0.1")
		amount, missing, _ := bill(ctx)
		Expect(amount).To(Equal("500"))
		Expect(missing).To(BeEmpty())
		Expect(snapshots(ctx)).To(HaveLen(1))
		a.write(ctx, 3, "0.1")
		amount, missing, read = bill(ctx)
		Expect(amount).To(Equal("500.3"))
		Expect(missing).To(BeEmpty())
		Expect(read).To(Equal(6))
	})

	It("need not be saved", func(ctx context.Context) {
		a.write(ctx, enough, "0.1")
		_, err := ledger.CatchUp(ctx, &counting{Bus: b, refuse: true}, memory.New())
		Expect(err).NotTo(HaveOccurred())
		Expect(snapshots(ctx)).To(BeEmpty())
	})

	It("are kept up to the last three", func(ctx context.Context) {
		for range 5 {
			a.write(ctx, enough, "1")
			bill(ctx)
		}
		Expect(snapshots(ctx)).To(HaveLen(3))
		_, _, read := bill(ctx)
		Expect(read).To(BeZero())
	})

	Describe("of which something came between", func() {
		BeforeEach(func(ctx context.Context) {
			a.write(ctx, enough, "0.1")
			bill(ctx)
			Expect(snapshots(ctx)).To(HaveLen(1))
		})

		It("are passed over where they are damaged", func(ctx context.Context) {
			name := snapshots(ctx)[0]
			data, err := b.GetObject(ctx, ledger.Bucket, name)
			Expect(err).NotTo(HaveOccurred())
			data[len(data)/2] ^= 1
			Expect(b.PutObject(ctx, ledger.Bucket, name, data)).To(Succeed())
			amount, missing, read := bill(ctx)
			Expect(amount).To(Equal("500"))
			Expect(missing).To(BeEmpty())
			Expect(read).To(Equal(2 * enough))
			By("and the bill has saved another")
			_, _, read = bill(ctx)
			Expect(read).To(BeZero())
		})

		It("are passed over where a stream has lost its tail, also when it is derived anew as another one",
			func(ctx context.Context) {
				at := snapshots(ctx)[0]
				api("STREAM.PURGE."+events.StreamBilling, "")
				api("STREAM.DELETE."+events.StreamBilling, "")
				Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
				a.chain[events.StreamBilling], a.n = make([]byte, sha256.Size), 0
				a.write(ctx, 10, "0.2") // of METERED it is more
				amount, _, read := bill(ctx)
				Expect(amount).To(Equal("2"))
				Expect(read).To(Equal(enough + 10 + 10))
				a.write(ctx, enough-10, "0.2")
				amount, missing, read := bill(ctx)
				Expect(amount).To(Equal("1000"))
				Expect(missing).To(BeEmpty())
				Expect(read).To(Equal(3 * enough))
				Expect(snapshots(ctx)).To(ContainElement(at), "it may be of use when the tail is derived again")
			})

		It("are not trusted where the messages before them are others, though the last one is the same",
			func(ctx context.Context) {
				last, err := b.Get(ctx, events.StreamBilling, enough)
				Expect(err).NotTo(HaveOccurred())
				api("STREAM.DELETE."+events.StreamBilling, "")
				Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
				a.chain[events.StreamBilling] = make([]byte, sha256.Size)
				for n := enough - 1; n > 0; {
					var batch []bus.Message
					for range min(n, bus.MaxBatch) {
						batch = append(batch, bus.Message{Subject: "billing.horizon.cf.prod", Data: []byte("{}")})
					}
					n -= len(batch)
					a.append(ctx, events.StreamBilling, batch)
				}
				a.append(ctx, events.StreamBilling, []bus.Message{{
					Subject: last.Subject, Data: last.Data, Header: []events.Header{
						{Key: events.HeaderType, Value: last.Header(events.HeaderType)},
						{Key: events.HeaderID, Value: last.Header(events.HeaderID)},
					},
				}})
				amount, missing, _ := bill(ctx)
				Expect(amount).To(Equal("0.1"))
				Expect(missing).To(BeEmpty())
			})

		It("change no word of a bill about messages that are missing", func(ctx context.Context) {
			cold := func() []string {
				GinkgoHelper()
				for _, name := range snapshots(ctx) {
					Expect(b.DeleteObject(ctx, ledger.Bucket, name)).To(Succeed())
				}
				_, missing, read := bill(ctx)
				Expect(read).To(BeNumerically(">", enough))
				Expect(missing).NotTo(BeEmpty())
				return missing
			}
			api("STREAM.MSG.DELETE."+events.StreamBilling, fmt.Sprintf(`{"seq":%d}`, enough/2))
			_, missing, _ := bill(ctx)
			Expect(missing).To(Equal(cold()))
		})

		It("are passed over where a message before them was deleted since, however many came behind them",
			func(ctx context.Context) {
				api("STREAM.MSG.DELETE."+events.StreamBilling, fmt.Sprintf(`{"seq":%d}`, enough/2))
				a.write(ctx, 1, "0.1") // as many messages as before
				_, missing, read := bill(ctx)
				Expect(missing).To(HaveLen(1))
				Expect(read).To(BeNumerically(">=", 2*enough))
			})

		It("do not hide a message that is deleted behind them, or the last one", func(ctx context.Context) {
			a.write(ctx, 5, "0.1")
			api("STREAM.MSG.DELETE."+events.StreamMetered, fmt.Sprintf(`{"seq":%d}`, enough+2))
			api("STREAM.MSG.DELETE."+events.StreamBilling, fmt.Sprintf(`{"seq":%d}`, enough+5))
			_, missing, _ := bill(ctx)
			Expect(missing).To(HaveLen(2))
			Expect(missing[0]).To(HavePrefix("METERED: a message up to"))
			Expect(missing[1]).To(HavePrefix("BILLING: message"))
		})

		It("spare a poster the reading, and it saves what comes", func(ctx context.Context) {
			a.write(ctx, 3, "0.1")
			post := func(l *memory.Ledger) *logged {
				GinkgoHelper()
				log := &logged{}
				poster := ledger.NewPoster(b, l, slog.New(slog.NewTextHandler(log, nil)))
				running, stop := context.WithCancel(ctx)
				done := make(chan error, 1)
				go func() { done <- poster.Run(running) }()
				all := uint64(a.n)
				Expect(poster.Wait(ctx, ledger.Positions{Metered: all, Billing: all})).To(Succeed())
				stop()
				Eventually(ctx, done).WithTimeout(scale.Patience).Should(Receive(BeNil()))
				return log
			}
			l := memory.New()
			Expect(post(l).String()).To(ContainSubstring("restored"))
			got, err := l.Bill(ctx, ledger.Query{})
			Expect(err).NotTo(HaveOccurred())
			Expect(got.Lines[0].Amount.String()).To(Equal("500.3"))
			_, missing, read := bill(ctx)
			Expect(missing).To(BeEmpty())
			Expect(read).To(BeZero(), "the poster has saved its state")
			By("and a poster does not trust a snapshot of other messages")
			api("STREAM.DELETE."+events.StreamBilling, "")
			Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
			api("STREAM.DELETE."+events.StreamMetered, "")
			Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
			for _, stream := range []string{events.StreamMetered, events.StreamBilling} {
				a.chain[stream] = make([]byte, sha256.Size)
			}
			a.n = 0
			a.write(ctx, enough+7, "0.2")
			l = memory.New()
			post(l)
			got, err = l.Bill(ctx, ledger.Query{})
			Expect(err).NotTo(HaveOccurred())
			Expect(got.Lines[0].Amount.String()).To(Equal("1001.4"))
		})
	})
})

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
