package reconciled

import (
	"context"
	"errors"
	"slices"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// Bus is the part of the bus to answer.
type Bus interface {
	plans.Reader
	plans.Objects
	assembler.Bus
}

// Answers answers questions about reconciliations. It is safe for concurrent use.
type Answers struct {
	bus      Bus
	erasures *names.Current
}

// NewAnswers returns the answers of a bus.
func NewAnswers(b Bus) *Answers { return &Answers{bus: b, erasures: names.NewCurrent(b)} }

// Question selects foundations.
type Question struct {
	Source     string `query:"source" json:"source,omitempty" enum:"cf,trove" doc:"Only this source."`
	Foundation string `query:"foundation" json:"foundation,omitempty" maxLength:"1024" doc:"Only this foundation."`
}

// Reconciliations are the last plans of foundations, without its remodels and notes.
type Reconciliations struct {
	Plans     []PlanSummary          `json:"plans"`
	Platforms []answer.PlatformState `json:"platforms,omitempty" doc:"The last comparisons of sums of foundations without a plan."`
}

// PlanSummary is a plan in numbers.
type PlanSummary struct {
	Plan        string                `json:"plan" doc:"Id."`
	Source      string                `json:"source"`
	Foundation  string                `json:"foundation"`
	Made        string                `json:"made" format:"date-time"`
	Expires     string                `json:"expires" format:"date-time" doc:"It may be enacted until then."`
	Seen        string                `json:"seen" format:"date-time" doc:"When the platform was listed."`
	Dry         string                `json:"dry,omitempty" doc:"Why it was not to be enacted."`
	Enacted     bool                  `json:"enacted" doc:"It was enacted, as far as the remodels say."`
	Problem     string                `json:"problem,omitempty" doc:"Why it was not enacted to its end."`
	Differences int                   `json:"differences"`
	Stored      int                   `json:"stored" doc:"Observations in USAGE."`
	Notes       int                   `json:"notes"`
	Refused     int                   `json:"refused" doc:"Stops that are refused."`
	Types       []TypeCount           `json:"types" doc:"Differences by type and age."`
	Stakes      []Stake               `json:"stakes,omitempty" doc:"Money at stake a day, net of VAT; for those who may see it."`
	Platform    *answer.PlatformState `json:"platform,omitempty" doc:"The last comparison of sums."`
	Differs     int                   `json:"differs,omitempty" doc:"In how many polls running the sums differ."`
}

// TypeCount is how many differences have a type and an age.
type TypeCount struct {
	Type  string `json:"type"`
	Age   string `json:"age"`
	Count int    `json:"count"`
}

// errNobody is the answer about a foundation that does not exist, or is not the asker's to see.
func errNobody() error {
	return &answer.Problem{
		Kind: answer.NotFound, Detail: "no such foundation or plan, or it is not yours to see",
	}
}

// sees reports whether an asker sees a whole foundation.
func sees(asker *answer.Asker, foundation string) bool { return asker.Usage.Has(foundation, "") }

// planned are the last plans that a question and its asker may be about.
func (a *Answers) planned(ctx context.Context, asker *answer.Asker, x *Question) (all []*plans.Planned, err error) {
	places, err := plans.Places(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	for _, at := range places {
		if !x.about(asker, at) {
			continue
		}
		p, err := plans.Last(ctx, a.bus, at.Source, at.Foundation)
		if err != nil && !errors.Is(err, plans.ErrNoPlan) { // it went meanwhile
			return nil, err
		}
		if err == nil && p.Plan != nil {
			all = append(all, p)
		}
	}
	if len(all) == 0 && (x.Foundation != "" || !asker.Usage.Whole()) {
		return nil, errNobody()
	}
	return all, nil
}

// State answers with the last plans in numbers.
func (a *Answers) State(ctx context.Context, asker *answer.Asker, x *Question) (*Reconciliations, error) {
	all, err := a.planned(ctx, asker, x)
	if err != nil {
		return nil, err
	}
	sums, err := a.compared(ctx, asker, x)
	if err != nil {
		return nil, err
	}
	out := &Reconciliations{Plans: []PlanSummary{}}
	for _, p := range all {
		o := overview(New(p, nil, asker.Money.Has(p.Plan.Foundation, "")))
		at := slices.IndexFunc(sums, func(c *plans.Comparison) bool {
			return c.Source == o.Source && c.Foundation == o.Foundation
		})
		if at >= 0 {
			state := answer.Platform(sums[at], true)
			o.Platform = &state
			if state.Off != nil {
				o.Differs = sums[at].Polls
			}
			sums = slices.Delete(sums, at, at+1)
		}
		out.Plans = append(out.Plans, o)
	}
	for _, c := range sums {
		out.Platforms = append(out.Platforms, answer.Platform(c, true))
	}
	return out, nil
}

// compared are the last comparisons of sums that a question and its asker may be about.
func (a *Answers) compared(ctx context.Context, asker *answer.Asker, x *Question) (all []*plans.Comparison, err error) {
	places, err := plans.Compared(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	for _, at := range places {
		if !x.about(asker, at) {
			continue
		}
		c, err := plans.Alarm(ctx, a.bus, at.Source, at.Foundation)
		if err != nil {
			return nil, err
		}
		if c != nil {
			all = append(all, c)
		}
	}
	return all, nil
}

// about reports whether a question of an asker is about a foundation.
func (x *Question) about(asker *answer.Asker, at plans.Place) bool {
	return sees(asker, at.Foundation) && (x.Source == "" || x.Source == at.Source) &&
		(x.Foundation == "" || x.Foundation == at.Foundation)
}

// overview is a plan in numbers.
func overview(p *Plan) PlanSummary {
	o := PlanSummary{
		Plan: p.Plan, Source: p.Source, Foundation: p.Foundation, Made: p.Made, Expires: p.Expires, Seen: p.Seen,
		Dry: p.Dry, Enacted: p.Enacted, Problem: p.Problem, Differences: len(p.Remodels), Stored: p.Stored(),
		Notes: len(p.Notes), Types: []TypeCount{}, Stakes: p.Stakes,
	}
	for i := range p.Refused {
		o.Refused += p.Refused[i].Count
	}
	for i := range p.Remodels {
		r := &p.Remodels[i]
		at := slices.IndexFunc(o.Types, func(t TypeCount) bool { return t.Type == r.Type && t.Age == r.Age })
		if at < 0 {
			at, o.Types = len(o.Types), append(o.Types, TypeCount{Type: r.Type, Age: r.Age})
		}
		o.Types[at].Count++
	}
	return o
}

// PlanQuestion asks for a plan.
type PlanQuestion struct {
	Plan string `path:"plan_id" json:"plan" maxLength:"64" doc:"Id of the last plan of a foundation."`
}

// Plan answers with a plan in full.
func (a *Answers) Plan(ctx context.Context, asker *answer.Asker, x *PlanQuestion) (*Plan, error) {
	p, err := a.find(ctx, asker, x.Plan)
	if err != nil {
		return nil, err
	}
	erasures, err := a.erasures.Read(ctx)
	if err != nil {
		return nil, err
	}
	return New(p, erasures, asker.Money.Has(p.Plan.Foundation, "")), nil
}

// find is the last plan of a foundation with an id.
func (a *Answers) find(ctx context.Context, asker *answer.Asker, id string) (*plans.Planned, error) {
	places, err := plans.Places(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	places = slices.DeleteFunc(places, func(at plans.Place) bool { return !sees(asker, at.Foundation) })
	p, err := plans.Find(ctx, a.bus, places, id)
	if errors.Is(err, plans.ErrNoPlan) {
		err = errNobody()
	}
	return p, err
}

// RemodelsQuestion asks for differences.
type RemodelsQuestion struct {
	Question
	Kind    string `query:"kind" json:"kind,omitempty" enum:"app,task,service,instance,volume" doc:"Only this kind."`
	Type    string `query:"type" json:"type,omitempty" enum:"missing_start,missing_stop,footprint_drift,tenant_drift,unknown" doc:"Only this type."`
	Age     string `query:"age" json:"age,omitempty" enum:"new,hour,day,week" doc:"Only differences that are at least so old."`
	AtLeast string `query:"at_least" json:"at_least,omitempty" maxLength:"64" doc:"Only those with at least so much money at stake a day, whichever way; a decimal."`
}

// Remodels are the differences of the last plans, without evidence.
type Remodels struct {
	Remodels []Remodel `json:"remodels"`
	Omitted  int       `json:"omitted,omitempty" doc:"How many more there are."`
}

// maxRemodels is how many differences an answer lists.
const maxRemodels = 10_000

// Remodels answers with differences.
func (a *Answers) Remodels(ctx context.Context, asker *answer.Asker, x *RemodelsQuestion) (*Remodels, error) {
	least := events.Decimal{}
	if x.AtLeast != "" {
		var err error
		if least, err = events.ParseDecimal(x.AtLeast); err != nil {
			return nil, &answer.Problem{Kind: answer.Invalid, Detail: "at_least is no decimal such as 0.50"}
		}
	}
	all, err := a.planned(ctx, asker, &x.Question)
	if err != nil {
		return nil, err
	}
	erasures, err := a.erasures.Read(ctx)
	if err != nil {
		return nil, err
	}
	out := &Remodels{Remodels: []Remodel{}}
	for _, p := range all {
		full := New(p, erasures, asker.Money.Has(p.Plan.Foundation, ""))
		for _, r := range full.Remodels {
			switch {
			case x.Kind != "" && r.Kind != x.Kind, x.Type != "" && r.Type != x.Type,
				x.Age != "" && rank(r.Age) > rank(x.Age), x.AtLeast != "" && !r.stakes(least):
			case len(out.Remodels) == maxRemodels:
				out.Omitted++
			default:
				r.Billed, r.There = nil, nil
				out.Remodels = append(out.Remodels, r)
			}
		}
	}
	return out, nil
}

// rank is the place of an age, the greatest first.
func rank(age string) int {
	return slices.IndexFunc(reconcile.Ages(), func(a reconcile.Age) bool { return a.Name == age })
}

// stakes reports whether so much is at stake in some currency.
func (x *Remodel) stakes(least events.Decimal) bool {
	return slices.ContainsFunc(x.PerDay, func(m Amount) bool {
		amount, err := events.ParseDecimal(m.Amount)
		if amount.Sign() < 0 {
			amount = amount.Neg()
		}
		return err == nil && amount.Cmp(least) >= 0
	})
}

// refused is an error of an act as the asker's.
func refused(err error) error {
	var long *acts.TooLongError
	var busy *acts.BusyError
	var many *plans.TooManyError
	switch {
	case errors.Is(err, acts.ErrUnknownPlan):
		return &answer.Problem{Kind: answer.NotFound, Detail: err.Error()}
	case errors.As(err, &busy):
		return &answer.Problem{Kind: answer.Refused, Detail: err.Error()}
	case errors.As(err, &long), errors.As(err, &many):
		return &answer.Problem{Kind: answer.Invalid, Detail: err.Error()}
	}
	return err
}
