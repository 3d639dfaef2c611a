package answer

import (
	"context"

	"github.com/daybook-billing/daybook/pricer/bundle"
)

// LineQuestion asks for the entries behind a line of a statement.
type LineQuestion struct {
	StatementQuestion
	Line int `path:"line" json:"line" minimum:"1" maximum:"1000000000" doc:"Place of the line, from 1."`
}

// StatementLine is a line of a statement with the entries behind it, computed again.
type StatementLine struct {
	Statement  uint64   `json:"statement" doc:"Its number."`
	Line       int      `json:"line" doc:"Its place, from 1."`
	Plan       string   `json:"plan"`
	Component  string   `json:"component"`
	Month      string   `json:"month,omitempty" doc:"The earlier month that it corrects."`
	Quantity   string   `json:"quantity,omitempty" doc:"A decimal, where there is a unit."`
	Unit       string   `json:"unit,omitempty"`
	Amount     string   `json:"amount" doc:"An exact decimal, net of VAT."`
	VAT        string   `json:"vat" doc:"An exact decimal."`
	Currency   string   `json:"currency"`
	Entries    []Behind `json:"entries"`
	Omitted    int      `json:"omitted,omitempty" doc:"How many more entries there are: a bundle has them all."`
	SumOfNet   string   `json:"sum_of_amounts" doc:"Of all entries."`
	SumOfVAT   string   `json:"sum_of_vat"`
	Equal      bool     `json:"equal" doc:"The entries come to the line, and each to its amount."`
	CreditNote bool     `json:"credit_note,omitempty" doc:"The entries are those of the statement that it takes back."`
}

// Behind is an entry behind a line.
type Behind struct {
	ID       string `json:"id"`
	Entry    string `json:"entry" enum:"charge,reversal,correction"`
	Kind     string `json:"kind"`
	Resource string `json:"resource"`
	Start    string `json:"start" format:"date-time"`
	End      string `json:"end" format:"date-time"`
	Amount   string `json:"amount" doc:"An exact decimal, net of VAT."`
	VAT      string `json:"vat" doc:"An exact decimal."`
	Problem  string `json:"problem,omitempty" doc:"How it is computed otherwise."`
}

// StatementLine answers with the entries behind a line of a statement.
func (a *Answers) StatementLine(ctx context.Context, asker *Asker, x *LineQuestion) (*StatementLine, error) {
	issued, err := a.Statement(ctx, asker, &x.StatementQuestion)
	if err != nil {
		return nil, err
	}
	if err := bundle.HasLine(issued, x.Line); err != nil {
		return nil, &Problem{Kind: NotFound, Detail: err.Error()}
	}
	contents, err := bundle.Collect(ctx, a.bus, issued)
	if err != nil {
		return nil, unbundled(err)
	}
	l, err := contents.Line(x.Line)
	if err != nil {
		return nil, err
	}
	return NewStatementLine(contents, l), nil
}

// NewStatementLine is the form of a line of a statement.
func NewStatementLine(c *bundle.Contents, l *bundle.Line) *StatementLine {
	of := &l.Line
	x := &StatementLine{
		Statement: c.Statement.Number, Line: l.Number, Plan: of.Plan, Component: of.Component, Month: of.Month,
		Unit: of.Unit, Amount: of.Amount.String(), VAT: of.VAT.String(), Currency: of.Currency, Entries: []Behind{},
		Omitted: l.Omitted, SumOfNet: l.Sum.Amount.String(), SumOfVAT: l.Sum.VAT.String(), Equal: l.Equal(),
		CreditNote: c.Statement.CreditNote(),
	}
	if of.Unit != "" {
		x.Quantity = of.Quantity.String()
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		x.Entries = append(x.Entries, Behind{
			e.ID, e.Entry, e.Kind, e.Resource, timeText(e.Start), timeText(e.End), e.Amount.String(), e.VAT.String(),
			e.Problem,
		})
	}
	return x
}
