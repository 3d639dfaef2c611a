package print_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// printed is a bill as JSON.
type printed struct {
	Lines []struct {
		Component, Quantity, Unit string
	}
	Totals []struct{ Month, Tenant, Amount, VAT, Total, Currency string }
}

func printBill(t interface{ Fatal(...any) }, lines []ledger.Line) (out printed, table string) {
	var asJSON, asTable bytes.Buffer
	bill := ledger.Bill{Lines: lines}
	if err := print.BillJSON(&asJSON, &bill, 0); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(asJSON.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if err := print.Bill(&asTable, &bill, 0); err != nil {
		t.Fatal(err)
	}
	return out, asTable.String()
}

// Lines of two currencies in turn have one total each; what was charged in a currency and taken
// back has neither line nor total; a formula has no quantity.
func TestBillOfTwoCurrencies(t *testing.T) {
	pence := func(n int64) events.Decimal { return events.NewDecimal(n, -2) }
	line := func(component, unit, currency string, quantity, amount int64) ledger.Line {
		return ledger.Line{
			Period: "2026-11", Tenant: "org", Kind: "app", Plan: "app", Component: component, Unit: unit,
			Currency: currency, Charges: 2, Quantity: events.NewDecimal(quantity, 0), Amount: pence(amount),
			VAT: pence(amount / 5),
		}
	}
	out, table := printBill(t, []ledger.Line{
		line("hour", "", "EUR", 0, 0), line("hour", "", "GBP", 40, 5315), line("memory", "GiB-hour", "EUR", 7, 100),
		line("memory", "GiB-hour", "GBP", 9, 15050), line("zero", "", "GBP", 3, 0),
	})
	if got := fmt.Sprint(out.Totals); got != "[{2026-11 org 1.00 0.20 1.20 EUR} {2026-11 org 203.65 40.73 244.38 "+
		"GBP}]" {
		t.Errorf("the totals are %s", got)
	}
	if got := fmt.Sprint(out.Lines); got != "[{hour  } {memory 7 GiB-hour} {memory 9 GiB-hour} {zero  }]" {
		t.Errorf("the lines are %s", got)
	}
	var last []string
	for row := range strings.Lines(table) {
		if strings.Contains(row, "total") {
			last = append(last, strings.Join(strings.Fields(row)[3:], " "))
		}
	}
	if want := []string{"1.00 0.20 EUR (with VAT 1.20)", "203.65 40.73 GBP (with VAT 244.38)"}; !slices.Equal(last,
		want) {
		t.Errorf("the table ends its month with %q\n%s", last, table)
	}
}

// The totals of a bill are its sums by month, tenant and currency, in whatever order its lines are.
func TestTotalsAreSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ledger.Line {
			pick := func(from ...string) string { return rapid.SampledFrom(from).Draw(t, "key") }
			return ledger.Line{
				Period: pick("2026-10", "2026-11"), Tenant: pick("a", "b"), Currency: pick("GBP", "EUR", "JPY"),
				Component: pick("x", "y", "z"), Charges: 1, Quantity: events.NewDecimal(1, 0),
				Amount: events.NewDecimal(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "amount"), -4),
			}
		}), 0, 12).Draw(t, "lines")
		sums := map[string]events.Decimal{}
		for _, l := range lines {
			key := l.Period + " " + l.Tenant + " " + l.Currency
			sums[key] = sums[key].Add(l.Amount)
		}
		slices.SortStableFunc(lines, func(a, b ledger.Line) int {
			return strings.Compare(a.Period+a.Tenant+a.Component, b.Period+b.Tenant+b.Component)
		})
		out, table := printBill(t, lines)
		if len(out.Totals) != len(sums) || strings.Count(table, " total ") != len(sums) {
			t.Fatalf("%d totals for %d sums\n%s", len(out.Totals), len(sums), table)
		}
		for _, total := range out.Totals {
			sum := sums[total.Month+" "+total.Tenant+" "+total.Currency]
			places := 2
			if total.Currency == "JPY" {
				places = 0
			}
			if got, err := events.ParseDecimal(total.Amount); err != nil || got.Cmp(sum.Round(places)) != 0 {
				t.Fatalf("%v is not the sum %s", total, sum)
			}
		}
	})
}
