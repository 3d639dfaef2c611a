package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

func TestBench(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "bench")
}

// told is an answer to one of the questions.
type told struct {
	Totals []struct {
		Of     map[string]string
		Amount string
	}
	Charges []struct{ Amount string }
	Next    string
	Equal   bool
	Facts   []struct{ Event string }
}

func decimalOf(text string) events.Decimal {
	GinkgoHelper()
	d, err := events.ParseDecimal(text)
	Expect(err).NotTo(HaveOccurred())
	return d
}

// sum is the sum of totals.
func (t *told) sum() (sum events.Decimal) {
	GinkgoHelper()
	for i := range t.Totals {
		sum = sum.Add(decimalOf(t.Totals[i].Amount))
	}
	return sum
}

var _ = Describe("The questions of the bench, to a small year", func() {
	var kept string
	BeforeEach(func() {
		var err error
		kept, err = os.MkdirTemp("", "year")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(os.RemoveAll, kept)
		Expect(os.Chmod(kept, 0o755)).To(Succeed(), "Postgres has another user")
	})

	It("have the answers of its prices, while more is posted, and in the next run", func(ctx context.Context) {
		scale.Long(Skip)
		r := &rig{keep: kept}
		folder, err := r.open(ctx, 20_000)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(folder.close()).To(Succeed()) })
		Expect(folder.year).To(BeNil(), "a new folder has none")
		books, log := folder.books, slog.New(slog.DiscardHandler)
		server, err := bus.StartServer(bus.ServerConfig{DataDir: folder.streams, Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())

		w, err := newYear(ctx, b, books, 20_000)
		Expect(err).NotTo(HaveOccurred())
		w.months, w.days = 4, 2
		Expect(w.fill(ctx)).To(Succeed())
		Expect(w.charges).To(Equal(20_000))
		service, err := api.New(api.Config{}, api.Deps{Reader: books, Bus: b, Log: log})
		Expect(err).NotTo(HaveOccurred())
		over := httptest.NewServer(service.Handler())
		DeferCleanup(over.Close)
		asked, err := questions(ctx, over.URL, w)
		Expect(err).NotTo(HaveOccurred())
		middle := month(w.months / 2)
		want := w.sums[[2]string{tenantName(0), middle}]
		Expect(want.IsZero()).To(BeFalse())
		all := w.sums
		w.sums = map[[2]string]events.Decimal{} // of what is posted from here on
		posted := w.goOn(ctx)
		for _, q := range asked {
			for _, path := range q.paths[:min(len(q.paths), 3)] {
				By(q.name)
				var answer told
				Expect(get(ctx, over.URL+path, &answer)).To(Succeed())
				switch q.name {
				case byPlan, byDay:
					Expect(answer.sum().Cmp(want)).To(BeZero())
				case explaining, explainingOthers:
					Expect(answer.Equal).To(BeTrue())
					Expect(answer.Facts).To(HaveLen(1))
				case page:
					Expect(answer.Charges).To(HaveLen(1000))
					Expect(answer.Next).To(BeEmpty())
					var sum events.Decimal
					for i := range answer.Charges {
						sum = sum.Add(decimalOf(answer.Charges[i].Amount))
					}
					Expect(sum.Cmp(want)).To(BeZero())
				case byTenant:
					Expect(answer.Totals).To(HaveLen(readTenants))
					for _, t := range answer.Totals {
						tenant := t.Of["tenant"]
						Expect(decimalOf(t.Amount).Cmp(all[[2]string{tenant, middle}])).To(BeZero(), tenant)
					}
				case knownEarlier: // the first of two days, which cost the same
					sum := answer.sum()
					Expect(sum.Add(sum).Cmp(want)).To(BeZero())
				default:
					Fail("nobody knows the answer to " + q.name)
				}
			}
		}
		Expect(posted()).To(Succeed())
		Expect(w.save(kept, folder.url, 20_000)).To(Succeed())

		By("a year that an earlier run has kept, of which half a batch was not posted")
		_, err = loadYear(kept, 30_000)
		Expect(err).To(MatchError(ContainSubstring("give -charges 20000")))
		folder.year, err = loadYear(kept, 20_000)
		Expect(err).NotTo(HaveOccurred())
		_, err = w.batch(ctx, events.Cause{ID: "cut", Sequence: w.usage, Time: w.day(w.months, 28)}, 0, 5, true)
		Expect(err).NotTo(HaveOccurred())
		again, took, err := r.filled(ctx, b, folder, 20_000)
		Expect(err).NotTo(HaveOccurred())
		Expect(took).To(BeZero(), "it is not filled again")
		Expect(again.next).To(BeNumerically(">", w.days), "the days behind it are charged already")
		Expect(books.Positions(ctx)).To(Equal(w.at), "the ledger has come to the streams' ends")
		posted = again.goOn(ctx)
		asked, err = questions(ctx, over.URL, again)
		Expect(err).NotTo(HaveOccurred())
		var answer told
		Expect(get(ctx, over.URL+asked[0].paths[0], &answer)).To(Succeed())
		Expect(answer.sum().Cmp(want)).To(BeZero())
		Expect(posted()).To(Succeed())
	})
})
