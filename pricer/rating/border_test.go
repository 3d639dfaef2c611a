package rating_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/pricer/rating"
)

var _ = Describe("The border between two catalogues", func() {
	const terms = `components: [{name: fee, formula: "5", currency: USD, vat: V}, ` +
		`{name: hour, formula: "ceil(seconds / 3600)", currency: USD, vat: V}]`
	head := func(from string) string {
		return "currency: GBP\nvat_rates: [{code: V, valid_from: " + from + ", rate: 0.2}]\n" +
			"currency_rates: [{code: USD, valid_from: " + from + ", rate: 0.5}]\n"
	}

	DescribeTable("begins no fee and no started hour where the terms are equal, though a plan or a rate of the file "+
		"behind it is valid from within the run alone", func(restart, rates, from string) {
		before := parse(head("2001-01-01"), restart+"valid_from: 2001-01-01, "+terms)
		behind := parse(head(rates), restart+"valid_from: "+from+", "+terms)
		span := app("2001-10-20", "2001-11-01T00:30:00Z")
		span.Start = day("2001-11-01")
		lines, unrated := rating.RateBehind(&rating.Border{At: span.Start, Catalogue: before}, behind, "file", span)
		Expect(unrated).To(BeEmpty())
		Expect(written(lines)).To(Equal([]string{
			"2001-11-01 2001-11-01T00:30:00Z fee 0 0 0",
			"2001-11-01 2001-11-01T00:30:00Z hour 0 0.5 0.1",
		}))
	},
		Entry("of a plan", "", "2001-01-01", "2001-11-01"),
		Entry("of a plan with restart: never", "restart: never, ", "2001-01-01", "2001-11-01"),
		Entry("of a plan, and the rates", "", "2001-11-01", "2001-11-01"),
		Entry("of a plan with restart: never, and the rates", "restart: never, ", "2001-11-01", "2001-11-01"),
		Entry("of a plan with restart: never that began within the run", "restart: never, ", "2001-01-01",
			"2001-10-25"),
	)
})
