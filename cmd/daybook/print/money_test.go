package print

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "print")
}

var _ = Describe("Money on a bill", func() {
	DescribeTable("is rounded half-even to the currency's minor unit", func(amount, currency, want string) {
		x, err := events.ParseDecimal(amount)
		Expect(err).NotTo(HaveOccurred())
		Expect(money(x, currency)).To(Equal(want))
	},
		Entry("two places by default", "1.005", "GBP", "1.00"),
		Entry("up", "1.0051", "GBP", "1.01"),
		Entry("whole", "3", "EUR", "3.00"),
		Entry("yen have none", "2.5", "JPY", "2"),
		Entry("dinars have three", "0.0005", "KWD", "0.000"),
		Entry("negative", "-0.015", "USD", "-0.02"),
		Entry("nothing", "0", "USD", "0.00"),
	)

	It("adds up on paper: net and VAT are rounded once a VAT rate, and the total is the two as shown", func() {
		of := func(rate string, amount, vat int64) ledger.Total {
			return ledger.Total{
				Period: "2026-11", Tenant: "a", Currency: "GBP", VATRate: rate, Amount: events.NewDecimal(amount, -3),
				VAT: events.NewDecimal(vat, -3),
			}
		}
		bill := ledger.Bill{
			Lines: []ledger.Line{{
				Period: "2026-11", Tenant: "a", Currency: "GBP", Amount: events.NewDecimal(2008, -3),
				VAT: events.NewDecimal(352, -3),
			}},
			Totals: []ledger.Total{of("0.15", 1004, 148), of("0.2", 1004, 204)},
		}
		p := newPaper(&bill)
		total := p.total(p.totals[0])
		Expect([]string{total.Amount, total.VAT, total.Total}).To(Equal([]string{"2.00", "0.35", "2.35"}))
		Expect(p.lines[0].amount.String()).To(Equal("2"))
	})
})
