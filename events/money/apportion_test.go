package money_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events/money"
)

func TestApportion(t *testing.T) {
	for parts, want := range map[string]string{
		"0.005 0.005 0.005":    "0.01 0.01 0", // 0.015 is 0.02, half-even
		"1.004 1.004 1.004":    "1.01 1 1",    // 3.012 is 3.01
		"0.3333 0.3333 0.3334": "0.33 0.33 0.34",
		"-0.005 -0.005":        "0 -0.01",
		"-1.01 0.005":          "-1.01 0.01", // -1.005 is -1
		"":                     "",
	} {
		var all []money.Decimal
		var sum money.Decimal
		for _, text := range strings.Fields(parts) {
			all = append(all, mustDecimal(t, text))
			sum = sum.Add(all[len(all)-1])
		}
		var got []string
		for _, x := range money.Apportion(all, 2, sum.Round(2)) {
			got = append(got, x.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s became %s, not %s", parts, got, want)
		}
	}
}

func TestApportionTo(t *testing.T) {
	halves := []money.Decimal{mustDecimal(t, "0.005"), mustDecimal(t, "0.005")}
	for total, want := range map[string]string{
		"0": "0 0", "0.02": "0.01 0.01", "0.03": "0.02 0.01", "-0.03": "-0.01 -0.02",
	} {
		var got []string
		for _, x := range money.Apportion(halves, 2, mustDecimal(t, total)) {
			got = append(got, x.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("they became %s, not %s", got, want)
		}
	}
	if got := money.Apportion(nil, 2, mustDecimal(t, "1")); len(got) != 0 {
		t.Errorf("nothing became %s", got)
	}
}

// Rounded parts add up to the rounded sum, and none moves by a whole unit.
func TestApportionedPartsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.IntRange(0, 3).Draw(t, "places")
		parts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) money.Decimal {
			return money.New(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "part"), -5)
		}), 0, 20).Draw(t, "parts")
		var exact, sum money.Decimal
		for _, part := range parts {
			exact = exact.Add(part)
		}
		unit := money.New(1, -int32(places))
		for i, x := range money.Apportion(parts, places, exact.Round(places)) {
			sum = sum.Add(x)
			away := x.Sub(parts[i])
			if away.Cmp(unit) >= 0 || away.Neg().Cmp(unit) >= 0 || x.Round(places).Cmp(x) != 0 {
				t.Fatalf("%s became %s", parts[i], x)
			}
		}
		if sum.Cmp(exact.Round(places)) != 0 {
			t.Fatalf("they add up to %s, not to %s", sum, exact.Round(places))
		}
	})
}
