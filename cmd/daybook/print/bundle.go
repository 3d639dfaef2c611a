package print

import (
	"fmt"
	"io"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/bundle"
)

// Bundle prints what was checked of a bundle.
func Bundle(w io.Writer, r *bundle.Report) error {
	out := &failing{w: w}
	if r.Statement.ID != "" {
		Text(out, title(&r.Statement))
		Text(out, "tenant "+r.Statement.Tenant)
	}
	for i := range r.Checks {
		f := &r.Checks[i]
		verdict := "right"
		if len(f.Problems) > 0 {
			verdict = "wrong"
		}
		hanging(out, "       ", verdict+"  "+f.What)
		for _, problem := range f.Problems {
			hanging(out, "       ", "       "+problem)
		}
		if f.More > 0 {
			fmt.Fprintf(out, "       and %d more\n", f.More)
		}
	}
	for _, t := range r.Statement.Totals {
		Text(out, fmt.Sprintf("total %s, VAT %s, with VAT %s %s", money(t.Amount, t.Currency), money(t.VAT, t.Currency),
			money(t.Total, t.Currency), t.Currency))
	}
	if !r.Right() {
		Text(out, "The bundle is not to be trusted: something in it is otherwise than it was made.")
	}
	return out.err
}

// StatementLine prints a line of a statement with the entries behind it.
func StatementLine(w io.Writer, of *statement.Statement, x *answer.StatementLine, asJSON bool) error {
	if asJSON {
		return JSON(w, x)
	}
	out := &failing{w: w}
	Text(out, fmt.Sprintf("%s, line %d: %s %s", title(of), x.Line, x.Plan, x.Component))
	if x.Month != "" {
		Text(out, "corrections of "+x.Month+", posted after it was closed")
	}
	fmt.Fprintln(out)
	rows := [][]string{{"KIND", "RESOURCE", "START", "END", "AMOUNT", "VAT", "ENTRY"}}
	for _, e := range x.Entries {
		rows = append(rows, []string{e.Kind, e.Resource, e.Start, e.End, e.Amount, e.VAT, e.ID})
	}
	if err := Table(out, rows); err != nil {
		return err
	}
	if x.Omitted > 0 {
		fmt.Fprintf(out, "not listed: %d more entries; daybook statement export has them all\n", x.Omitted)
	}
	fmt.Fprintln(out)
	Text(out, fmt.Sprintf("line   %s and %s VAT %s, exact", x.Amount, x.VAT, x.Currency))
	Text(out, fmt.Sprintf("again  %s and %s VAT from %d entries, each charge computed again", x.SumOfNet, x.SumOfVAT,
		len(x.Entries)+x.Omitted))
	for _, e := range x.Entries {
		if e.Problem != "" {
			hanging(out, "       ", "differs  "+e.Problem)
		}
	}
	if x.CreditNote {
		Text(out, fmt.Sprintf("credit note: the entries are those of statement %d, and their sum is negated",
			of.Credits))
	}
	if x.Equal {
		Text(out, "equal")
	} else {
		Text(out, "differs: the entries do not come to the line")
	}
	Text(out, "daybook explain ENTRY takes a charge down to its span, the platform's events and the catalogue")
	return out.err
}
