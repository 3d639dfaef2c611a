package statements

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/events/statement"
)

// Same reports whether two statements ask for the same: line by line the same quantity, amount and
// VAT, whatever the unit price.
func Same(a, b *statement.Statement) bool { return len(Difference(a.Month, a.Lines, b.Lines)) == 0 }

// Difference is what lines of a month say more than others, without what is equal: sorted, not
// rounded, and whatever the unit price. Corrections of the month itself are no lines apart.
func Difference(month string, lines, others []statement.Line) []statement.Line {
	return difference(plain(month, lines), plain(month, others))
}

func plain(month string, lines []statement.Line) []statement.Line {
	lines = slices.Clone(lines)
	for i := range lines {
		l := &lines[i]
		if l.UnitPrice, l.PriceCurrency = "", ""; l.Month == month {
			l.Month = ""
		}
	}
	return lines
}

func difference(lines, others []statement.Line) []statement.Line {
	of := map[key]statement.Line{}
	add := func(l statement.Line) {
		sum, known := of[keyOf(&l)]
		if known {
			l.Quantity, l.Amount, l.VAT = l.Quantity.Add(sum.Quantity), l.Amount.Add(sum.Amount), l.VAT.Add(sum.VAT)
		}
		of[keyOf(&l)] = l
	}
	for i := range lines {
		add(lines[i])
	}
	for i := range others {
		add(negative(others[i]))
	}
	maps.DeleteFunc(of, func(_ key, l statement.Line) bool {
		return l.Quantity.IsZero() && l.Amount.IsZero() && l.VAT.IsZero()
	})
	x := statement.Statement{Lines: slices.Collect(maps.Values(of))}
	x.Settle()
	return x.Lines
}

// Negative are lines with every amount negated, also as rounded.
func Negative(lines []statement.Line) []statement.Line {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i] = negative(lines[i])
	}
	return lines
}

func negative(l statement.Line) statement.Line {
	l.Quantity, l.Amount, l.VAT = l.Quantity.Neg(), l.Amount.Neg(), l.VAT.Neg()
	l.RoundedAmount, l.RoundedVAT = l.RoundedAmount.Neg(), l.RoundedVAT.Neg()
	return l
}

// CreditNote is the credit note of an issued statement, from when the month closed again: it
// negates every amount, also as rounded.
func CreditNote(of *statement.Statement, closed time.Time) statement.Statement {
	x := *of
	x.Credits, x.Number, x.Part, x.Parts = of.Number, 0, 0, 1
	x.Closed = closed
	x.ID = id(&x)
	negate(&x)
	return x
}

// negate negates every amount, also as rounded.
func negate(x *statement.Statement) {
	x.Lines, x.Rates, x.Totals = Negative(x.Lines), slices.Clone(x.Rates), slices.Clone(x.Totals)
	for i := range x.Rates {
		r := &x.Rates[i]
		r.Amount, r.VAT = r.Amount.Neg(), r.VAT.Neg()
		r.RoundedAmount, r.RoundedVAT = r.RoundedAmount.Neg(), r.RoundedVAT.Neg()
	}
	for i := range x.Totals {
		t := &x.Totals[i]
		t.Amount, t.VAT, t.Total = t.Amount.Neg(), t.VAT.Neg(), t.Total.Neg()
	}
}

// short cuts a text to maxText bytes.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
