package reconciled

import (
	"encoding/json"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// Plan is the last plan of a foundation, with its outcome.
type Plan struct {
	Plan       string     `json:"plan" doc:"Id."`
	Source     string     `json:"source"`
	Foundation string     `json:"foundation"`
	Made       string     `json:"made" format:"date-time"`
	Expires    string     `json:"expires" format:"date-time" doc:"It may be enacted until then."`
	Seen       string     `json:"seen" format:"date-time" doc:"When the platform was listed."`
	Horizon    string     `json:"horizon" format:"date-time" doc:"Everything up to then was metered."`
	Dry        string     `json:"dry,omitempty" doc:"Why it was not to be enacted."`
	Enacted    bool       `json:"enacted" doc:"It was enacted, as far as the remodels say."`
	Problem    string     `json:"problem,omitempty" doc:"Why it was not enacted to its end."`
	Stakes     []Stake    `json:"stakes,omitempty" doc:"Money at stake a day, net of VAT; for those who may see it."`
	Listings   []Listing  `json:"listings" doc:"How each kind was listed."`
	Refused    []Refusal  `json:"refused" doc:"Groups of stops that are not enacted."`
	Remodels   []Remodel  `json:"remodels" doc:"The differences, by stage, kind and resource."`
	Notes      []PlanNote `json:"notes" doc:"Differences that need no act, or none yet."`
}

// Stake is the money at stake of a plan a day, in one currency.
type Stake struct {
	Currency  string `json:"currency"`
	TooMuch   string `json:"too_much" doc:"Billed of what is not there: a decimal, net of VAT."`
	TooLittle string `json:"too_little" doc:"There, and not billed."`
}

// Listing is how one kind of resource was listed.
type Listing struct {
	Kind     string `json:"kind"`
	Count    int    `json:"count"`
	Complete bool   `json:"complete"`
	Why      string `json:"why,omitempty" doc:"Why it is not complete."`
	Note     string `json:"note,omitempty"`
}

// Refusal is a group of remodels, refused as a whole.
type Refusal struct {
	Kind   string `json:"kind"`
	Type   string `json:"type"`
	Count  int    `json:"count" doc:"The number to allow."`
	Billed int    `json:"billed" doc:"How many of the kind are billed."`
	Why    string `json:"why"`
}

// PlanNote is a difference without an act, for good or for now.
type PlanNote struct {
	Kind     string `json:"kind,omitempty"`
	Resource string `json:"resource,omitempty"`
	Code     string `json:"code"`
	Text     string `json:"text"`
}

// Remodel is one difference, with its change of the record.
type Remodel struct {
	Plan        string   `json:"plan"`
	Source      string   `json:"source"`
	Foundation  string   `json:"foundation"`
	Type        string   `json:"type"`
	Stage       string   `json:"stage"`
	Act         string   `json:"act"`
	Why         string   `json:"why,omitempty" doc:"Why it is enacted in another way than the rules say."`
	Silent      bool     `json:"silent,omitempty" doc:"METERED has ended it already, for it is reported no more: per_day is the price of a day of it, in no sum."`
	Kind        string   `json:"kind"`
	Resource    string   `json:"resource"`
	Tenant      string   `json:"tenant"`
	Name        string   `json:"name,omitempty"`
	At          string   `json:"at" format:"date-time" doc:"When the record changes."`
	NotBefore   string   `json:"not_before,omitempty" format:"date-time" doc:"The change took place after then."`
	NotAfter    string   `json:"not_after,omitempty" format:"date-time" doc:"The change took place before then."`
	Exact       bool     `json:"exact" doc:"The platform tells the time."`
	First       string   `json:"first" format:"date-time" doc:"When the difference was seen first."`
	Age         string   `json:"age" enum:"new,hour,day,week" doc:"The least age of the difference."`
	PerDay      []Amount `json:"per_day" doc:"Money at stake a day: billed less what should be, for those who may see it."`
	Unrated     bool     `json:"unrated,omitempty" doc:"No plan in force has a price for one of the sides."`
	Resolutions []string `json:"resolutions" doc:"What may be done."`
	Sequence    uint64   `json:"sequence,omitempty" doc:"Of its observation in USAGE."`
	Skipped     string   `json:"skipped,omitempty" doc:"Why there is none."`
	Billed      *Side    `json:"billed,omitempty" doc:"With a plan: what is billed."`
	There       *Side    `json:"there,omitempty" doc:"With a plan: what the platform shows."`
}

// Amount is money in one currency, net of VAT.
type Amount struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount" doc:"An exact decimal; negative for what is not billed."`
}

// Side is a resource as it is billed, or as it is there.
type Side struct {
	App       string           `json:"app,omitempty"`
	Tenant    string           `json:"tenant,omitempty"`
	Space     string           `json:"space,omitempty"`
	SpaceName string           `json:"space_name,omitempty"`
	Name      string           `json:"name,omitempty"`
	Footprint answer.Footprint `json:"footprint"`
	Since     string           `json:"since,omitempty" format:"date-time" doc:"When the size was taken up, as far as it is known."`
	Proof     string           `json:"proof,omitempty" format:"date-time" doc:"The last proof of life."`
	Sequence  uint64           `json:"sequence,omitempty" doc:"Message of METERED with it."`
	Held      string           `json:"held,omitempty" doc:"It is held and not billed, with the reason."`
	Evidence  json.RawMessage  `json:"evidence,omitempty" doc:"The span or the hold; the platform's JSON."`
}

// New is the form of a plan, as an asker may see it: without erased names, and with money for those
// who may see that of the foundation.
func New(p *plans.Planned, erasures *names.Erasures, money bool) *Plan {
	plan := p.Plan
	x := &Plan{
		Plan: plan.ID, Source: plan.Source, Foundation: plan.Foundation, Made: timeText(plan.Made),
		Expires: timeText(plan.Expires), Seen: timeText(plan.Seen), Horizon: timeText(plan.Horizon), Dry: p.Dry,
		Enacted: p.Report != nil, Problem: p.Problem, Listings: []Listing{}, Refused: []Refusal{},
		Remodels: []Remodel{}, Notes: []PlanNote{},
	}
	if money {
		for _, s := range plans.Stakes(plan) {
			x.Stakes = append(x.Stakes, Stake{s.Currency, s.TooMuch.String(), s.TooLittle.String()})
		}
	}
	for i := range plan.Listings {
		l := &plan.Listings[i]
		x.Listings = append(x.Listings, Listing{l.Kind, l.Count, l.Complete, l.Why, l.Note})
	}
	for i := range plan.Refused {
		r := &plan.Refused[i]
		x.Refused = append(x.Refused, Refusal{r.Kind, string(r.Type), r.Count, r.Billed, r.Why})
	}
	for i := range plan.Remodels {
		x.Remodels = append(x.Remodels, newRemodel(plan, &plan.Remodels[i], erasures, money))
	}
	if p.Report != nil {
		outcomes := map[reconcile.Key]int{}
		for i := range p.Report.Outcomes {
			outcomes[p.Report.Outcomes[i].Key] = i
		}
		for i := range plan.Remodels {
			if at, known := outcomes[plan.Remodels[i].Key]; known {
				o := &p.Report.Outcomes[at]
				x.Remodels[i].Sequence, x.Remodels[i].Skipped = o.Sequence, o.Skipped
			}
		}
	}
	for i := range plan.Notes {
		n := &plan.Notes[i]
		x.Notes = append(x.Notes, PlanNote{n.Key.Kind, n.Key.Resource, n.Code, n.Text})
	}
	return x
}

// Stored is how many observations of the plan are in USAGE.
func (x *Plan) Stored() (n int) {
	for i := range x.Remodels {
		if x.Remodels[i].Sequence != 0 {
			n++
		}
	}
	return n
}

func newRemodel(p *reconcile.Plan, r *reconcile.Remodel, erasures *names.Erasures, money bool) Remodel {
	x := Remodel{
		Plan: p.ID, Source: p.Source, Foundation: p.Foundation, Type: string(r.Type), Stage: string(r.Stage),
		Act: string(r.Act), Why: r.Why, Silent: r.Silent, Kind: r.Key.Kind, Resource: r.Key.Resource,
		At:        timeText(r.At),
		NotBefore: timeText(r.NotBefore), NotAfter: timeText(r.NotAfter), Exact: r.Exact, First: timeText(r.First),
		Age: reconcile.AgeOf(p.Seen.Sub(r.First)), PerDay: []Amount{}, Unrated: r.Unrated, Resolutions: []string{},
		Billed: newSide(p, r.Billed, erasures), There: newSide(p, r.There, erasures),
	}
	of := x.There
	if of == nil {
		of = x.Billed
	}
	if of != nil {
		x.Tenant, x.Name = of.Tenant, of.Name
	}
	if money {
		for _, m := range r.Stake {
			x.PerDay = append(x.PerDay, Amount{m.Currency, m.Amount})
		}
	}
	for _, resolution := range r.Resolutions {
		x.Resolutions = append(x.Resolutions, string(resolution))
	}
	return x
}

// newSide is the form of a material; nil for nil. Its names are erased as an observation's.
func newSide(p *reconcile.Plan, m *reconcile.Material, erasures *names.Erasures) *Side {
	if m == nil {
		return nil
	}
	a := events.Act{
		Kind: events.ActObservation, Source: p.Source, Foundation: p.Foundation,
		Observation: events.Observation{
			Kind: m.Kind, Resource: m.Resource, App: m.App, Tenant: m.Tenant, Space: m.Space, SpaceName: m.SpaceName,
			Name: m.Name, Evidence: m.Evidence,
		},
	}
	erasures.Observation(&a)
	o := &a.Observation
	x := &Side{
		App: m.App, Tenant: m.Tenant, Space: m.Space, SpaceName: o.SpaceName, Name: o.Name,
		Footprint: answer.NewFootprint(&m.Footprint), Since: timeText(m.Since), Proof: timeText(m.Proof),
		Sequence: m.Sequence, Held: m.Held,
	}
	if json.Valid(o.Evidence) { // it may be cut
		x.Evidence = o.Evidence
	}
	return x
}

// timeText is a time; empty for none.
func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return events.FormatTime(at)
}
