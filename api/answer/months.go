package answer

import (
	"context"

	"github.com/daybook-billing/daybook/ledger"
)

// FoundationQuestion asks about foundations.
type FoundationQuestion struct {
	Foundation string `query:"foundation" json:"foundation,omitempty" maxLength:"1024" doc:"Only this foundation."`
}

// Months are the months of foundations, the newest first.
type Months struct {
	Months []Month `json:"months"`
}

// Month is a month of a foundation.
type Month struct {
	Source     string     `json:"source"`
	Foundation string     `json:"foundation"`
	Month      string     `json:"month"`
	State      string     `json:"state" enum:"open,closed,open again"`
	At         string     `json:"at,omitempty" format:"date-time" doc:"When it was closed, or opened again."`
	ByHand     bool       `json:"by_hand,omitempty" doc:"It was closed, or opened again, by hand."`
	By         string     `json:"by,omitempty" doc:"Who did that; for those who may see all tenants, as note."`
	Note       string     `json:"note,omitempty"`
	Sums       []MonthSum `json:"sums,omitempty" doc:"Of all tenants, for those who may see their money."`
}

// MonthSum is the money of a month in one currency, net.
type MonthSum struct {
	Currency    string `json:"currency"`
	Amount      string `json:"amount" doc:"Of what is posted to the month."`
	VAT         string `json:"vat"`
	Corrections int    `json:"corrections" doc:"Corrections of the month, posted to later ones."`
	Corrected   string `json:"corrected" doc:"Their net sum."`
}

// Months answers with the months of the asker's foundations.
func (a *Answers) Months(ctx context.Context, asker *Asker, x *FoundationQuestion) (*Months, error) {
	if !asker.Usage.Names(x.Foundation, "") {
		return nil, errNobody
	}
	all, err := a.ListMonths(ctx, x.Foundation)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 && x.Foundation != "" {
		return nil, errNobody
	}
	out := &Months{Months: []Month{}}
	for i := range all {
		m := &all[i]
		if !asker.Usage.Names(m.Foundation, "") {
			continue
		}
		out.Months = append(out.Months, NewMonth(asker, m))
	}
	return out, nil
}

// ListMonths are the months of one foundation or, where it is empty, of all, whoever asks.
func (a *Answers) ListMonths(ctx context.Context, foundation string) ([]ledger.Month, error) {
	return ledger.ListMonths(ctx, a.bus, a.money, foundation)
}

// NewMonth is the form of a month, as an asker may see it.
func NewMonth(asker *Asker, m *ledger.Month) Month {
	x := Month{
		Source: m.Source, Foundation: m.Foundation, Month: m.Month, State: m.State, At: timeText(m.At),
		ByHand: m.By != "",
	}
	if asker.Usage.Everybody {
		x.By, x.Note = m.By, m.Note
	}
	if asker.Money.Everybody {
		for i := range m.Sums {
			s := &m.Sums[i]
			x.Sums = append(x.Sums, MonthSum{
				Currency: s.Currency, Amount: s.Amount.String(), VAT: s.VAT.String(), Corrections: s.Corrections,
				Corrected: s.Corrected.String(),
			})
		}
	}
	return x
}
