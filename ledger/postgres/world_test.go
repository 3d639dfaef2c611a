package postgres_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/audit"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
)

// world publishes charges of 1 each to BILLING, and horizons to METERED, with the chains of stages.
type world struct {
	bus    *bus.Bus
	from   int // number of the first message
	change int // place of a message with another content; 0: none
	chains [2]audit.Chain
	at     ledger.Positions
}

// publish appends so many messages to each stream.
func (w *world) publish(ctx context.Context, n int) {
	GinkgoHelper()
	var metered, billing []bus.Message
	for range n {
		number := w.from + int(w.at.Billing) + len(billing) + 1
		c := ledgertest.Charge("org", "2026-11", "app", "1", "0.2").Charge
		c.ID, c.Resource = fmt.Sprint("c", number), fmt.Sprint("app", number%7)
		c.Start = time.Date(2026, 11, 1+number%28, 0, 0, 0, 0, time.UTC)
		if number == w.change {
			c.Name = "changed"
		}
		b := &events.Billing{
			ID: fmt.Sprint("b", number), Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app",
			Resource: c.Resource,
			Charges:  []events.Charge{c},
		}
		h := &events.Horizon{
			ID: fmt.Sprint("h", number), Source: "cf", Foundation: "prod", Time: c.Start,
		}
		billing = append(billing, w.message("billing.charge.org.cf.prod.app."+c.Resource, events.TypeBilling, number,
			b))
		metered = append(metered, w.message(events.MeteredHorizonSubject("cf", "prod"), events.TypeHorizon, number, h))
	}
	w.append(ctx, events.StreamMetered, 0, &w.at.Metered, metered)
	w.append(ctx, events.StreamBilling, 1, &w.at.Billing, billing)
}

func (w *world) message(subject, kind string, input int, body stage.Body) bus.Message {
	return bus.Message{Subject: subject, Data: body.AppendJSON(nil), Header: []events.Header{
		{Key: events.HeaderType, Value: kind},
		{Key: stage.HeaderSourceSeq, Value: strconv.Itoa(input)},
	}}
}

func (w *world) append(ctx context.Context, stream string, number int, at *uint64, messages []bus.Message) {
	GinkgoHelper()
	for i := range messages {
		w.chains[number] = w.chains[number].Next(messages[i].Subject, messages[i].Data)
	}
	last := &messages[len(messages)-1]
	last.Header = append(last.Header,
		events.Header{Key: stage.HeaderChain, Value: w.chains[number].String()},
		events.Header{Key: stage.HeaderCount, Value: strconv.FormatUint(*at+uint64(len(messages)), 10)})
	end, err := w.bus.AppendDerived(ctx, stream, messages, bus.Expect{Last: *at})
	Expect(err).NotTo(HaveOccurred())
	*at = end
}

// post posts all that was published to an empty ledger.
func (w *world) post(ctx context.Context, l ledger.Ledger) {
	GinkgoHelper()
	_, err := ledger.CatchUp(ctx, w.bus, l)
	Expect(err).NotTo(HaveOccurred())
}

// judge compares a ledger with all that was published.
func (w *world) judge(ctx context.Context, l ledger.Reader) {
	GinkgoHelper()
	Expect(l.Positions(ctx)).To(Equal(w.at))
	bill, err := l.Bill(ctx, ledger.Query{})
	Expect(err).NotTo(HaveOccurred())
	Expect(bill.Lines).To(HaveLen(1))
	Expect(bill.Lines[0].Charges).To(Equal(int(w.at.Billing)))
	Expect(bill.Lines[0].Amount.String()).To(Equal(fmt.Sprint(w.at.Billing)))
	for _, by := range []ledger.Dimension{ledger.ByDay, ledger.ByResource} {
		sums, err := l.Totals(ctx, ledger.Query{By: []ledger.Dimension{by}})
		Expect(err).NotTo(HaveOccurred())
		entries := 0
		for i := range sums {
			entries += sums[i].Charges
		}
		Expect(entries).To(Equal(int(w.at.Billing)), "by %s", by)
	}
	for _, upto := range []uint64{1, w.at.Billing / 2, w.at.Billing} {
		sums, err := l.Totals(ctx, ledger.Query{Upto: upto})
		Expect(err).NotTo(HaveOccurred())
		Expect(sums).To(HaveLen(1))
		Expect(sums[0].Charges).To(Equal(int(upto)), "up to message %d of BILLING", upto)
	}
}
