package print

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// lineJSON is a line of the bill.
type lineJSON struct {
	Month     string `json:"month"`
	Tenant    string `json:"tenant"`
	Kind      string `json:"kind"`
	Group     Fields `json:"group,omitempty"`
	Plan      string `json:"plan"`
	Component string `json:"component"`
	Charges   int    `json:"charges"`
	Quantity  string `json:"quantity,omitempty"` // a formula gives none
	Unit      string `json:"unit"`
	Amount    string `json:"amount"`
	VAT       string `json:"vat"`
	Currency  string `json:"currency"`
}

// totalJSON is the total of a tenant's month in one currency. Net and VAT are rounded once to the
// currency's minor unit, and Total is the sum of the two as rounded, so that the paper adds up.
type totalJSON struct {
	Month    string `json:"month"`
	Tenant   string `json:"tenant"`
	Amount   string `json:"amount"`
	VAT      string `json:"vat"`
	Total    string `json:"total"`
	Currency string `json:"currency"`
}

type horizonJSON struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Metered    string `json:"metered"`
	Charged    string `json:"charged"`
	Ended      string `json:"ended,omitempty"`
}

type gapJSON struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	From       string `json:"from,omitempty"`
	To         string `json:"to,omitempty"`
	Reason     string `json:"reason"`
}

type billJSON struct {
	Lines       []lineJSON     `json:"lines"`
	Totals      []totalJSON    `json:"totals"`
	Running     int            `json:"running"`
	Held        int            `json:"held"`
	Unrated     int            `json:"unrated"`
	Quarantined int            `json:"quarantined"`
	Anomalies   map[string]int `json:"anomalies"`
	Gaps        []gapJSON      `json:"gaps"`
	Horizons    []horizonJSON  `json:"horizons"`
	Missing     []string       `json:"missing,omitempty"`
}

// totalKey is what a total is for.
type totalKey struct{ period, tenant, currency string }

func (k totalKey) compare(o totalKey) int {
	return cmp.Or(cmp.Compare(k.period, o.period), cmp.Compare(k.tenant, o.tenant), cmp.Compare(k.currency, o.currency))
}

// total is an exact sum of lines.
type total struct{ amount, vat events.Decimal }

func (t *total) of(k totalKey) totalJSON {
	gross := toMinorUnit(t.amount, k.currency).Add(toMinorUnit(t.vat, k.currency))
	return totalJSON{
		k.period, k.tenant, money(t.amount, k.currency), money(t.vat, k.currency), money(gross, k.currency), k.currency,
	}
}

func newBill(bill *ledger.Bill, quarantined int) billJSON {
	out := billJSON{
		Running: bill.Running, Held: bill.Held, Quarantined: quarantined, Lines: []lineJSON{},
		Totals: []totalJSON{}, Gaps: []gapJSON{}, Horizons: []horizonJSON{}, Unrated: bill.Unrated,
		Anomalies: bill.Anomalies, Missing: bill.Missing,
	}
	sums := map[totalKey]*total{}
	for i := range bill.Lines {
		l := &bill.Lines[i]
		if l.Amount.IsZero() && l.VAT.IsZero() && l.Quantity.IsZero() {
			continue // all that was charged has been reversed
		}
		quantity := l.Quantity.String()
		if l.Unit == "" {
			quantity = ""
		}
		out.Lines = append(out.Lines, lineJSON{
			l.Period, l.Tenant, l.Kind, groupOf(bill.By, l.Group), l.Plan, l.Component, l.Charges, quantity, l.Unit,
			l.Amount.String(),
			l.VAT.String(), l.Currency,
		})
		key := totalKey{l.Period, l.Tenant, l.Currency}
		sum := sums[key]
		if sum == nil {
			sum = &total{}
			sums[key] = sum
		}
		sum.amount, sum.vat = sum.amount.Add(l.Amount), sum.vat.Add(l.VAT)
	}
	for _, key := range slices.SortedFunc(maps.Keys(sums), totalKey.compare) {
		out.Totals = append(out.Totals, sums[key].of(key))
	}
	for _, g := range bill.Gaps {
		out.Gaps = append(out.Gaps, gapJSON{g.Source, g.Foundation, Time(g.From), Time(g.To), g.Reason})
	}
	for _, h := range bill.Horizons {
		out.Horizons = append(out.Horizons, horizonJSON{
			h.Source, h.Foundation, Time(h.Metered), Time(h.Billed), Time(h.Ended),
		})
	}
	return out
}

func groupOf(by []ledger.Dimension, values []string) (group Fields) {
	for i, name := range by {
		group = append(group, Field{string(name), values[i]})
	}
	return group
}

// BillJSON prints a bill as one JSON object; quarantined is the number of quarantined inputs.
func BillJSON(w io.Writer, bill *ledger.Bill, quarantined int) error {
	return JSON(w, newBill(bill, quarantined))
}

// Bill prints a bill for people; quarantined is the number of quarantined inputs.
func Bill(w io.Writer, bill *ledger.Bill, quarantined int) error {
	out := newBill(bill, quarantined)
	if len(out.Lines) == 0 {
		fmt.Fprintln(w, "No charges.")
	}
	rows := list{w: w, rows: out.rows(bill.By)}
	if err := rows.end(); err != nil {
		return err
	}
	out.completeness(w)
	for _, m := range out.Missing {
		fmt.Fprintf(w, "incomplete: %s\n", m)
	}
	if out.Running > 0 {
		fmt.Fprintf(w, "running: %d, charged up to their last cut\n", out.Running)
	}
	if out.Held > 0 {
		fmt.Fprintf(w, "held: %d, not billed until a later event or an operator settles it; daybook holds list shows "+
			"what\n", out.Held)
	}
	if out.Unrated > 0 {
		fmt.Fprintf(w, "unrated: %d parts of spans that no plan prices; daybook unrated list shows them\n", out.Unrated)
	}
	if out.Quarantined > 0 {
		fmt.Fprintf(w, "quarantined: %d inputs that were not understood; daybook quarantine list shows them\n",
			out.Quarantined)
	}
	codes := ""
	for _, code := range slices.Sorted(maps.Keys(out.Anomalies)) {
		codes = Join(codes, fmt.Sprintf("%s %d", code, out.Anomalies[code]))
	}
	if codes == "" {
		_, err := fmt.Fprintln(w, "no anomalies")
		return err
	}
	_, err := fmt.Fprintf(w, "anomalies: %s; daybook anomalies list shows them\n", codes)
	return err
}

// rows are the lines of the bill below a header, each tenant's month closed by its totals, one a
// currency.
func (b *billJSON) rows(by []ledger.Dimension) [][]string {
	header, blank := []string{"MONTH", "TENANT", "KIND"}, make([]string, len(by))
	for _, name := range by {
		header = append(header, strings.ToUpper(string(name)))
	}
	rows := [][]string{append(header, "PLAN", "COMPONENT", "QUANTITY", "UNIT", "AMOUNT", "VAT", "CURRENCY")}
	totals := b.Totals
	for i, l := range b.Lines {
		row := []string{l.Month, l.Tenant, l.Kind}
		for _, f := range l.Group {
			row = append(row, fmt.Sprint(f.Value))
		}
		rows = append(rows, append(row, l.Plan, l.Component, l.Quantity, l.Unit, l.Amount, l.VAT, l.Currency))
		if i+1 < len(b.Lines) && b.Lines[i+1].Month == l.Month && b.Lines[i+1].Tenant == l.Tenant {
			continue
		}
		for ; len(totals) > 0 && totals[0].Month == l.Month && totals[0].Tenant == l.Tenant; totals = totals[1:] {
			t := &totals[0]
			rows = append(rows, slices.Concat([]string{t.Month, t.Tenant, "total"}, blank, []string{
				"", "", "", "", t.Amount, t.VAT, t.Currency + " (with VAT " + t.Total + ")",
			}))
		}
	}
	return rows
}

// completeness prints how far each source was metered and charged, and the gaps.
func (b *billJSON) completeness(w io.Writer) {
	for _, h := range b.Horizons {
		if h.Ended != "" {
			fmt.Fprintf(w, "%s %s: retired, it ended at %s\n", h.Source, h.Foundation, h.Ended)
			continue
		}
		fmt.Fprintf(w, "%s %s: metered through %s, charged through %s\n", h.Source, h.Foundation, orNever(h.Metered),
			orNever(h.Charged))
	}
	for _, g := range b.Gaps {
		fmt.Fprintf(w, "gap: %s %s, from %s to %s: %s\n", g.Source, g.Foundation, orUnknown(g.From), orUnknown(g.To),
			g.Reason)
	}
	if len(b.Gaps) == 0 {
		fmt.Fprintln(w, "no gaps")
	}
}
