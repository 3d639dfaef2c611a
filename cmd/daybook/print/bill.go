package print

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// lineJSON is a line of the bill.
type lineJSON struct {
	Month     string `json:"month"`
	Tenant    string `json:"tenant"`
	Kind      string `json:"kind"`
	Plan      string `json:"plan"`
	Component string `json:"component"`
	Charges   int    `json:"charges"`
	Quantity  string `json:"quantity"`
	Unit      string `json:"unit"`
	Amount    string `json:"amount"`
	VAT       string `json:"vat"`
	Currency  string `json:"currency"`
}

// totalJSON is the total of a tenant's month. Net and VAT are rounded once to the currency's minor
// unit, and Total is the sum of the two as rounded, so that the paper adds up.
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

func newBill(bill *ledger.Bill, quarantined int) billJSON {
	out := billJSON{
		Running: bill.Running, Held: bill.Held, Quarantined: quarantined, Lines: []lineJSON{},
		Totals: []totalJSON{}, Gaps: []gapJSON{}, Horizons: []horizonJSON{}, Unrated: bill.Unrated,
		Anomalies: bill.Anomalies, Missing: bill.Missing,
	}
	var amount, vat events.Decimal
	for i, l := range bill.Lines {
		out.Lines = append(out.Lines, lineJSON{
			l.Period, l.Tenant, l.Kind, l.Plan, l.Component, l.Charges, l.Quantity.String(), l.Unit, l.Amount.String(),
			l.VAT.String(), l.Currency,
		})
		amount, vat = amount.Add(l.Amount), vat.Add(l.VAT)
		if i+1 < len(bill.Lines) {
			if n := bill.Lines[i+1]; n.Period == l.Period && n.Tenant == l.Tenant && n.Currency == l.Currency {
				continue
			}
		}
		out.Totals = append(out.Totals, totalJSON{
			l.Period, l.Tenant, money(amount, l.Currency), money(vat, l.Currency),
			money(toMinorUnit(amount, l.Currency).Add(toMinorUnit(vat, l.Currency)), l.Currency), l.Currency,
		})
		amount, vat = events.Decimal{}, events.Decimal{}
	}
	for _, g := range bill.Gaps {
		out.Gaps = append(out.Gaps, gapJSON{g.Source, g.Foundation, Time(g.From), Time(g.To), g.Reason})
	}
	for _, h := range bill.Horizons {
		out.Horizons = append(out.Horizons, horizonJSON{h.Source, h.Foundation, Time(h.Metered), Time(h.Billed)})
	}
	return out
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
	rows := list{w: w, rows: out.rows()}
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

// rows are the lines of the bill below a header, each tenant's month closed by its total.
func (b *billJSON) rows() [][]string {
	rows := [][]string{{
		"MONTH", "TENANT", "KIND", "PLAN", "COMPONENT", "QUANTITY", "UNIT", "AMOUNT", "VAT",
		"CURRENCY",
	}}
	total := 0
	for i, l := range b.Lines {
		quantity := l.Quantity
		if l.Unit == "" {
			quantity = "" // a formula has none
		}
		rows = append(rows, []string{
			l.Month, l.Tenant, l.Kind, l.Plan, l.Component, quantity, l.Unit, l.Amount, l.VAT,
			l.Currency,
		})
		if i+1 == len(b.Lines) || b.Lines[i+1].Month != l.Month || b.Lines[i+1].Tenant != l.Tenant ||
			b.Lines[i+1].Currency != l.Currency {
			t := b.Totals[total]
			total++
			rows = append(rows, []string{t.Month, t.Tenant, "total", "", "", "", "", t.Amount, t.VAT, t.Currency +
				" (with VAT " + t.Total + ")"})
		}
	}
	return rows
}

// completeness prints how far each source was metered and charged, and the gaps.
func (b *billJSON) completeness(w io.Writer) {
	for _, h := range b.Horizons {
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
