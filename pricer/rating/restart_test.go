package rating_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

var _ = Describe("A price", func() {
	It("begins anew in every calendar month where the price depends on the month", func() {
		c := rates(formulaPlan("2001-01-01", "1000 * seconds / seconds_in_month"))
		lines, _ := rating.Rate(c, "file", app("2026-02-15", "2026-03-11T06:00:00Z"))
		Expect(written(lines)).To(Equal([]string{
			"2026-02-15 2026-03-01 c 1 500 100",
			"2026-03-01 2026-03-11T06:00:00Z c 1 330.645161290323 66.129032258065",
		}))
		Expect(lines[0].Continues(&lines[1])).To(BeFalse())
		c = rates(formulaPlan("2001-01-01", "1000 * seconds / 3600 / hours_in_month"))
		day := func(d int) *events.Span {
			s := app("2026-02-01", "2026-03-01")
			s.Start = s.Since.AddDate(0, 0, d)
			s.End = s.Start.AddDate(0, 0, 1)
			return s
		}
		var amounts []string
		var sum events.Decimal
		for d := range 28 {
			lines, _ = rating.Rate(c, "file", day(d))
			amounts, sum = append(amounts, lines[0].Amount.String()), sum.Add(lines[0].Amount)
		}
		Expect(amounts[:3]).To(Equal([]string{"35.714285714286", "35.714285714285", "35.714285714286"}))
		Expect(sum.String()).To(Equal("1000"))
	})

	Describe("with restart: never", func() {
		head := "currency: GBP\nvat_rates: [{code: V, valid_from: 2001-01-01, rate: 0.1}, {code: V, valid_from: " +
			"2001-01-01T01:45:00Z, rate: 0.2}]\ncurrency_rates: [{code: USD, valid_from: 2001-01-01, rate: 0.8}, " +
			"{code: USD, valid_from: 2001-01-01T00:30:00Z, rate: 0.5}]\n"
		const plan = `valid_from: 2001-01-01, components: [{name: hour, formula: "ceil(seconds / 3600)", currency: USD, ` +
			`vat: V}, {name: fee, formula: "5", currency: USD, vat: V}, {name: use, quantity: "seconds / 3600", unit: h, ` +
			`unit_price: 3, currency: USD, vat: V}]`

		It("a change of rates divides conversion and VAT alone, and begins no started hour and no fee", func() {
			lines, unrated := rating.Rate(parse(head, "restart: never, "+plan), "file", app("2001-01-01",
				"2001-01-01T02:00:00Z"))
			Expect(unrated).To(BeEmpty())
			Expect(written(lines)).To(Equal([]string{
				"2001-01-01 2001-01-01T00:30:00Z hour 1 0.8 0.08",
				"2001-01-01 2001-01-01T00:30:00Z fee 1 4 0.4",
				"2001-01-01 2001-01-01T00:30:00Z use 0.5 1.2 0.12",
				"2001-01-01T00:30:00Z 2001-01-01T01:45:00Z hour 0 0.5 0.05",
				"2001-01-01T00:30:00Z 2001-01-01T01:45:00Z fee 0 0 0",
				"2001-01-01T00:30:00Z 2001-01-01T01:45:00Z use 1.25 1.875 0.1875",
				"2001-01-01T01:45:00Z 2001-01-01T02:00:00Z hour 0 0 0",
				"2001-01-01T01:45:00Z 2001-01-01T02:00:00Z fee 0 0 0",
				"2001-01-01T01:45:00Z 2001-01-01T02:00:00Z use 0.25 0.375 0.075",
			}))
		})

		It("is a choice: without it each change begins a piece, as in alphagov/paas-billing", func() {
			lines, _ := rating.Rate(parse(head, plan), "file", app("2001-01-01", "2001-01-01T02:00:00Z"))
			amount, _ := total(lines)
			Expect(amount).To(Equal("14.75"), "0.8 + 1 + 0.5 for 4 started hours, 4 + 2.5 + 2.5, and 3.45")
		})
	})

	It("is never negative but in a component marked credit", func() {
		falls := func(credit string) *catalogue.Catalogue {
			return rates(`valid_from: 2001-01-01, components: [{name: c, formula: "seconds - min(seconds, 7)` +
				` * (instances - 2)^2", vat: Standard` + credit + `}]`)
		}
		span := app("2001-01-01", "2001-01-01T00:00:07Z")
		span.Footprint.Instances = events.Some(5)
		lines, unrated := rating.Rate(falls(", credit: true"), "file", span)
		Expect(unrated).To(BeEmpty())
		Expect(written(lines)[0]).To(HaveSuffix("c 1 -56 -11.2"))
	})
})
