package money_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events/money"
)

// A Sum is the sum, however large the addends are and however many places they have.
func TestSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sum money.Sum
		var want money.Decimal
		for range rapid.IntRange(0, 50).Draw(t, "addends") {
			x := money.New(rapid.Int64().Draw(t, "coefficient"), -rapid.Int32Range(-3, 20).Draw(t, "places"))
			sum.Add(x)
			want = want.Add(x)
		}
		if got := sum.Decimal(); got.Cmp(want) != 0 {
			t.Fatalf("%s, not %s", got, want)
		}
	})
}
