package rating_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/pricer/rating"
)

var _ = Describe("A tie at the thirteenth place", func() {
	DescribeTable("goes to the even digit, also behind a division",
		func(component, quantity, amount, vat string) {
			c := parse("currency: GBP\nvat_rates: [{code: Standard, valid_from: 2001-01-01, rate: 0.5}]\n"+
				"currency_rates: [{code: USD, valid_from: 2001-01-01, rate: 0.00000000001}]\n",
				"valid_from: 2001-01-01, components: [{name: c, "+component+"}]")
			lines, unrated := rating.Rate(c, "file", app("2001-01-01", "2001-01-01T00:00:01Z"))
			Expect(unrated).To(BeEmpty())
			Expect([]string{lines[0].Quantity.String(), lines[0].Amount.String(), lines[0].VAT.String()}).
				To(Equal([]string{quantity, amount, vat}))
		},
		Entry("of quantity times unit price", `quantity: "seconds / 3", unit: u, unit_price: "0.0000000000045"`,
			"0.333333333333", "0.000000000002", "0"),
		Entry("of a formula", `formula: "seconds / 3 * 0.0000000000045"`, "1", "0.000000000002", "0"),
		Entry("of the quantity", `quantity: "seconds / 3 * 0.0000000000045", unit: u, unit_price: "3"`,
			"0.000000000002", "0.000000000004", "0"),
		Entry("of VAT", `formula: "seconds / 3 * 0.000000000009", vat: Standard`, "1", "0.000000000003",
			"0.000000000002"),
		Entry("of a currency", `formula: "seconds / 3 * 0.45", currency: USD`, "1", "0.000000000002", "0"),
	)
})

// TestAmountsAreExact: quantity, amount and VAT are those of exact fractions, each rounded
// half-even once. Many of them are ties.
func TestAmountsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Map(rapid.Int64Range(1, 9_999), func(n int64) string { return fmt.Sprint(n) })
		price := rapid.Custom(func(t *rapid.T) string {
			digits := rapid.IntRange(1, 14).Draw(t, "places")
			return fmt.Sprintf("0.%0*d", digits, rapid.SampledFrom([]int{1, 5, 15, 25, 45, 125, 999}).Draw(t, "price"))
		})
		divisor, factor := number.Draw(t, "divisor"), number.Draw(t, "factor")
		unitPrice, rate, vat := price.Draw(t, "unit price"), price.Draw(t, "rate"), price.Draw(t, "VAT")
		c := parse(fmt.Sprintf("currency: GBP\nvat_rates: [{code: V, valid_from: 2001-01-01, rate: %q}]\n"+
			"currency_rates: [{code: USD, valid_from: 2001-01-01, rate: %q}]\n", vat, rate),
			fmt.Sprintf("valid_from: 2001-01-01, components: [{name: q, quantity: \"seconds * %s / %s\", unit: u, "+
				"unit_price: %q, currency: USD, vat: V}, {name: f, formula: \"%s / %s * seconds * %s\", currency: "+
				"USD, vat: V}]", factor, divisor, unitPrice, factor, divisor, unitPrice))
		microseconds := rapid.Int64Range(1, 100_000_000_000).Draw(t, "microseconds")
		if rapid.Bool().Draw(t, "whole seconds") {
			microseconds = (microseconds%40 + 1) * 1_000_000
		}
		span := app("2001-01-01", "2001-01-02")
		span.End = span.Start.Add(time.Duration(microseconds) * time.Microsecond)
		lines, unrated := rating.Rate(c, "file", span)
		if len(unrated) > 0 {
			t.Fatal(unrated)
		}
		quantity := product(big.NewRat(microseconds, 1_000_000).RatString(), factor, "1/"+divisor)
		amount := product(quantity.RatString(), unitPrice, rate)
		for i, want := range []string{halfEven(quantity), "1"} {
			got := []string{lines[i].Quantity.String(), lines[i].Amount.String(), lines[i].VAT.String()}
			exact := []string{want, halfEven(amount), halfEven(product(amount.RatString(), vat))}
			if fmt.Sprint(got) != fmt.Sprint(exact) {
				t.Fatalf("%s: quantity, amount and VAT are %s, exactly %s", lines[i].Component.Name, got, exact)
			}
		}
	})
}

func product(factors ...string) *big.Rat {
	z := big.NewRat(1, 1)
	for _, f := range factors {
		x, ok := new(big.Rat).SetString(f)
		if !ok {
			panic(f)
		}
		z.Mul(z, x)
	}
	return z
}

// halfEven rounds to 12 places, and writes the number plainly.
func halfEven(x *big.Rat) string {
	units := new(big.Rat).Mul(x, product("1000000000000"))
	below := new(big.Int).Quo(units.Num(), units.Denom())
	rest := new(big.Rat).Sub(units, new(big.Rat).SetInt(below))
	if c := rest.Cmp(big.NewRat(1, 2)); c > 0 || c == 0 && below.Bit(0) == 1 {
		below.Add(below, big.NewInt(1))
	}
	rounded := new(big.Rat).Mul(new(big.Rat).SetInt(below), product("1/1000000000000"))
	if places, exact := rounded.FloatPrec(); exact {
		return rounded.FloatString(places)
	}
	return rounded.String()
}
