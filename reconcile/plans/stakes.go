package plans

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// Stake is the money at stake of a plan per day, in one currency, net of VAT.
type Stake struct {
	Currency           string
	TooMuch, TooLittle events.Decimal // billed, and not billed; neither is negative
}

// Stakes are the money at stake of a plan, in the order in which currencies come. A day of what is
// silent is not billed, and stands in none.
func Stakes(p *reconcile.Plan) (all []Stake) {
	for i := range p.Remodels {
		if p.Remodels[i].Silent {
			continue
		}
		for _, money := range p.Remodels[i].Stake {
			amount, err := events.ParseDecimal(money.Amount)
			if err != nil {
				continue
			}
			at := 0
			for at < len(all) && all[at].Currency != money.Currency {
				at++
			}
			if at == len(all) {
				all = append(all, Stake{Currency: money.Currency})
			}
			if amount.Sign() < 0 {
				all[at].TooLittle = all[at].TooLittle.Add(amount.Neg())
			} else {
				all[at].TooMuch = all[at].TooMuch.Add(amount)
			}
		}
	}
	return all
}
