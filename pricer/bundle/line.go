package bundle

import (
	"bytes"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// Line is a line of a statement with the entries behind it.
type Line struct {
	Number  int // from 1
	Line    statement.Line
	Entries []Behind
	Omitted int // how many more entries there are; they are in Sum
	// Sum is the line as the entries come to it, not rounded.
	Sum statement.Line
}

// Behind is an entry behind a line.
type Behind struct {
	events.Charge
	Problem string // how it differs from what is computed again; empty for equal
}

// maxBehind is how many entries a Line lists.
const maxBehind = 200

// Equal reports whether the entries come to the line, and each charge to its amount.
func (l *Line) Equal() bool {
	for i := range l.Entries {
		if l.Entries[i].Problem != "" {
			return false
		}
	}
	return l.Sum.Amount.Cmp(l.Line.Amount) == 0 && l.Sum.VAT.Cmp(l.Line.VAT) == 0 &&
		l.Sum.Quantity.Cmp(l.Line.Quantity) == 0
}

// HasLine fails where a statement has no n-th line, from 1.
func HasLine(x *statement.Statement, n int) error {
	if n < 1 || n > len(x.Lines) {
		return fmt.Errorf("statement %d has the lines 1 to %d, and no line %d", x.Number, len(x.Lines), n)
	}
	return nil
}

// Line is the n-th line of the statement, from 1. The entries of a credit note are those of the
// statement that it takes back: their sum is negated.
func (c *Contents) Line(n int) (*Line, error) {
	x := &c.Statement
	if err := HasLine(x, n); err != nil {
		return nil, err
	}
	w, err := newWorkings(x.Foundation, &c.Terms, c.Catalogues, c.Spans, func(*events.Span) error { return nil })
	if err != nil {
		return nil, err
	}
	l := &Line{Number: n, Line: x.Lines[n-1]}
	var sum statements.Sums
	err = lines(bytes.NewReader(c.Entries), func(line []byte) error {
		var e events.Charge
		if err := e.DecodeJSON(line); err != nil {
			return err
		}
		price, problem := w.again(&e)
		if !statements.Belongs(&e, price, &l.Line) {
			return nil
		}
		sum.Add(&e, price)
		if len(l.Entries) == maxBehind && problem == "" {
			l.Omitted++
			return nil
		}
		l.Entries = append(l.Entries, Behind{e, problem})
		return nil
	})
	var total statement.Statement
	sum.Settle(&total)
	if x.CreditNote() {
		total = statements.CreditNote(&total, total.Closed)
	}
	if len(total.Lines) == 1 {
		l.Sum = total.Lines[0]
	}
	return l, err
}
