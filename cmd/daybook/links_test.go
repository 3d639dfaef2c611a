package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
	"github.com/daybook-billing/daybook/ledger/trace"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// passes counts the passes over a stream.
type passes struct {
	trace.Bus
	n int
}

// Each implements trace.Bus.
func (p *passes) Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	p.n++
	return p.Bus.Each(ctx, stream, from, to, options, yield)
}

var _ = Describe("An entry of a ledger in Postgres", func() {
	It("is explained by a few messages as by all of its subject", func(ctx context.Context) {
		scale.Long(Skip)
		cluster, err := pgtest.Start(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Close()).To(Succeed()) })
		url, err := cluster.Database(ctx)
		Expect(err).NotTo(HaveOccurred())
		books, err := postgres.New(postgres.Config{URL: url}, slog.New(slog.DiscardHandler))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(books.Close)
		Expect(books.Migrate(ctx)).To(Succeed())
		d := changed(ctx)
		_, err = ledger.CatchUp(ctx, d.bus, books)
		Expect(err).NotTo(HaveOccurred())

		all, err := books.Charges(ctx, ledger.Query{}, ledger.Place{}, 100_000)
		Expect(err).NotTo(HaveOccurred())
		stand, retracted := map[string]int{}, map[string]int{} // spans of entries that need no pass, by entry
		for i := range all {
			c := &all[i]
			owners := []events.Owner(nil) // everybody's, or the tenant's own
			if i%2 > 0 {
				owners = []events.Owner{{Foundation: c.Foundation, Tenant: c.Tenant}}
			}
			whole, err := trace.Entry(ctx, d.bus, nil, owners, c)
			Expect(err).NotTo(HaveOccurred())
			few := passes{Bus: d.bus}
			linked, err := trace.Entry(ctx, &few, books, owners, c)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case whole.Span == nil || whole.Span.Retracted == 0:
				Expect(few.n).To(BeZero(), "%s %s", c.Entry, c.ID)
				stand[c.Entry]++
			case few.n == 0:
				retracted[c.Entry]++
			}
			whole.Message, linked.Message = nil, nil
			whole.Span, linked.Span = uncorrected(whole.Span), uncorrected(linked.Span)
			Expect(linked).To(Equal(whole), "%s %s", c.Entry, c.ID)
		}
		for _, kind := range []string{events.EntryCharge, events.EntryReversal, events.EntryCorrection} {
			Expect(stand[kind]).To(BeNumerically(">", 0), kind)
		}
		Expect(retracted[events.EntryCharge]).To(BeNumerically(">", 0))
		Expect(retracted[events.EntryReversal]).To(BeNumerically(">", 0))
	})
})

// changed is a site whose charges have been taken back for late facts and for other prices, in an
// open month and in a closed one.
func changed(ctx context.Context) *diary {
	GinkgoHelper()
	d := &diary{site: newSite(ctx), facts: map[string]uint64{}}
	publish := func(version, text string) {
		act := events.Act{
			ID: "catalogue " + version, Kind: events.ActCatalogue, By: "ann",
			Time:      time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC),
			Catalogue: events.Catalogue{Version: version, YAML: text},
		}
		d.append(ctx, events.ActSubject(act.Kind, "", ""), events.TypeAct, act.ID, &act, "")
	}
	publish("1", pricesByTheHour)
	d.tell(ctx, "2026-09-10T00:00Z app-started process=X app=X guid=begin",
		"2026-09-10T00:00Z task-started task=T app=X guid=task")
	d.tell(ctx, "2026-09-11T00:00Z app-stopped process=X app=X previous=STARTED guid=end",
		"2026-09-12T00:00Z service-created service=S guid=service")
	d.tell(ctx, "2026-12-02T00:00Z app-started process=X app=X guid=december",
		"2026-12-05T00:00Z app-stopped process=X app=X previous=STARTED guid=over")
	d.reach(ctx, events.SourceCF, "2026-10-20T00:00Z")
	d.reach(ctx, events.SourceCF, "2026-12-06T00:00Z")
	d.work(ctx, timeline.CutDay)
	d.tell(ctx, "2026-09-10T12:00Z task-stopped task=T app=X previous=RUNNING follows=task",
		"2026-12-03T12:00Z app-stopped process=X app=X previous=STARTED follows=december")
	d.work(ctx, timeline.CutDay)
	publish("2", strings.ReplaceAll(pricesByTheHour, "0.01", "0.02"))
	d.work(ctx, timeline.CutDay)
	d.tell(ctx, "2026-12-02T12:00Z app-stopped process=X app=X previous=STARTED follows=december")
	d.work(ctx, timeline.CutDay)
	return d
}

// uncorrected is a span without a mark that answers about events alone have.
func uncorrected(s *trace.Span) *trace.Span {
	if s != nil {
		own := *s
		own.Corrected = false
		return &own
	}
	return nil
}
