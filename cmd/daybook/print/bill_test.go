package print_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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

// totalsOf are the totals of lines at one VAT rate.
func totalsOf(lines []ledger.Line) (all []ledger.Total) {
	for i := range lines {
		l := &lines[i]
		at := slices.IndexFunc(all, func(t ledger.Total) bool {
			return t.Period == l.Period && t.Tenant == l.Tenant && t.Currency == l.Currency
		})
		if at < 0 {
			at = len(all)
			all = append(all, ledger.Total{Period: l.Period, Tenant: l.Tenant, Currency: l.Currency})
		}
		all[at].Amount, all[at].VAT = all[at].Amount.Add(l.Amount), all[at].VAT.Add(l.VAT)
	}
	return all
}

func printBill(t interface{ Fatal(...any) }, lines []ledger.Line) (out printed, table string) {
	var asJSON, asTable bytes.Buffer
	bill := ledger.Bill{Lines: lines, Totals: totalsOf(lines)}
	if err := print.BillJSON(&asJSON, &bill, 0); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(asJSON.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if err := print.Bill(&asTable, &bill, 0, false); err != nil {
		t.Fatal(err)
	}
	return out, asTable.String()
}

// Lines of two currencies in turn have one total each; what was charged in a currency and taken
// back has neither line nor total; a formula has no quantity, and no line where it costs nothing.
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
	if got := fmt.Sprint(out.Lines); got != "[{hour  } {memory 7 GiB-hour} {memory 9 GiB-hour}]" {
		t.Errorf("the lines are %s", got)
	}
	want := `2026-11  tenant org

KIND  PLAN  COMPONENT  QUANTITY  UNIT      AMOUNT    VAT
app   app   hour                            53.15  10.63  GBP
app   app   memory            7  GiB-hour    1.00   0.20  EUR
app   app   memory            9  GiB-hour  150.50  30.10  GBP
total                                        1.00   0.20  EUR
total with VAT                               1.20         EUR
total                                      203.65  40.73  GBP
total with VAT                             244.38         GBP

no gaps
no anomalies
`
	if table != want {
		t.Errorf("the table is\n%s", table)
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
			if l.Amount.IsZero() {
				continue // it says nothing, and a formula counts nothing
			}
			key := l.Period + " " + l.Tenant + " " + l.Currency
			sums[key] = sums[key].Add(l.Amount)
		}
		slices.SortStableFunc(lines, func(a, b ledger.Line) int {
			return strings.Compare(a.Period+a.Tenant+a.Component, b.Period+b.Tenant+b.Component)
		})
		out, table := printBill(t, lines)
		if len(out.Totals) != len(sums) || strings.Count("\n"+table, "\ntotal  ") != len(sums) {
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

// A page for people has at most 100 columns, whatever the names, and its rows add up to its totals.
func TestBillFitsItsPage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		by := rapid.SliceOfNDistinct(rapid.SampledFrom(ledger.Dimensions()), 0, 4,
			func(d ledger.Dimension) ledger.Dimension { return d }).Draw(t, "by")
		name := rapid.OneOf(rapid.StringMatching(`[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}`),
			rapid.StringMatching(`[a-z ]{0,60}`), rapid.StringMatching(`[a-zäß]{0,300}`))
		decimal := func(label string) events.Decimal {
			places := rapid.IntRange(0, 12).Draw(t, label)
			return events.NewDecimal(rapid.Int64Range(-1e13, 1e13).Draw(t, label), -int32(places))
		}
		bill := ledger.Bill{Query: ledger.Query{By: by}, Missing: []string{name.Draw(t, "missing")}}
		for range rapid.IntRange(0, 6).Draw(t, "lines") {
			l := ledger.Line{
				Period: "2026-11", Tenant: name.Draw(t, "tenant"), Currency: "GBP", Kind: "instance",
				Plan: name.Draw(t, "plan"), Component: name.Draw(t, "component"),
				Unit:     rapid.SampledFrom([]string{"", "GiB-hour"}).Draw(t, "unit"),
				Quantity: decimal("quantity"), Amount: decimal("amount"), VAT: decimal("vat"),
			}
			if rapid.Bool().Draw(t, "correction") {
				l.Of = "2026-10"
			}
			for range by {
				l.Group = append(l.Group, name.Draw(t, "value"))
			}
			bill.Lines = append(bill.Lines, l)
		}
		bill.Totals = totalsOf(bill.Lines)
		for _, exact := range []bool{false, true} {
			var page, rows, notices bytes.Buffer
			if err := print.Bill(&page, &bill, 3, exact); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(page.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
					t.Fatalf("a line has %d columns\n%s", n, page.String())
				}
			}
			if err := print.BillCSV(&rows, &notices, &bill, 3, exact); err != nil {
				t.Fatal(err)
			}
			if !exact {
				checkRounded(t, &bill, rows.String())
			}
		}
	})
}

// checkRounded fails unless the rounded lines of a bill in CSV add up to its totals.
func checkRounded(t *rapid.T, bill *ledger.Bill, text string) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]events.Decimal{}
	for _, row := range rows[1:] {
		amount, err := events.ParseDecimal(row[len(row)-3])
		if err != nil {
			t.Fatal(err)
		}
		sums[row[1]] = sums[row[1]].Add(amount)
	}
	var asJSON bytes.Buffer
	if err := print.BillJSON(&asJSON, bill, 0); err != nil {
		t.Fatal(err)
	}
	var out printed
	if err := json.Unmarshal(asJSON.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	for _, total := range out.Totals {
		if want, err := events.ParseDecimal(total.Amount); err != nil || want.Cmp(sums[total.Tenant]) != 0 {
			t.Fatalf("the lines of %q add up to %s, not to %s\n%s", total.Tenant, sums[total.Tenant], total.Amount,
				text)
		}
	}
}
