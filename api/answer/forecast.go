package answer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/forecast"
	"github.com/daybook-billing/daybook/pricer/terms"
)

// ForecastQuestion asks for the sums of a month at its end.
type ForecastQuestion struct {
	Whose
	What
	Month string   `query:"month" json:"month,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"The month; none: that of the latest horizon."`
	By    []string `query:"by" json:"by,omitempty" maxItems:"5" uniqueItems:"true" enum:"tenant,foundation,space,app,resource,kind,plan,component" doc:"What the sums are divided by, separated by commas; each currency has a sum of its own."`
}

// ForecastDimensions are the dimensions of a forecast's sums.
func ForecastDimensions() []string {
	return []string{"tenant", "foundation", "space", "app", "resource", "kind", "plan", "component"}
}

// maxAhead is how many months behind the latest horizon a forecast may be.
const maxAhead = 12

// Forecast is what a month comes to if all that runs goes on as it is, at the prices that are
// known.
type Forecast struct {
	Position Position      `json:"position"`
	Month    string        `json:"month"`
	By       []string      `json:"by"`
	Sums     []ForecastSum `json:"sums"`
	// Foundations say up to when each is metered.
	Foundations []FoundationState `json:"foundations"`
	Running     int               `json:"running" doc:"How many spans run, and are taken to run on."`
	Unrated     []string          `json:"unrated,omitempty" doc:"Why something of what runs has no price."`
	Held        int               `json:"held,omitempty" doc:"How many parts are held: they are in no sum."`
}

// ForecastSum is a sum of past and coming charges. Amounts are exact decimals, net of VAT.
type ForecastSum struct {
	Of       map[string]string `json:"of" doc:"What the sum is divided by, with its values."`
	Currency string            `json:"currency"`
	Charged  string            `json:"charged" doc:"Posted to the month up to now."`
	ToCome   string            `json:"to_come" doc:"Of what runs: from where it is charged to the end of the month."`
	Amount   string            `json:"amount" doc:"Both."`
	VAT      string            `json:"vat" doc:"On both."`
}

// Forecast answers with the sums of a month at its end.
func (a *Answers) Forecast(ctx context.Context, asker *Asker, x *ForecastQuestion) (*Forecast, error) {
	q, err := x.queried(&x.Whose, &asker.Money)
	if err != nil {
		return nil, err
	}
	q.By = dimensions(x.By)
	var charged []ledger.Sum
	var running []ledger.Span
	var bill ledger.Bill
	at, err := a.found(ctx, &q, func(r ledger.Reader) (n int, err error) {
		all := ledger.Query{Owners: q.Owners, Foundation: q.Foundation, Tenant: q.Tenant, Period: x.Month}
		if bill, err = r.Bill(ctx, all); err != nil {
			return 0, err
		}
		if q.Period, err = x.month(bill.Horizons); err != nil {
			return 0, err
		}
		if charged, err = r.Totals(ctx, q); err != nil {
			return 0, err
		}
		running, err = r.Running(ctx, q)
		return len(charged) + len(running), err
	})
	if errors.Is(err, ledger.ErrTooMany) {
		return nil, invalid("%s", err)
	}
	if err != nil {
		return nil, err
	}
	out := &Forecast{
		Position: position(at), Month: q.Period, By: slices.Clone(x.By), Running: len(running),
		Foundations: states(bill.Horizons), Held: bill.Held,
	}
	if out.By == nil {
		out.By = []string{}
	}
	toCome := ledger.NewSumming(q.By)
	err = a.withTerms(ctx, at.Metered, func(t *terms.Terms) {
		out.Unrated, err = goOn(t.Latest(), running, q.Period, toCome)
	})
	if err != nil {
		return nil, err
	}
	out.Sums = forecastSums(x.By, charged, toCome.List())
	return out, nil
}

// month is the month of the question, or else of the latest horizon.
func (x *ForecastQuestion) month(horizons []ledger.Horizon) (string, error) {
	latest := ""
	for i := range horizons {
		latest = max(latest, horizons[i].Metered.Format(events.MonthForm))
	}
	switch {
	case latest == "" && x.Month == "":
		return "", invalid("nothing is metered yet: give a month")
	case x.Month == "":
		return latest, nil
	case latest != "" && x.Month > events.MonthAfter(latest, maxAhead):
		return "", invalid("a forecast is of the %d months behind %s at the most", maxAhead, latest)
	}
	return x.Month, nil
}

// goOn adds the coming charges of running spans in a month.
func goOn(prices forecast.Terms, running []ledger.Span, month string, to *ledger.Summing) (unrated []string,
	err error,
) {
	from, end := events.MonthTime(month)
	for i := range running {
		s := &running[i]
		charges, without := forecast.Price(prices, s.Source, s.Foundation, &s.Span, from, end)
		for _, reason := range reasons(without) {
			if !slices.Contains(unrated, reason) {
				unrated = append(unrated, reason)
			}
		}
		for j := range charges {
			c := ledger.Charge{Charge: charges[j], Source: s.Source, Foundation: s.Foundation}
			if err := to.Add(&c, 1); err != nil {
				return unrated, invalid("%s", err)
			}
		}
	}
	return unrated, nil
}

// forecastSums are the sums of past and coming charges, in the order of their values.
func forecastSums(by []string, charged, toCome []ledger.Sum) []ForecastSum {
	type pair struct{ charged, toCome ledger.Sum }
	pairs, order := map[string]*pair{}, []string{}
	of := func(s *ledger.Sum) *pair {
		key := strings.Join(append(slices.Clone(s.Group), s.Currency), "\x00")
		if pairs[key] == nil {
			pairs[key] = &pair{}
			order = append(order, key)
		}
		return pairs[key]
	}
	for i := range charged {
		of(&charged[i]).charged = charged[i]
	}
	for i := range toCome {
		of(&toCome[i]).toCome = toCome[i]
	}
	slices.Sort(order)
	all := []ForecastSum{}
	for _, key := range order {
		p := pairs[key]
		values := strings.Split(key, "\x00")
		sum := ForecastSum{
			Of: map[string]string{}, Currency: values[len(by)], Charged: p.charged.Amount.String(),
			ToCome: p.toCome.Amount.String(), Amount: p.charged.Amount.Add(p.toCome.Amount).String(),
			VAT: p.charged.VAT.Add(p.toCome.VAT).String(),
		}
		for i, name := range by {
			sum.Of[name] = values[i]
		}
		all = append(all, sum)
	}
	return all
}
