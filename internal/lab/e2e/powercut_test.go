package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
)

// derived are the streams whose end a power cut may take.
var derived = []string{events.StreamMetered, events.StreamBilling}

// lastBlock is the last file with messages of a stream, "" if there is none.
func lastBlock(data, stream string) string {
	GinkgoHelper()
	blocks, err := filepath.Glob(filepath.Join(data, "jetstream", "$G", "streams", stream, "msgs", "*.blk"))
	Expect(err).NotTo(HaveOccurred())
	if len(blocks) == 0 {
		return ""
	}
	number := func(path string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".blk"))
		return n
	}
	return slices.MaxFunc(blocks, func(a, b string) int { return number(a) - number(b) })
}

// cutTail does to a derived stream what a power cut can: the last block ends at any byte, and the
// index is the one of the end, or gone. It returns how many bytes are gone.
func cutTail(data, stream string, random *rand.Rand) int64 {
	GinkgoHelper()
	last := lastBlock(data, stream)
	if last == "" {
		return 0 // killed before there was any
	}
	info, err := os.Stat(last)
	Expect(err).NotTo(HaveOccurred())
	left := random.Int64N(info.Size() + 1)
	cut(last, left, random.IntN(2) == 0)
	return info.Size() - left
}

// cut leaves so many bytes of a stream's last block, and its index or not.
func cut(block string, left int64, index bool) {
	GinkgoHelper()
	Expect(os.Truncate(block, left)).To(Succeed())
	if !index {
		Expect(os.RemoveAll(filepath.Join(filepath.Dir(block), "index.db"))).To(Succeed())
	}
}

// untilDone runs a command with an end until it ends well, as somebody would who starts it again.
// The channel is closed then.
func untilDone(ctx context.Context, args ...string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		for ctx.Err() == nil {
			session := start(args...)
			Eventually(ctx, session).Should(gexec.Exit())
			if session.ExitCode() == 0 {
				close(done)
				return
			}
		}
	}()
	return done
}

// atWork returns at some moment of what is left to be done, and at once where nothing is.
func atWork(ctx context.Context, b *bus.Bus, random *rand.Rand, wanted contents) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	Eventually(ctx, b.Check).WithArguments(ctx).WithPolling(pollEvery).Should(Succeed())
	awaitStream(ctx, b, events.StreamBilling)
	m, left := nextMoment(ctx, b, random, wanted, events.StreamUsage, events.StreamMetered, events.StreamBilling)
	if left {
		Expect(m.reached(ctx, b)).To(Succeed())
	}
}

// whole waits until METERED and BILLING are as long as they should be.
func whole(ctx context.Context, b *bus.Bus, wanted contents) {
	GinkgoHelper()
	for _, stream := range derived {
		Eventually(ctx, func(g Gomega) {
			state, err := b.Stream(ctx, stream)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(state.Last).To(BeNumerically(">=", len(wanted[stream])))
		}).WithPolling(20*pollEvery).Should(Succeed(), "%s", stream)
	}
}

// post has a ledger read the streams until the spec ends.
func post(ctx context.Context, b *bus.Bus, to ledger.Ledger) *ledger.Poster {
	poster := ledger.NewPoster(b, to, slog.New(slog.NewTextHandler(GinkgoWriter, nil)))
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		defer GinkgoRecover()
		Expect(poster.Run(ctx)).To(Succeed())
	})
	DeferCleanup(func() { stop(); running.Wait() })
	return poster
}

// sums are the lines of a ledger's bill.
func sums(ctx context.Context, l ledger.Ledger) (lines []string) {
	GinkgoHelper()
	bill, err := l.Bill(ctx, ledger.Query{})
	Expect(err).NotTo(HaveOccurred())
	for i := range bill.Lines {
		line := &bill.Lines[i]
		lines = append(lines, fmt.Sprint(line.Period, line.Tenant, line.Kind, line.Plan, line.Component, " ",
			line.Charges, line.Quantity.String(), line.Amount.String(), line.VAT.String()))
	}
	return lines
}

var _ = Describe("A power cut", Serial, func() {
	BeforeEach(notShort)

	It("takes the ends of METERED and BILLING, and daybook up derives them again, the same", func(ctx context.Context) {
		random, w := newRand(), newWorkload(10_000)
		wanted, bill := w.charged(ctx)
		cuts, gone := scale.Cuts(GinkgoT()), int64(0)
		for cut := 0; cut < cuts; {
			data := filepath.Join(GinkgoT().TempDir(), "data")
			for more := true; more && cut < cuts; cut++ {
				session := start(w.up(data)...)
				if random.IntN(3) == 0 { // when everything is done
					Eventually(session, patience).Should(gexec.Exit(0))
					more = false
				} else {
					more = killSometime(ctx, session, random, wanted)
				}
				for _, stream := range derived {
					gone += cutTail(data, stream, random)
				}
			}
			Expect(run(w.up(data)...)).To(Equal(bill))
			Expect(difference(stored(ctx, data), wanted)).To(BeEmpty())
		}
		Expect(gone).To(BeNumerically(">", 0))
		scale.Figure(GinkgoT(), "daybook up, %d power cuts that took %d bytes: the same bytes in all streams, and the "+
			"same bill", cuts, gone)
	})

	It("of an external server takes them from services that run on, and they derive them again, the same; a ledger "+
		"that has posted what is gone counts nothing twice",
		func(ctx context.Context) {
			random, w := newRand(), newWorkload(2_500)
			wanted, bill := w.charged(ctx)
			server := startNATSServer()
			run("catalogue", "publish", "--yes", w.prices, "--nats", server.url)
			b := connectFor(ctx, server.url, time.Second)
			services := []service{startService(server.url, "project"), startService(server.url, "price")}
			posted := memory.New()
			poster := post(ctx, b, posted)
			collected := untilDone(ctx, "collect", "file", w.events, "--nats", server.url)
			cuts, gone := scale.Cuts(GinkgoT()), int64(0)
			for range cuts {
				atWork(ctx, b, random, wanted)
				server.kill()
				for _, stream := range derived {
					gone += cutTail(server.data, stream, random)
				}
				server.start()
			}
			Eventually(collected).Should(BeClosed())
			whole(ctx, b, wanted)
			Expect(difference(read(ctx, b), wanted)).To(BeEmpty())
			Expect(run("bill", "--nats", server.url)).To(Equal(bill))
			Expect(poster.Wait(ctx, ledger.Positions{
				Metered: uint64(len(wanted[events.StreamMetered])), Billing: uint64(len(wanted[events.StreamBilling])),
			})).To(Succeed())
			afresh := memory.New()
			Expect(ledger.CatchUp(ctx, b, afresh)).To(BeEmpty())
			Expect(sums(ctx, posted)).To(Equal(sums(ctx, afresh)))
			for _, s := range services {
				Expect(s.session.ExitCode()).To(Equal(-1), "it has run on")
			}
			Expect(gone).To(BeNumerically(">", 0))
			scale.Figure(GinkgoT(), "nats-server, %d power cuts that took %d bytes from services that ran on: the "+
				"same bytes in all streams, and the same bill", cuts, gone)
		})
})
