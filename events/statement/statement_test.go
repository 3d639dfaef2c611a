package statement_test

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// drawn is a statement with any lines.
func drawn(t *rapid.T) *statement.Statement {
	x := &statement.Statement{ID: events.ID("statement"), Source: "cf", Foundation: "f", Tenant: "t", Month: "2026-11"}
	for i := range rapid.IntRange(0, 30).Draw(t, "lines") {
		decimal := func(label string) events.Decimal {
			places := rapid.Int32Range(0, 12).Draw(t, "places")
			return events.NewDecimal(rapid.Int64Range(-1e9, 1e9).Draw(t, label), -places)
		}
		x.Lines = append(x.Lines, statement.Line{
			Plan: "app", Component: strconv.Itoa(i), Quantity: decimal("quantity"), Amount: decimal("amount"),
			VAT: decimal("vat"), VATRate: rapid.SampledFrom([]string{"", "0.175", "0.2"}).Draw(t, "rate"),
			Currency: rapid.SampledFrom([]string{"GBP", "JPY", "KWD"}).Draw(t, "currency"),
		})
	}
	x.Settle()
	return x
}

// TestSettle: the lines of a rate add up to it, exactly and as rounded, and the rates of a currency
// to its total. Each rounded sum is the exact one, rounded once.
func TestSettle(t *testing.T) {
	places := map[string]int{"GBP": 2, "JPY": 0, "KWD": 3}
	rapid.Check(t, func(t *rapid.T) {
		x := drawn(t)
		totals := map[string]statement.Total{}
		for _, r := range x.Rates {
			var sum statement.Rate
			for _, l := range x.Lines {
				if l.Currency == r.Currency && l.VATRate == r.VATRate {
					sum.Amount, sum.VAT = sum.Amount.Add(l.Amount), sum.VAT.Add(l.VAT)
					sum.RoundedAmount = sum.RoundedAmount.Add(l.RoundedAmount)
					sum.RoundedVAT = sum.RoundedVAT.Add(l.RoundedVAT)
				}
			}
			n := places[r.Currency]
			if sum.Amount.Cmp(r.Amount) != 0 || sum.VAT.Cmp(r.VAT) != 0 ||
				sum.RoundedAmount.Cmp(sum.Amount.Round(n)) != 0 || sum.RoundedVAT.Cmp(sum.VAT.Round(n)) != 0 ||
				r.RoundedAmount.Cmp(sum.RoundedAmount) != 0 || r.RoundedVAT.Cmp(sum.RoundedVAT) != 0 {
				t.Fatalf("the rate is %+v, its lines are %+v", r, sum)
			}
			total := totals[r.Currency]
			total.Amount, total.VAT = total.Amount.Add(r.RoundedAmount), total.VAT.Add(r.RoundedVAT)
			totals[r.Currency] = total
		}
		if len(x.Totals) != len(totals) {
			t.Fatalf("%d totals for %d currencies", len(x.Totals), len(totals))
		}
		for _, total := range x.Totals {
			want := totals[total.Currency]
			if total.Amount.Cmp(want.Amount) != 0 || total.VAT.Cmp(want.VAT) != 0 ||
				total.Total.Cmp(want.Amount.Add(want.VAT)) != 0 {
				t.Fatalf("the total is %+v, the rates add up to %+v", total, want)
			}
		}
	})
}

// TestParts: parts are no longer than asked, each by its own id, and together they are the whole.
func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := drawn(t)
		whole.Number, whole.Parts = 7, 1
		const most = 4000
		var joined statement.Statement
		ids := map[string]bool{}
		parts := whole.Parted(most)
		for i := range parts {
			p := &parts[i]
			if n := len(p.AppendJSON(nil)); n > most {
				t.Fatalf("a part has %d bytes", n)
			}
			if p.Last() != (i == len(parts)-1) {
				t.Fatalf("part %d of %d", i, len(parts))
			}
			ids[p.ID] = true
			joined.Join(p)
		}
		if len(ids) != len(parts) || joined.ID != whole.ID {
			t.Fatalf("%d ids of %d parts", len(ids), len(parts))
		}
		joined.Part, joined.Parts = 0, 1
		if got, want := joined.AppendJSON(nil), whole.AppendJSON(nil); !slices.Equal(got, want) {
			t.Fatalf("the parts are\n%s\nand the whole is\n%s", got, want)
		}
	})
}
