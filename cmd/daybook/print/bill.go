package print

import (
	"io"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/ledger"
)

// totalJSON is the total of a tenant's month in one currency. Net and VAT are each the sum over the
// VAT rates, rounded once for each to the currency's minor unit, and Total is the sum of the two as
// rounded, so that the paper adds up.
type totalJSON struct {
	Month    string `json:"month"`
	Tenant   string `json:"tenant"`
	Name     string `json:"tenant_name,omitempty"`
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
	Lines       []Fields            `json:"lines"`
	Totals      []totalJSON         `json:"totals"`
	Running     int                 `json:"running"`
	Held        int                 `json:"held"`
	Unrated     int                 `json:"unrated"`
	Quarantined int                 `json:"quarantined"`
	Anomalies   map[string]int      `json:"anomalies"`
	Gaps        []gapJSON           `json:"gaps"`
	Horizons    []horizonJSON       `json:"horizons"`
	Final       []string            `json:"final"`
	Preliminary []string            `json:"preliminary"`
	Missing     []string            `json:"missing,omitempty"`
	Platforms   []ledger.Comparison `json:"platforms,omitempty"`
}

// BillJSON prints a bill as one JSON object with exact amounts, the newest month first; quarantined
// is the number of quarantined inputs. A line has a key for each dimension of the bill, quantity
// where its charges have one, and correction_of where they are of an earlier month.
func BillJSON(w io.Writer, bill *ledger.Bill, quarantined int) error {
	out := billJSON{
		Running: bill.Running, Held: bill.Held, Quarantined: quarantined, Lines: []Fields{},
		Totals: []totalJSON{}, Gaps: []gapJSON{}, Horizons: []horizonJSON{}, Unrated: bill.Unrated,
		Anomalies: bill.Anomalies, Final: append([]string{}, bill.Final...),
		Preliminary: append([]string{}, bill.Preliminary...), Missing: bill.Missing,
		Platforms: bill.Platforms,
	}
	p := newPaper(bill)
	for i := range p.lines {
		l := &p.lines[i]
		line := Fields{{"month", l.Period}, {"tenant", l.Tenant}}
		if name := bill.TenantNames[l.Tenant]; name != "" {
			line = append(line, Field{"tenant_name", name})
		}
		if l.Of != "" {
			line = append(line, Field{"correction_of", l.Of})
		}
		for j, value := range p.values(l.Line) {
			line = append(line, Field{string(p.by[j]), value})
		}
		line = append(line, Field{"charges", l.Charges})
		if l.Counted() {
			line = append(line, Field{"quantity", l.Quantity.String()})
		}
		out.Lines = append(out.Lines, append(line, Field{"unit", l.Unit}, Field{"amount", l.Amount.String()},
			Field{"vat", l.VAT.String()}, Field{"currency", l.Currency}))
	}
	for _, key := range p.totals {
		out.Totals = append(out.Totals, p.total(key))
	}
	for _, g := range bill.Gaps {
		out.Gaps = append(out.Gaps, gapJSON{g.Source, g.Foundation, Time(g.From), Time(g.To), g.Reason})
	}
	for _, h := range bill.Horizons {
		out.Horizons = append(out.Horizons, horizonJSON{
			h.Source, h.Foundation, Time(h.Metered), Time(h.Billed), Time(h.Ended),
		})
	}
	return JSON(w, out)
}

// BillCSV prints the lines of a bill, the newest month first, and to notices how complete it is.
// Amounts are as on paper, or exact.
func BillCSV(w, notices io.Writer, bill *ledger.Bill, quarantined int, exact bool) error {
	p := newPaper(bill)
	p.footer(notices, quarantined)
	header := []string{"month", "tenant", "tenant_name", "correction_of"}
	for _, by := range p.by {
		header = append(header, string(by))
	}
	rows := [][]string{append(header, "charges", "quantity", "unit", "amount", "vat", "currency")}
	for i := range p.lines {
		l := &p.lines[i]
		row := append([]string{l.Period, l.Tenant, bill.TenantNames[l.Tenant], l.Of}, p.values(l.Line)...)
		quantity, amount, vat := l.texts(exact)
		rows = append(rows, append(row, strconv.Itoa(l.Charges), quantity, l.Unit, amount, vat, l.Currency))
	}
	return table(w, "csv", rows)
}

// Bill prints a bill for people, the newest month first; quarantined is the number of quarantined
// inputs. Amounts are rounded to the currency's minor unit so that they add up, or exact.
func Bill(w io.Writer, bill *ledger.Bill, quarantined int, exact bool) error {
	p, out := newPaper(bill), &failing{w: w}
	if len(p.lines) == 0 {
		Text(out, "No charges.")
	} else {
		for _, sheet := range p.pages(exact) {
			sheet.print(out)
		}
	}
	p.footer(out, quarantined)
	return out.err
}

// failing is a writer that keeps its first error.
type failing struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (f *failing) Write(b []byte) (int, error) {
	if f.err == nil {
		_, f.err = f.w.Write(b)
	}
	return len(b), f.err
}

// page is an empty page of a bill.
func (p *paper) page() *page {
	sheet := &page{numbers: 5}
	for _, by := range p.by {
		sheet.titles = append(sheet.titles, strings.ToUpper(string(by)))
		sheet.right = append(sheet.right, false)
	}
	sheet.titles = append(sheet.titles, "QUANTITY", "UNIT", "AMOUNT", "VAT", "")
	sheet.right = append(sheet.right, true, false, true, true, false)
	return sheet
}

// pages have a part for each tenant's month: its lines, the corrections of each earlier month, and
// its totals, one a currency. Rounded amounts stand on one page, and are as wide everywhere; each
// part with exact ones has a page of its own.
func (p *paper) pages(exact bool) (all []*page) {
	sheet := p.page()
	totals := p.totals
	for i := range p.lines {
		l := &p.lines[i]
		first := i == 0 || l.Period != p.lines[i-1].Period || l.Tenant != p.lines[i-1].Tenant
		if first {
			if exact && i > 0 {
				all, sheet = append(all, sheet), p.page()
			}
			sheet.line(l.Period + "  tenant " + called(l.Tenant, p.TenantNames[l.Tenant]))
			sheet.line("")
			sheet.header()
		}
		if l.Of != "" && (first || l.Of != p.lines[i-1].Of) {
			sheet.line("corrections of " + l.Of + ", posted after it was closed:")
		}
		quantity, amount, vat := l.texts(exact)
		sheet.row(append(append([]string{}, p.values(l.Line)...), quantity, l.Unit, amount, vat, l.Currency)...)
		if i+1 < len(p.lines) && p.lines[i+1].Period == l.Period && p.lines[i+1].Tenant == l.Tenant {
			continue
		}
		for ; len(totals) > 0 && totals[0].period == l.Period && totals[0].tenant == l.Tenant; totals = totals[1:] {
			t := p.total(totals[0])
			if exact {
				sum := p.sums[totals[0]]
				sheet.sum("total, exact", sum.exactAmount.String(), sum.exactVAT.String(), t.Currency)
			}
			sheet.sum("total", t.Amount, t.VAT, t.Currency)
			sheet.sum("total with VAT", t.Total, "", t.Currency)
		}
		sheet.line("")
	}
	return append(all, sheet)
}
