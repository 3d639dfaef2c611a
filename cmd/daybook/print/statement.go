package print

import (
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/api/export"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// Statements prints statements and credit notes in a format: table, for people, json, one object a
// line, or csv, one row a line of a statement. Those without a number are marked as previews.
func Statements(w io.Writer, all []statement.Statement, format string, exact bool) error {
	out := &failing{w: w}
	switch format {
	case "json":
		for i := range all {
			fmt.Fprintf(out, "%s\n", statementJSON(&all[i]))
		}
	case "csv":
		return table(w, "csv", export.StatementRows(all))
	default:
		for i := range all {
			if i > 0 {
				fmt.Fprintln(out)
			}
			printStatement(out, &all[i], exact)
		}
	}
	return out.err
}

// statementJSON is the JSON of BILLING; a preview says so.
func statementJSON(x *statement.Statement) []byte {
	if !x.Preview() {
		return x.AppendJSON(nil)
	}
	return append([]byte(`{"preview":true,`), x.AppendJSON(nil)[1:]...)
}

// quantityOf is empty for a line of a formula.
func quantityOf(l *statement.Line, exact bool) string {
	switch {
	case l.Unit == "":
		return ""
	case exact:
		return l.Quantity.String()
	}
	return l.Quantity.Round(quantityPlaces).String()
}

func printStatement(w io.Writer, x *statement.Statement, exact bool) {
	Text(w, title(x))
	Text(w, "tenant "+x.Tenant)
	fmt.Fprintln(w)
	sheet := &page{
		titles:  []string{"PLAN", "COMPONENT", "QUANTITY", "UNIT", "UNIT PRICE", "AMOUNT", "VAT", ""},
		right:   []bool{false, false, true, false, true, true, true, false},
		numbers: 6,
	}
	if len(x.Lines) == 0 {
		sheet.line("No charges.")
	} else {
		sheet.header()
	}
	of := ""
	for i := range x.Lines {
		l := &x.Lines[i]
		if l.Month != of {
			of = l.Month
			sheet.line("corrections of " + of + ", posted after it was closed:")
		}
		amount, vat := money(l.RoundedAmount, l.Currency), money(l.RoundedVAT, l.Currency)
		if exact {
			amount, vat = l.Amount.String(), l.VAT.String()
		}
		sheet.row(l.Plan, l.Component, quantityOf(l, exact), l.Unit, priceOf(l), amount, vat, l.Currency)
	}
	for i := range x.Rates {
		r := &x.Rates[i]
		sheet.sum("net, and VAT at "+percent(r.VATRate), money(r.RoundedAmount, r.Currency), money(r.RoundedVAT,
			r.Currency), r.Currency)
	}
	for _, t := range x.Totals {
		sheet.sum("total", money(t.Amount, t.Currency), money(t.VAT, t.Currency), t.Currency)
		sheet.sum("total with VAT", money(t.Total, t.Currency), "", t.Currency)
	}
	sheet.print(w)
	fmt.Fprintln(w)
	statementFooter(w, x)
}

// title is the heading of a statement.
func title(x *statement.Statement) string {
	of := fmt.Sprintf("%s of %s/%s", x.Month, x.Source, x.Foundation)
	switch {
	case x.Preview():
		return "Preview: " + of + " is open, and what comes later changes it"
	case x.CreditNote():
		return fmt.Sprintf("Credit note %d: takes back statement %d, %s", x.Number, x.Credits, of)
	case x.Revision > 1:
		return fmt.Sprintf("Statement %d: %s, revision %d", x.Number, of, x.Revision)
	}
	return fmt.Sprintf("Statement %d: %s", x.Number, of)
}

// priceOf is the unit price, in its currency where it is not the billing currency.
func priceOf(l *statement.Line) string {
	if l.PriceCurrency == l.Currency {
		return l.UnitPrice
	}
	return strings.TrimSpace(l.UnitPrice + " " + l.PriceCurrency)
}

// percent is a rate such as 0.175 as 17.5 %.
func percent(rate string) string {
	d, err := events.ParseDecimal(rate)
	if err != nil {
		return "no rate"
	}
	return d.Mul(events.NewDecimal(100, 0)).String() + " %"
}

func statementFooter(w io.Writer, x *statement.Statement) {
	if x.Preview() {
		Text(w, "metered through "+Time(x.Horizon))
	} else {
		Text(w, fmt.Sprintf("closed %s; metered through %s", Time(x.Closed), Time(x.Horizon)))
	}
	if len(x.Catalogues) > 0 {
		Text(w, "catalogue "+strings.Join(x.Catalogues, ", "))
	}
	unbilled(w, "held, and not billed until it is settled", x.Held, x.HeldOmitted)
	unbilled(w, "without a price", x.Unrated, x.UnratedOmitted)
	for _, g := range x.Gaps {
		Text(w, fmt.Sprintf("facts may be missing from %s to %s: %s", Time(g.From), Time(g.To), g.Reason))
	}
	if x.GapsOmitted > 0 {
		Text(w, fmt.Sprintf("and %d more gaps", x.GapsOmitted))
	}
	Text(w, fmt.Sprintf("entries: %d, SHA-256 %s", x.Entries, x.Digest))
}

// unbilled prints a list of usage.
func unbilled(w io.Writer, what string, list []statement.Unbilled, omitted uint32) {
	if len(list) == 0 && omitted == 0 {
		return
	}
	Text(w, fmt.Sprintf("%s: %d", what, len(list)+int(omitted)))
	for _, u := range list {
		end := Time(u.End)
		if u.End.IsZero() {
			end = "now"
		}
		Text(w, fmt.Sprintf("  %s %s, from %s to %s: %s", u.Kind, u.Resource, Time(u.Start), end, u.Reason))
	}
}
