package money_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events/money"
)

func mustDecimal(t interface {
	Helper()
	Fatalf(string, ...any)
}, s string,
) money.Decimal {
	t.Helper()
	x, err := money.Parse(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return x
}

func TestDecimalText(t *testing.T) {
	for in, out := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "-0.0": "0", "1": "1", "1.50": "1.5", "100": "100", "-12.50": "-12.5",
		".5": "0.5", "5.": "5",
		"000.10": "0.1", "0.000000000001": "0.000000000001",
		"123456789012345678901234567890.123456789012": "123456789012345678901234567890.123456789012",
	} {
		if got := mustDecimal(t, in).String(); got != out {
			t.Errorf("%s reads as %s, not as %s", in, got, out)
		}
	}
}

func TestDecimalRefuses(t *testing.T) {
	for _, in := range []string{
		"", "-", ".", "-.", "+1", "--1", "1-", "1.2.3", "1e3", "1E3", "NaN", "Infinity", "0x10", "1_000", "1,5", " 1",
		"1 ", "١", strings.Repeat("1", 101),
	} {
		if x, err := money.Parse(in); err == nil {
			t.Errorf("%q reads as %s", in, x)
		}
	}
}

func TestDecimalRound(t *testing.T) {
	for _, c := range []struct {
		in     string
		places int
		out    string
	}{
		{"0.5", 0, "0"},
		{"1.5", 0, "2"},
		{"2.5", 0, "2"},
		{"2.50000000000000000001", 0, "3"},
		{"-2.5", 0, "-2"},
		{"-0.4", 0, "0"},
		{"0.0000000000005", 12, "0"},
		{"0.0000000000015", 12, "0.000000000002"},
		{"9.995", 2, "10"},
		{"9.985", 2, "9.98"},
		{"7", 12, "7"},
		{"0.00000000000000000001", 12, "0"},
		{"99999999999999999999999999999999.9999999999999", 12, "100000000000000000000000000000000"},
	} {
		if got := mustDecimal(t, c.in).Round(c.places).String(); got != c.out {
			t.Errorf("%s rounded to %d places is %s, not %s", c.in, c.places, got, c.out)
		}
	}
}

func TestDecimalSeconds(t *testing.T) {
	for d, out := range map[time.Duration]string{
		0: "0", time.Hour: "3600", 344 * time.Second: "344", 1500 * time.Millisecond: "1.5",
		time.Microsecond: "0.000001", -time.Nanosecond: "-0.000000001",
	} {
		start := time.Date(2026, 11, 1, 0, 0, 0, 1, time.UTC)
		if got := money.SecondsBetween(start, start.Add(d)).String(); got != out {
			t.Errorf("%v is %s s, not %s", d, got, out)
		}
	}
}

func TestSecondsBeyondDuration(t *testing.T) {
	start, end := time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 500, time.UTC)
	if got := money.SecondsBetween(start, end).String(); got != "18934214400.0000005" {
		t.Errorf("600 years and 500 ns are %s s", got)
	}
}

func TestDecimalZeroValue(t *testing.T) {
	var zero money.Decimal
	if zero.String() != "0" || !zero.IsZero() || zero.Sign() != 0 || zero.Neg().String() != "0" ||
		zero.Mul(money.New(-5, 0)).String() != "0" {
		t.Errorf("the zero value is %s, its negative %s", zero, zero.Neg())
	}
	if got := money.New(25, -2).String(); got != "0.25" {
		t.Errorf("25 × 10^-2 is %s", got)
	}
}

// decimalText draws plain decimals, with a liking for those at the limits of machine words, up to
// the longest that are read.
var decimalText = rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,49}(\.[0-9]{1,49})?`),
	rapid.StringMatching(`-?[0-9]{1,9}(\.[0-9]{1,9})?`),
	rapid.StringMatching(`-?9223372036854775[89]0[0-9](\.[0-9]{0,12})?`),
	rapid.StringMatching(`-?92233720[36][0-9](\.[0-9]{9})?`))

func rational(t *rapid.T, x money.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(x.String())
	if !ok {
		t.Fatalf("%s is not a number", x)
	}
	return r
}

// Arithmetic agrees with exact fractions and leaves its operands alone.
func TestDecimalIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := mustDecimal(t, decimalText.Draw(t, "x")), mustDecimal(t, decimalText.Draw(t, "y"))
		before := x.String() + " " + y.String()
		rx, ry := rational(t, x), rational(t, y)
		for name, c := range map[string]struct {
			got      money.Decimal
			expected *big.Rat
		}{
			"+": {x.Add(y), new(big.Rat).Add(rx, ry)}, "-": {x.Sub(y), new(big.Rat).Sub(rx, ry)},
			"*": {x.Mul(y), new(big.Rat).Mul(rx, ry)}, "negative": {x.Neg(), new(big.Rat).Neg(rx)},
		} {
			if rational(t, c.got).Cmp(c.expected) != 0 {
				t.Fatalf("%s %s %s is %s", x, name, y, c.got)
			}
		}
		if x.Cmp(y) != rx.Cmp(ry) || x.Sign() != rx.Sign() || x.IsZero() != (rx.Sign() == 0) {
			t.Fatalf("%s and %s compare as %d", x, y, x.Cmp(y))
		}
		if after := x.String() + " " + y.String(); after != before {
			t.Fatalf("the operands were changed from %s to %s", before, after)
		}
	})
}

// What String writes reads back as the same number, and as the same text.
func TestDecimalTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := mustDecimal(t, decimalText.Draw(t, "x"))
		again := mustDecimal(t, x.String())
		if again.Cmp(x) != 0 || again.String() != x.String() || strings.HasPrefix(x.String(), "-0") &&
			!strings.Contains(x.String(), ".") {
			t.Fatalf("%s reads as %s", x, again)
		}
	})
}

// A rounded number is within half a unit of its last place, has no more places than asked for, and
// is even in a tie.
func TestDecimalRoundProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, places := mustDecimal(t, decimalText.Draw(t, "x")), rapid.IntRange(0, 20).Draw(t, "places")
		rounded := x.Round(places)
		if _, fraction, _ := strings.Cut(rounded.String(), "."); len(fraction) > places {
			t.Fatalf("%s rounded to %d places is %s", x, places, rounded)
		}
		off := rational(t, x.Sub(rounded))
		off.Abs(off)
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
		switch off.Mul(off, scale).Cmp(big.NewRat(1, 2)) {
		case 1:
			t.Fatalf("%s rounded to %d places is %s", x, places, rounded)
		case 0:
			unit := new(big.Rat).Mul(rational(t, rounded), scale)
			if new(big.Int).Rem(unit.Num(), big.NewInt(2)).Sign() != 0 {
				t.Fatalf("%s rounded to %d places is the odd %s", x, places, rounded)
			}
		}
	})
}
