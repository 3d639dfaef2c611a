package answer

import (
	"context"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/forecast"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/pricer/terms"
)

// RunningQuestion asks for running spans.
type RunningQuestion struct {
	Whose
	What
	Bare bool `json:"bare,omitempty" query:"bare" doc:"Without accruals."`
}

// maxRunning is how many running spans an answer lists.
const maxRunning = 10_000

// Running is running spans, by kind, resource, foundation and start.
type Running struct {
	Position Position `json:"position"`
	Running  []Run    `json:"running"`
	Omitted  int      `json:"omitted,omitempty" doc:"How many more there are: choose a tenant or a kind."`
	// Foundations say up to when each is metered.
	Foundations []FoundationState `json:"foundations"`
	Accrued     []Total           `json:"accrued" doc:"Sums of what all of them have accrued, by currency."`
}

// Run is a running span.
type Run struct {
	Source     string    `json:"source"`
	Foundation string    `json:"foundation"`
	Tenant     string    `json:"tenant"`
	TenantName string    `json:"tenant_name,omitempty" doc:"As the platform calls it now."`
	Space      string    `json:"space,omitempty"`
	App        string    `json:"app,omitempty"`
	Kind       string    `json:"kind"`
	Resource   string    `json:"resource"`
	Name       string    `json:"name,omitempty"`
	Since      string    `json:"since" format:"date-time" doc:"When its size was taken up."`
	Start      string    `json:"start" format:"date-time" doc:"It is charged up to here."`
	Footprint  Footprint `json:"footprint"`
	Flags      []string  `json:"flags,omitempty"`
	// Accrued is nil where the asker may not see money.
	Accrued *Accrual `json:"accrued,omitempty"`
}

// Accrual is the price of a running span since its last charge.
type Accrual struct {
	Through string   `json:"through" format:"date-time" doc:"Metered through; from start up to here it has accrued."`
	Lines   []Priced `json:"lines"`
	Unrated []string `json:"unrated,omitempty" doc:"Why something of it has no price."`
}

// Priced is usage with its price.
type Priced struct {
	Plan      string `json:"plan"`
	Component string `json:"component"`
	Catalogue string `json:"catalogue"`
	Start     string `json:"start" format:"date-time"`
	End       string `json:"end" format:"date-time"`
	Seconds   string `json:"seconds"`
	Quantity  string `json:"quantity"`
	Unit      string `json:"unit,omitempty"`
	Amount    string `json:"amount" doc:"An exact decimal, net of VAT."`
	VAT       string `json:"vat" doc:"An exact decimal."`
	Currency  string `json:"currency"`
}

func newPriced(c *events.Charge) Priced {
	return Priced{
		Plan: c.Plan, Component: c.Component, Catalogue: c.Catalogue, Start: events.FormatTime(c.Start),
		End: events.FormatTime(c.End), Seconds: c.Seconds.String(), Quantity: c.Quantity.String(), Unit: c.Unit,
		Amount: c.Amount.String(), VAT: c.VAT.String(), Currency: c.Currency,
	}
}

// reasons are the different reasons why something has no price.
func reasons(unrated []rating.Unrated) (all []string) {
	seen := map[string]bool{}
	for i := range unrated {
		if r := unrated[i].Reason; !seen[r] {
			seen[r] = true
			all = append(all, r)
		}
	}
	return all
}

// Running answers with running spans and their accruals.
func (a *Answers) Running(ctx context.Context, asker *Asker, x *RunningQuestion) (*Running, error) {
	q, err := x.queried(&x.Whose, &asker.Usage)
	if err != nil {
		return nil, err
	}
	var spans []ledger.Span
	var horizons []ledger.Horizon
	at, err := a.found(ctx, &q, func(r ledger.Reader) (n int, err error) {
		if spans, err = r.Running(ctx, q); err != nil {
			return 0, err
		}
		horizons, err = r.Horizons(ctx, q)
		return len(spans), err
	})
	if err != nil {
		return nil, err
	}
	var book forecast.Terms
	if err := a.withTerms(ctx, at.Metered, func(t *terms.Terms) { book = t.Latest() }); err != nil {
		return nil, err
	}
	known, err := a.Names(ctx)
	if err != nil {
		return nil, err
	}
	out := &Running{Position: position(at), Running: []Run{}, Foundations: states(horizons)}
	through := ledger.MeteredThrough(horizons)
	sums := ledger.NewSumming(nil)
	for i := range spans {
		s := &spans[i]
		run := NewRun(s, known)
		end := through[ledger.Foundation{Source: s.Source, Name: s.Foundation}]
		if !x.Bare && asker.Money.Has(s.Foundation, s.Tenant) && !end.IsZero() {
			charges, unrated := forecast.Price(book, s.Source, s.Foundation, &s.Span, s.Start, end)
			run.Accrued = &Accrual{Through: events.FormatTime(end), Lines: []Priced{}, Unrated: reasons(unrated)}
			for j := range charges {
				run.Accrued.Lines = append(run.Accrued.Lines, newPriced(&charges[j]))
				if err := sums.Add(&ledger.Charge{Charge: charges[j]}, 1); err != nil {
					return nil, err
				}
			}
		}
		if len(out.Running) < maxRunning {
			out.Running = append(out.Running, run)
		} else {
			out.Omitted++
		}
	}
	out.Accrued = newTotals(nil, sums.List())
	return out, nil
}

// NewRun is the form of a running span, with the name of its tenant.
func NewRun(s *ledger.Span, known *names.Directory) Run {
	tenant := names.Tenant{Source: s.Source, Foundation: s.Foundation, GUID: s.Tenant}
	return Run{
		Source: s.Source, Foundation: s.Foundation, Tenant: s.Tenant,
		TenantName: known.Name(names.Key{Tenant: tenant}), Space: s.Space, App: s.App, Kind: s.Kind,
		Resource: s.Resource, Name: s.Name, Since: events.FormatTime(s.Since), Start: events.FormatTime(s.Start),
		Footprint: NewFootprint(&s.Footprint), Flags: s.Flags.Names(),
	}
}
