package main

import (
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// listedMonth is a line of daybook month list.
type listedMonth struct {
	Source, Foundation, Month, State, By string
	Sums                                 []struct {
		Currency, Amount, Corrected string
		Corrections                 int
	}
}

func (s *site) months() (all []listedMonth) {
	GinkgoHelper()
	for line := range strings.Lines(s.ran("month", "list", "--format", "json")) {
		var m listedMonth
		Expect(json.Unmarshal([]byte(line), &m)).To(Succeed())
		if m.Source == events.SourceCF {
			all = append(all, m)
		}
	}
	return all
}

var _ = Describe("The months of a foundation", func() {
	It("are all listed with their money, whichever was closed", func(ctx SpecContext) {
		s := newSite(ctx)
		put := func(stream, subject, kind string, body interface{ AppendJSON(b []byte) []byte }) {
			state, err := s.bus.Stream(ctx, stream)
			Expect(err).NotTo(HaveOccurred())
			_, err = s.bus.Append(ctx, stream, []bus.Message{{
				Subject: subject, Data: body.AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: kind}},
			}}, bus.Expect{Last: state.Last})
			Expect(err).NotTo(HaveOccurred())
		}
		collected := func(foundation string, day time.Time) {
			put(events.StreamMetered, events.MeteredHorizonSubject("cf", foundation), events.TypeHorizon,
				&events.Horizon{Source: "cf", Foundation: foundation, Time: day})
		}
		charged := func(foundation, month string) {
			put(events.StreamBilling, events.ChargeSubject("org", "cf", foundation, "app", "a"), events.TypeBilling,
				&events.Billing{Source: "cf", Foundation: foundation, Charges: []events.Charge{{
					Month: month, Period: month, Currency: "GBP", Amount: events.NewDecimal(1, 0),
				}}})
		}
		list := func() (said []string) {
			for _, m := range s.months() {
				word := m.Foundation + " " + m.Month + " " + m.State
				for _, sum := range m.Sums {
					word += " " + sum.Amount
				}
				said = append(said, word)
			}
			return said
		}
		collected("eu", time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))
		collected("eu", time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC))
		Expect(list()).To(Equal([]string{"eu 2026-11 open", "eu 2026-10 open", "eu 2026-09 open"}))
		charged("eu", "2026-07")
		charged("us", "2026-10")
		Expect(list()).To(Equal([]string{
			"eu 2026-11 open", "eu 2026-10 open", "eu 2026-09 open", "eu 2026-08 open", "eu 2026-07 open 1",
			"us 2026-10 open 1",
		}))
		put(events.StreamMetered, events.MeteredClosingSubject("cf", "eu"), events.TypeClosing,
			&events.Closing{Source: "cf", Foundation: "eu", Month: "2026-09"})
		Expect(list()).To(Equal([]string{
			"eu 2026-11 open", "eu 2026-10 open", "eu 2026-09 closed", "eu 2026-07 closed 1", "us 2026-10 open 1",
		}))
	})

	It("are closed for each foundation, also where another one refuses", func(ctx SpecContext) {
		file, _, prices := month(40)
		s := newSite(ctx)
		s.serve()
		s.ran("month", "mode", "manual", "--by", "ann")
		s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		earlier := priced(file, func(text string) string { return strings.ReplaceAll(text, "2026-10-", "2026-09-") })
		horizon := "2026-11-02T20:00:00Z"
		s.ran("collect", "file", "--foundation", "early", "--horizon", horizon, earlier)
		s.ran("collect", "file", "--foundation", "late", "--horizon", horizon, file)
		Eventually(s.months).Should(ContainElements(HaveField("Foundation", "early"), HaveField("Foundation", "late")))
		status, said, problem := s.daybook("month", "close", "2026-10", "--by", "ann")
		Expect(status).To(Equal(1))
		Expect(problem).To(And(ContainSubstring("2026-10 of cf/early: "), ContainSubstring("close it first")))
		Expect(said).To(ContainSubstring("2026-10 of cf/late is closed"))
		status, said, _ = s.daybook("month", "close", "2026-09", "--by", "ann")
		Expect(status).To(Equal(1), "late is closed beyond it")
		Expect(said).To(ContainSubstring("2026-09 of cf/early is closed"))
	})

	It("are priced anew long after they are closed, of which the pricer keeps no spans", func(ctx SpecContext) {
		first, second, prices := month(400)
		earlier := func(file string) string {
			return priced(file, strings.NewReplacer("2026-10-", "2026-08-", "2026-11-", "2026-09-").Replace)
		}
		s := newSite(ctx)
		s.serve()
		s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		s.ran("collect", "file", "--horizon", "2026-10-20T20:00:00Z", earlier(first), earlier(second))
		Eventually(s.months).Should(ContainElement(And(HaveField("Month", "2026-09"), HaveField("State", "closed"))))

		dear := priced(prices, dearer)
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "B", dear)).To(ContainSubstring("2026-08, 2026-09"))
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "B", "--reprice-closed", "2026-08", dear)).To(
			ContainSubstring("published catalogue B"))
		Expect(s.months()).To(ContainElement(And(HaveField("Month", "2026-08"),
			HaveField("Sums", ContainElement(HaveField("Corrections", BeNumerically(">", 0)))))))
		Expect(s.ran("verify")).To(ContainSubstring("BILLING"))
		Expect(s.ran("replay", "pricer", "--by", "ann")).To(ContainSubstring("BILLING"))
	})

	It("are closed by hand, keep their prices, and are opened again by hand", func(ctx SpecContext) {
		first, second, prices := month(400)
		s := newSite(ctx)
		s.serve()
		s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		s.ran("collect", "file", "--horizon", "2026-11-02T20:00:00Z", first, second)
		Expect(s.ran("month", "mode", "manual", "--by", "ann")).To(ContainSubstring("usage.act.mode.all.all"))
		Eventually(s.months).Should(HaveExactElements(And(HaveField("Month", "2026-11"), HaveField("State", "open")),
			And(HaveField("Month", "2026-10"), HaveField("State", "open"), HaveField("Sums", Not(BeEmpty())))),
			"no month is closed yet")
		status, _, problem := s.daybook("month", "close", "2026-11")
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("the month is not over"))
		Expect(s.ran("month", "close", "2026-10", "--by", "ann")).To(ContainSubstring("2026-10 of cf/file is closed"))
		Expect(s.months()).To(HaveExactElements(And(HaveField("Month", "2026-11"), HaveField("State", "open")),
			And(HaveField("Month", "2026-10"), HaveField("State", "closed"), HaveField("By", "ann"))))

		dear := priced(prices, dearer)
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "B", dear)).To(ContainSubstring(
			"--reprice-closed 2026-10 posts the"))
		before := s.months()[1]
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "B", "--reprice-closed", "2026-10", dear)).To(
			ContainSubstring("published catalogue B"))
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "B", "--reprice-closed", "2026-10", dear)).To(
			ContainSubstring("nothing changed"))
		after := s.months()[1]
		Expect(after.Sums[0].Amount).To(Equal(before.Sums[0].Amount))
		Expect(before.Sums[0].Corrections).To(BeZero())
		Expect(after.Sums[0].Corrections).To(BeNumerically(">", 0))
		Expect(s.ran("month", "list")).To(ContainSubstring(after.Sums[0].Corrected + " GBP in "))

		status, _, problem = s.daybook("month", "reopen", "2026-10", "--by", "ann")
		Expect(status).To(Equal(2))
		Expect(problem).To(ContainSubstring("--by NAME and --note REASON"))
		Expect(s.ran("month", "reopen", "2026-10", "--foundation", "file", "--by", "ann", "--note", "a dispute")).To(
			ContainSubstring("2026-10 of cf/file is open again"))
		Expect(s.months()[1]).To(And(HaveField("State", "open again"), HaveField("By", "ann")))
		was, err := events.ParseDecimal(after.Sums[0].Amount)
		Expect(err).NotTo(HaveOccurred())
		corrected, err := events.ParseDecimal(after.Sums[0].Corrected)
		Expect(err).NotTo(HaveOccurred())
		back := And(HaveField("Amount", was.Add(corrected).String()), HaveField("Corrections", 0))
		Eventually(func() any { return s.months()[1].Sums[0] }).Should(back, "its corrections go back into it")
		s.ran("month", "close", "2026-10", "--foundation", "file", "--by", "ann", "--note", "settled")
		Expect(s.months()[1]).To(And(HaveField("State", "closed"), HaveField("Sums", HaveExactElements(back))))
	})

	DescribeTable("that are over close with the first catalogue, as its preview says", func(ctx SpecContext,
		manual bool, state string,
	) {
		first, _, prices := month(40)
		s := newSite(ctx)
		s.serve()
		s.ran("collect", "file", "--horizon", "2026-11-10T00:00:00Z", first)
		note := "Closes with it: 2026-10, and keeps these prices. daybook month mode manual"
		Eventually(func() string { return s.ran("what-if", "--catalogue", prices) }).Should(ContainSubstring(note))
		if manual {
			s.ran("month", "mode", "manual")
		}
		said := s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		Expect(strings.Contains(said, note)).To(Equal(!manual), said)
		Eventually(s.months).Should(ContainElement(And(HaveField("Month", "2026-10"), HaveField("State", state),
			HaveField("Sums", Not(BeEmpty())))))
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "B", priced(prices, dearer))).NotTo(
			ContainSubstring("Closes with it"))
	},
		Entry("and keep its prices", false, "closed"),
		Entry("but where months close by hand", true, "open"),
	)
})
