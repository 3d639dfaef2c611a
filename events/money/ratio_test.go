package money_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events/money"
)

// drawRatio draws fractions, with a liking for those at the limits of machine words, and the same
// as a big.Rat.
func drawRatio(t *rapid.T, label string) (money.Ratio, *big.Rat) {
	word := rapid.OneOf(rapid.Int64Range(-12, 12), rapid.Int64Range(math.MaxInt64-3, math.MaxInt64),
		rapid.Int64Range(-math.MaxInt64, -math.MaxInt64+3), rapid.Int64Range(-math.MaxInt64, math.MaxInt64))
	x, exact := money.Whole(1), big.NewRat(1, 1)
	for range rapid.IntRange(1, 3).Draw(t, label) {
		n, d := word.Draw(t, "numerator"), word.Draw(t, "denominator")
		x, exact = x.Mul(money.Whole(n)), exact.Mul(exact, big.NewRat(n, 1))
		if d != 0 {
			x, exact = x.Quo(money.Whole(d)), exact.Quo(exact, big.NewRat(d, 1))
		}
	}
	return x, exact
}

func TestRatioIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, rx := drawRatio(t, "x")
		y, ry := drawRatio(t, "y")
		before := x.String() + " " + y.String()
		results := map[string]struct {
			got  money.Ratio
			want *big.Rat
		}{
			"x": {x, rx}, "y": {y, ry},
			"+": {x.Add(y), new(big.Rat).Add(rx, ry)}, "-": {x.Sub(y), new(big.Rat).Sub(rx, ry)},
			"*": {x.Mul(y), new(big.Rat).Mul(rx, ry)}, "negative": {x.Neg(), new(big.Rat).Neg(rx)},
			"floor": {x.Floor(), floor(rx)}, "ceil": {x.Ceil(), new(big.Rat).Neg(floor(new(big.Rat).Neg(rx)))},
		}
		if !y.IsZero() {
			results["/"] = struct {
				got  money.Ratio
				want *big.Rat
			}{x.Quo(y), new(big.Rat).Quo(rx, ry)}
		}
		for name, r := range results {
			if r.got.String() != r.want.RatString() {
				t.Fatalf("%s %s %s is %s, not %s", x, name, y, r.got, r.want.RatString())
			}
			if r.got.Sign() != r.want.Sign() || r.got.IsZero() != (r.want.Sign() == 0) {
				t.Fatalf("the sign of %s is %d", r.got, r.got.Sign())
			}
			if least := max(r.want.Num().BitLen(), r.want.Denom().BitLen()); r.got.Bits() < least {
				t.Fatalf("%s has %d bits, not %d", r.got, r.got.Bits(), least)
			}
			if n, ok := r.got.Int64(); ok && new(big.Rat).SetInt64(n).Cmp(r.want) != 0 || !ok && r.want.IsInt() &&
				r.want.Num().IsInt64() && r.want.Num().Int64() != math.MinInt64 {
				t.Fatalf("%s as a word is %d, %v", r.got, n, ok)
			}
		}
		if x.Cmp(y) != rx.Cmp(ry) || x.Cmp(x) != 0 {
			t.Fatalf("%s and %s compare as %d", x, y, x.Cmp(y))
		}
		if after := x.String() + " " + y.String(); after != before {
			t.Fatalf("the operands were changed from %s to %s", before, after)
		}
	})
}

func floor(x *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Div(x.Num(), x.Denom()))
}

// A rounded fraction is within half a unit of its last place, and is even in a tie; a decimal
// number as a fraction is the same number.
func TestRatioRounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, exact := drawRatio(t, "x")
		places := rapid.SampledFrom([]int{0, 2, 12, 12, 18, 19, 40}).Draw(t, "places")
		if rapid.Bool().Draw(t, "a tie") {
			ulp := money.Whole(1).Quo(money.Whole(2))
			for range places {
				ulp = ulp.Quo(money.Whole(10))
			}
			odd := rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "half units")
			x = ulp.Mul(money.Whole(odd))
			exact, _ = new(big.Rat).SetString(x.String())
		}
		rounded := x.Round(places)
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
		unit := new(big.Rat).Mul(rational(t, rounded), scale)
		if !unit.IsInt() {
			t.Fatalf("%s rounded to %d places is %s", x, places, rounded)
		}
		off := new(big.Rat).Sub(new(big.Rat).Mul(exact, scale), unit)
		switch off.Abs(off).Cmp(big.NewRat(1, 2)) {
		case 1:
			t.Fatalf("%s rounded to %d places is %s", x, places, rounded)
		case 0:
			if unit.Num().Bit(0) != 0 {
				t.Fatalf("%s rounded to %d places is the odd %s", x, places, rounded)
			}
		}
		if places == 0 && x.Nearest().String() != unit.RatString() {
			t.Fatalf("the nearest to %s is %s", x, x.Nearest())
		}
		if again := rounded.Ratio(); again.String() != rational(t, rounded).RatString() {
			t.Fatalf("%s is the fraction %s", rounded, again)
		}
	})
}

func TestDecimalAsRatio(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := mustDecimal(t, decimalText.Draw(t, "x"))
		if got := x.Ratio(); got.String() != rational(t, x).RatString() {
			t.Fatalf("%s is the fraction %s", x, got)
		}
		if got := money.New(25, 20).Ratio().String(); got != "2500000000000000000000" {
			t.Fatalf("25 × 10^20 is the fraction %s", got)
		}
	})
}
