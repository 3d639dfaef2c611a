package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// ClosingQuestion asks for the preview of a closing.
type ClosingQuestion struct {
	Month      string `path:"month" json:"month" pattern:"^[1-9][0-9]{3}-(0[1-9]|1[0-2])$" doc:"The month, YYYY-MM."`
	Foundation string `query:"foundation" json:"foundation" required:"true" minLength:"1" maxLength:"1024" doc:"Its foundation."`
}

// Closings are the previews of a closing: one for each source of the foundation.
type Closings struct {
	Metered  uint64    `json:"metered" doc:"Sequence of the last message of METERED that was looked at: what an act may expect."`
	Closings []Closing `json:"closings"`
}

// Closing is the preview of a month's closing in a foundation.
type Closing struct {
	Source     string      `json:"source"`
	Foundation string      `json:"foundation"`
	Month      string      `json:"month"`
	Refused    string      `json:"refused,omitempty" doc:"Why it would be refused now; there are no statements then."`
	Sums       []RoundSum  `json:"sums,omitempty" doc:"Of all statements and credit notes, by currency."`
	Held       int         `json:"held" doc:"Holds up to the end of the month, not billed with it."`
	Unrated    int         `json:"unrated" doc:"Parts without a price up to the end of the month."`
	Gaps       int         `json:"gaps" doc:"Times of possibly missing facts that touch the month."`
	Statements []Statement `json:"statements" doc:"What it proposes, by number."`
}

// RoundSum is a sum in a currency's minor unit.
type RoundSum struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount" doc:"Net of VAT."`
	VAT      string `json:"vat"`
	Total    string `json:"total" doc:"Of the two."`
}

// Statement is a proposed statement, or a credit note.
type Statement struct {
	Tenant     string     `json:"tenant"`
	TenantName string     `json:"tenant_name,omitempty"`
	Credits    uint64     `json:"credits,omitempty" doc:"In a credit note the number of the statement that it takes back."`
	Revision   uint32     `json:"revision"`
	Totals     []RoundSum `json:"totals"`
	Held       int        `json:"held"`
	Unrated    int        `json:"unrated"`
}

// Closing answers with the preview of a closing. It stores nothing.
func (o *Operations) Closing(ctx context.Context, asker *answer.Asker, x *ClosingQuestion) (*Closings, error) {
	if !asker.Money.Has(x.Foundation, "") {
		return nil, answer.NoTenant()
	}
	all, err := acts.ReadMonths(ctx, o.bus, x.Foundation)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, answer.NoTenant()
	}
	listed, err := o.answers.ListMonths(ctx, x.Foundation)
	if err != nil {
		return nil, err
	}
	look, err := preview.TakeClosing(ctx, o.bus, x.Foundation)
	if err != nil {
		return nil, err
	}
	known, err := o.answers.Names(ctx)
	if err != nil {
		return nil, err
	}
	out := &Closings{Metered: look.Sequence, Closings: []Closing{}}
	for i := range all {
		m := &all[i]
		c := Closing{Source: m.Source, Foundation: m.Foundation, Month: x.Month, Statements: []Statement{}}
		if why := closable(m, listed, x.Month); why != nil {
			c.Refused = why.Error()
		} else {
			c.take(look.Of(m.Source, m.Foundation, x.Month), known.TenantName)
		}
		out.Closings = append(out.Closings, c)
	}
	return out, nil
}

// closable tells why a month is not to be closed. The listed months are of several foundations.
func closable(m *acts.Months, listed []ledger.Month, month string) error {
	if err := m.Closable(month); err != nil {
		return err
	}
	first := ""
	for i := range listed {
		l := &listed[i]
		if l.Source == m.Source && l.Foundation == m.Foundation && l.State != stateClosed &&
			(first == "" || l.Month < first) {
			first = l.Month
		}
	}
	switch {
	case first != "" && first < month:
		return fmt.Errorf("month %s is open and closes before %s: close it first", first, month)
	case first != "" && first > month:
		return fmt.Errorf("month %s is before the first one with anything in it, %s", month, first)
	}
	return nil
}

// take takes proposed statements. names has the names of tenants.
func (c *Closing) take(proposed []statement.Statement, names func(tenant string) string) {
	sums := map[string]*statement.Total{}
	for i := range proposed {
		s := &proposed[i]
		of := Statement{
			Tenant: s.Tenant, TenantName: names(s.Tenant), Credits: s.Credits, Revision: s.Revision,
			Totals: []RoundSum{}, Held: len(s.Held) + int(s.HeldOmitted),
			Unrated: len(s.Unrated) + int(s.UnratedOmitted),
		}
		for _, t := range s.Totals {
			of.Totals = append(of.Totals, roundSum(&t))
			if sums[t.Currency] == nil {
				sums[t.Currency] = &statement.Total{Currency: t.Currency}
			}
			sum := sums[t.Currency]
			sum.Amount, sum.VAT, sum.Total = sum.Amount.Add(t.Amount), sum.VAT.Add(t.VAT), sum.Total.Add(t.Total)
		}
		if !s.CreditNote() {
			c.Held, c.Unrated = c.Held+of.Held, c.Unrated+of.Unrated
			c.Gaps = max(c.Gaps, len(s.Gaps)+int(s.GapsOmitted))
		}
		c.Statements = append(c.Statements, of)
	}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		c.Sums = append(c.Sums, roundSum(sums[currency]))
	}
}

func roundSum(t *statement.Total) RoundSum {
	return RoundSum{
		Currency: t.Currency, Amount: t.Amount.String(), VAT: t.VAT.String(), Total: t.Total.String(),
	}
}

// MonthAct is an act about a month as a request.
type MonthAct struct {
	Month string `path:"month" pattern:"^[1-9][0-9]{3}-(0[1-9]|1[0-2])$" doc:"The month, YYYY-MM."`
	Body  MonthWord
}

// MonthWord is an act about a month, with its expectation.
type MonthWord struct {
	Foundation string  `json:"foundation" minLength:"1" maxLength:"1024" doc:"Of every source with this name."`
	Note       string  `json:"note" minLength:"1" maxLength:"1024" doc:"Why; it is stored with the act."`
	Expect     *uint64 `json:"expect,omitempty" doc:"Refuse where the month has changed behind this message of METERED: the one that a preview names."`
	Wait       *int    `json:"wait_seconds,omitempty" minimum:"0" maximum:"20" doc:"Wait for the projector to take it up; 10 unless said."`
}

// MonthActs are acts about a month: one for each source of the foundation.
type MonthActs struct {
	Acts []MonthActed `json:"acts"`
}

// MonthActed is an act about a month of a foundation.
type MonthActed struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Month      string `json:"month"`
	Usage      uint64 `json:"usage,omitempty" doc:"Its sequence in USAGE; none where nothing was stored."`
	State      string `json:"state,omitempty" enum:"closed,open again,waiting" doc:"waiting: it is stored, and the projector has not taken it up."`
	Refused    string `json:"refused,omitempty" doc:"Why this one was refused, where another one was not."`
}

// Close closes a month of a foundation.
func (o *Operations) Close(ctx context.Context, asker *answer.Asker, x *MonthAct) (*MonthActs, error) {
	return o.act(ctx, asker, x, events.ActClosing, (*acts.Months).Closable)
}

// Reopen opens the last closed month of a foundation again.
func (o *Operations) Reopen(ctx context.Context, asker *answer.Asker, x *MonthAct) (*MonthActs, error) {
	return o.act(ctx, asker, x, events.ActReopening, (*acts.Months).Openable)
}
