package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// issue runs a projector and pricers until every statement is issued, and all is charged.
func (s *site) issue(ctx context.Context, cut timeline.Cut, pricers int) {
	GinkgoHelper()
	log := slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, pricers+1)
	metering, err := projector.New(projector.Config{Cut: cut}, projector.Deps{Bus: s.bus, Log: log})
	Expect(err).NotTo(HaveOccurred())
	go func() { ended <- metering.Run(ctx) }()
	var pricing *pricer.Pricer
	for range pricers {
		p := pricer.New(pricer.Config{}, pricer.Deps{Bus: s.bus, Seals: s.bus, Log: log})
		go func() { ended <- p.Run(ctx) }()
		pricing = p
	}
	for range 2 { // what has closed, and the seals of it
		usage, err := s.bus.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		Expect(metering.Wait(ctx, usage.Last)).To(Succeed())
		metered, err := s.bus.Stream(ctx, events.StreamMetered)
		Expect(err).NotTo(HaveOccurred())
		Expect(pricing.Wait(ctx, metered.Last)).To(Succeed())
		Expect(pricing.WaitIssued(ctx)).To(Succeed())
	}
	stop()
	for range pricers + 1 {
		Expect(<-ended).To(Succeed())
	}
}

// statements are those of BILLING, in its order.
func (s *site) statements(ctx context.Context) (all []statement.Statement) {
	GinkgoHelper()
	options := bus.ReadOptions{Filters: []string{"billing.statement.>"}}
	_, err := s.bus.Each(ctx, events.StreamBilling, 1, bus.End, options, func(m *bus.Stored) error {
		var x statement.Statement
		Expect(x.DecodeJSON(m.Data)).To(Succeed())
		all = append(all, x)
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	return all
}

// sealed counts the seals in USAGE.
func (s *site) sealed(ctx context.Context) (n int) {
	GinkgoHelper()
	Expect(acts.List(ctx, s.bus, events.ActSeal, "", func(*acts.Act) error {
		n++
		return nil
	})).To(Succeed())
	return n
}

var _ = Describe("The statements of a closed month", func() {
	var s *site

	collect := func() (prices string) {
		GinkgoHelper()
		first, _, prices := month(200)
		s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		s.ran("collect", "file", "--horizon", "2026-11-06T00:00:00Z", first)
		return prices
	}
	BeforeEach(func(ctx SpecContext) { s = newSite(ctx) })

	It("are sealed and published once, though two pricers run, and one was stopped before", func(ctx SpecContext) {
		collect()
		s.work(ctx, timeline.CutDay) // it proposes, and does not seal
		Expect(s.statements(ctx)).To(BeEmpty())
		s.issue(ctx, timeline.CutDay, 2)
		series := map[string][]string{} // tenants, by source
		for _, x := range s.statements(ctx) {
			series[x.Source] = append(series[x.Source], x.Tenant)
			Expect(x.Number).To(BeEquivalentTo(len(series[x.Source])))
			Expect(x.Month).To(Equal("2026-10"))
		}
		for _, tenants := range series {
			Expect(slices.IsSorted(tenants)).To(BeTrue())
		}
		Expect(series).To(HaveKeyWithValue(events.SourceCF, HaveLen(2)))
		before := s.lengths(ctx)
		s.issue(ctx, timeline.CutDay, 1)
		Expect(s.lengths(ctx)).To(Equal(before))
		s.ran("verify", "--deep")
	})

	It("come back as they were when everything derived is lost, and stay after a replay", func(ctx SpecContext) {
		collect()
		s.issue(ctx, timeline.CutDay, 1)
		before := s.statements(ctx)
		Expect(before).NotTo(BeEmpty())
		for _, stream := range []string{events.StreamMetered, events.StreamBilling} {
			s.restored(ctx, stream, nil)
		}
		s.issue(ctx, timeline.CutDay, 1)
		Expect(s.statements(ctx)).To(Equal(before))
		s.ran("replay", "all", "--cut", "hour")
		s.issue(ctx, timeline.CutHour, 1)
		Expect(s.statements(ctx)).To(Equal(before))
		Expect(s.sealed(ctx)).To(Equal(len(before)))
		s.ran("verify", "--deep")
	})

	It("stay as they are when METERED has lost the first seal, and a replay puts it out behind the others", func(
		ctx SpecContext,
	) {
		collect()
		s.issue(ctx, timeline.CutDay, 1)
		before := s.statements(ctx)
		all := s.contents(ctx, events.StreamMetered)
		first := slices.IndexFunc(all, func(m bus.Message) bool {
			return m.Subject == statement.SealSubject(events.SourceCF, "file")
		})
		s.restored(ctx, events.StreamMetered, slices.Delete(all, first, first+1))
		s.ran("replay", "all")
		s.issue(ctx, timeline.CutDay, 1)
		Expect(s.statements(ctx)).To(Equal(before))
		Expect(s.sealed(ctx)).To(Equal(len(before)))
		s.restored(ctx, events.StreamBilling, nil)
		s.issue(ctx, timeline.CutDay, 1)
		Expect(s.statements(ctx)).To(Equal(before), "derived from this METERED")
		Expect(s.sealed(ctx)).To(Equal(len(before)))
	})

	It("are not those that somebody else has sealed, and go on with the next number", func(ctx SpecContext) {
		prices := collect()
		s.issue(ctx, timeline.CutDay, 1)
		before := s.statements(ctx)
		forged := func(change func(x *statement.Statement)) {
			GinkgoHelper()
			x := before[0]
			change(&x)
			a := events.Act{
				ID: fmt.Sprint("forged ", x.Number), Kind: events.ActSeal, Source: x.Source, Foundation: x.Foundation,
				By: "mallory", Statement: x.AppendJSON(nil),
			}
			last := must(s.bus.Stream(ctx, events.StreamUsage)).Last
			must(s.bus.Append(ctx, events.StreamUsage, []bus.Message{{
				Subject: events.ActSubject(a.Kind, a.Source, a.Foundation), Data: a.AppendJSON(nil),
				Header: events.AppendHeaders(nil, a.ID, events.TypeAct, "test"),
			}}, bus.Expect{Last: last}))
		}
		forged(func(*statement.Statement) {})
		forged(func(x *statement.Statement) { x.Number = 3 })
		forged(func(x *statement.Statement) { x.Number = 1000 })
		s.issue(ctx, timeline.CutDay, 1)
		Expect(s.statements(ctx)).To(Equal(before))
		Expect(s.ran("anomalies", "list")).To(And(ContainSubstring("number 1 is given already, and 3 is the next one"),
			ContainSubstring("revision 1 is issued already"), ContainSubstring("number 1000 is not the next one"),
			ContainSubstring("only the pricer seals statements")))

		s.ran("month", "reopen", "2026-10", "--by", "ann", "--note", "too low", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--currency-from", "2026-10", priced(prices, foreign))
		s.ran("month", "close", "2026-10", "--by", "ann", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)
		numbers := map[string]uint64{}
		for _, x := range s.statements(ctx) {
			numbers[x.Source]++
			Expect(x.Number).To(Equal(numbers[x.Source]))
		}
		Expect(numbers[before[0].Source]).To(BeNumerically(">", 2))
		s.ran("verify", "--deep")
	})

	It("are shown as a preview before, and with their credit notes afterwards", func(ctx SpecContext) {
		s.ran("month", "mode", "manual", "--by", "ann")
		prices := collect()
		s.issue(ctx, timeline.CutDay, 1)
		tenant := ""
		for key := range s.exactBill() {
			if strings.HasPrefix(key, "2026-10 ") {
				tenant = max(tenant, strings.Fields(key)[1])
			}
		}
		print := func(args ...string) string {
			GinkgoHelper()
			return s.ran(append([]string{
				"statement", "--tenant", tenant, "--month", "2026-10", "--foundation", "file",
			}, args...)...)
		}
		read := func(text string) (x statement.Statement) {
			GinkgoHelper()
			Expect(x.DecodeJSON([]byte(text))).To(Succeed())
			return x
		}
		Expect(print()).To(And(ContainSubstring("Preview: 2026-10 of cf/file is open"),
			ContainSubstring("total with VAT")))
		preview := print("--format", "json")
		Expect(preview).To(HavePrefix(`{"preview":true,`))
		Expect(print("--format", "csv")).To(ContainSubstring("0,1,0,true,cf,file," + tenant))

		s.ran("month", "close", "2026-10", "--by", "ann", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)
		issued := read(print("--format", "json"))
		Expect(print()).To(HavePrefix("Statement "))
		was := read(preview)
		was.Number, was.Closed = issued.Number, issued.Closed
		Expect(string(was.AppendJSON(nil))).To(Equal(string(issued.AppendJSON(nil))), "the preview was right")

		s.ran("month", "reopen", "2026-10", "--by", "ann", "--note", "a dispute", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--name", "B", "--currency-from", "2026-10",
			priced(prices, foreign))
		s.ran("month", "close", "2026-10", "--by", "ann", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)
		all := print("--all")
		Expect(all).To(And(HavePrefix(fmt.Sprintf("Statement %d: ", issued.Number)),
			ContainSubstring(fmt.Sprintf(": takes back statement %d, 2026-10 of cf/file", issued.Number)),
			ContainSubstring("2026-10 of cf/file, revision 2")))
		Expect(print()).To(And(HavePrefix("Statement "), ContainSubstring("revision 2")))
		s.ran("verify", "--deep")
	})
})
