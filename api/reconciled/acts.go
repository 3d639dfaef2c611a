package reconciled

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/requests"
)

// patience is how long a reversion waits for METERED: an answer takes 30 s at most.
const patience = 10 * time.Second

// Word is why a person decides.
type Word struct {
	Note string `json:"note" minLength:"1" maxLength:"1024" doc:"Why; it is stored with the act."`
}

// PlanOutcome is the outcome of an act.
type PlanOutcome struct {
	Plan string `json:"plan,omitempty" doc:"The plan that a reversion takes it back by."`
	Text string `json:"text" doc:"What became of it, for a person."`
	Goes bool   `json:"goes,omitempty" doc:"It goes on: the last plan tells the rest."`
}

// ApplyWord is the word to enact a plan.
type ApplyWord struct {
	Word
	Allow []string `json:"allow,omitempty" maxItems:"5" doc:"Stops that the plan refuses, such as app=12: another plan is made in which these very numbers are allowed, and enacted."`
}

// ApplyQuestion asks for the enactment of a plan.
type ApplyQuestion struct {
	PlanQuestion
	Body ApplyWord
}

// RevertQuestion asks for a plan to be taken back: any one of the foundation, and not the last
// alone.
type RevertQuestion struct {
	PlanQuestion
	Body RevertWord
}

// RevertWord says where a plan is taken back, and why.
type RevertWord struct {
	Word
	Source     string `json:"source" enum:"cf,trove"`
	Foundation string `json:"foundation" minLength:"1" maxLength:"1024"`
}

// PlanWord asks for another plan.
type PlanWord struct {
	Source     string `json:"source" enum:"cf,trove"`
	Foundation string `json:"foundation" minLength:"1" maxLength:"1024"`
}

// IgnoreWord is the word to leave resources alone.
type IgnoreWord struct {
	Word
	Source     string `json:"source" enum:"cf,trove"`
	Foundation string `json:"foundation" minLength:"1" maxLength:"1024"`
	Tenant     string `json:"tenant,omitempty" maxLength:"1024" doc:"Only this tenant (guid)."`
	Space      string `json:"space,omitempty" maxLength:"1024" doc:"Only this space (guid), or a pattern of names with * and ?."`
	Kind       string `json:"kind,omitempty" enum:"app,task,service,instance,volume"`
	Resource   string `json:"resource,omitempty" maxLength:"1024" doc:"Only these resources: a pattern of ids and names."`
	Until      string `json:"until" format:"date-time" doc:"Until when."`
}

// AdditionWord is an operator's own word about a resource.
type AdditionWord struct {
	Word
	Source     string `json:"source" enum:"cf,trove"`
	Foundation string `json:"foundation" minLength:"1" maxLength:"1024"`
	Act        string `json:"act" enum:"adopt,end" doc:"adopt bills what runs from the time on, as the platform shows it; end ends what is billed."`
	Kind       string `json:"kind" enum:"app,task,service,instance,volume"`
	Resource   string `json:"resource" minLength:"1" maxLength:"1024" doc:"Its guid."`
	At         string `json:"at" format:"date-time"`
}

// Asking asks a running reconciliation. Error: a *query.Error for the asker's faults.
type Asking func(ctx context.Context, at plans.Place, r *requests.Request) (*requests.Done, error)

// decides says why an asker may not decide about a foundation; nil where they may.
func decides(asker *answer.Asker, foundation string) error {
	switch {
	case !sees(asker, foundation):
		return errNobody()
	case !asker.Decide.Has(foundation, ""):
		return &answer.Problem{Kind: answer.Forbidden, Detail: "you may see this foundation, and not decide about it"}
	}
	return nil
}

// Apply asks the running reconciliation to enact the last plan of its foundation.
func (a *Answers) Apply(ctx context.Context, asker *answer.Asker, x *ApplyQuestion, ask Asking) (*PlanOutcome, error) {
	p, err := a.find(ctx, asker, x.Plan)
	if err != nil {
		return nil, err
	}
	at := plans.Place{Source: p.Plan.Source, Foundation: p.Plan.Foundation}
	if err := decides(asker, at.Foundation); err != nil {
		return nil, err
	}
	return outcome(ask(ctx, at, &requests.Request{
		Act: requests.Apply, Plan: x.Plan, Allow: x.Body.Allow, By: asker.Name, Note: x.Body.Note,
	}))
}

// Another asks the running reconciliation for another plan.
func (a *Answers) Another(ctx context.Context, asker *answer.Asker, x *PlanWord, ask Asking) (*PlanOutcome, error) {
	if err := decides(asker, x.Foundation); err != nil {
		return nil, err
	}
	return outcome(ask(ctx, plans.Place{Source: x.Source, Foundation: x.Foundation},
		&requests.Request{Act: requests.Plan, By: asker.Name}))
}

// Add asks the running reconciliation to store an operator's own word.
func (a *Answers) Add(ctx context.Context, asker *answer.Asker, x *AdditionWord, ask Asking) (*PlanOutcome, error) {
	if err := decides(asker, x.Foundation); err != nil {
		return nil, err
	}
	at, err := events.ParseTimeOrDate(x.At)
	if err != nil {
		return nil, &answer.Problem{Kind: answer.Invalid, Detail: "at is no time such as 2026-11-01T12:00:00Z"}
	}
	return outcome(ask(ctx, plans.Place{Source: x.Source, Foundation: x.Foundation}, &requests.Request{
		Act: x.Act, Kind: x.Kind, Resource: x.Resource, At: at, By: asker.Name, Note: x.Note,
	}))
}

// outcome is an answer of a reconciliation.
func outcome(done *requests.Done, err error) (*PlanOutcome, error) {
	var e *query.Error
	if errors.As(err, &e) {
		switch e.Status {
		case http.StatusConflict:
			return nil, &answer.Problem{Kind: answer.Refused, Detail: e.Text}
		case http.StatusNotFound:
			return nil, &answer.Problem{Kind: answer.NotFound, Detail: e.Text}
		case http.StatusUnprocessableEntity:
			return nil, &answer.Problem{Kind: answer.Invalid, Detail: e.Text}
		}
	}
	if err != nil {
		return nil, err
	}
	return &PlanOutcome{Plan: done.Plan, Text: done.Text, Goes: done.Goes}, nil
}

// Revert takes a plan back as a whole, once.
func (a *Answers) Revert(ctx context.Context, asker *answer.Asker, x *RevertQuestion, now func() time.Time) (
	*PlanOutcome, error,
) {
	if err := decides(asker, x.Body.Foundation); err != nil {
		return nil, err
	}
	done, err := assembler.New(assembler.Config{Patience: patience}, assembler.Deps{Bus: a.bus, Now: now}).
		Revert(ctx, x.Body.Source, x.Body.Foundation, x.Plan, assembler.Word{By: asker.Name, Note: x.Body.Note})
	var late *assembler.NotMeteredError
	switch {
	case errors.As(err, &late):
		return &PlanOutcome{
			Text: "The reversion of plan " + x.Plan + " is stored; the projector has not taken it up yet.",
			Goes: true,
		}, nil
	case err != nil:
		return nil, refused(err)
	case !done:
		return &PlanOutcome{Text: "Plan " + x.Plan + " was taken back before."}, nil
	}
	return &PlanOutcome{Text: "Plan " + x.Plan + " is taken back."}, nil
}

// Ignore leaves resources of a foundation alone, until a time.
func (a *Answers) Ignore(ctx context.Context, asker *answer.Asker, x *IgnoreWord, now time.Time) (*PlanOutcome, error) {
	if err := decides(asker, x.Foundation); err != nil {
		return nil, err
	}
	until, err := events.ParseTimeOrDate(x.Until)
	switch {
	case err != nil || !until.After(now):
		return nil, &answer.Problem{
			Kind: answer.Invalid, Detail: "until is no time to come, such as 2027-01-01T00:00:00Z",
		}
	case x.Tenant+x.Space+x.Kind+x.Resource == "":
		return nil, &answer.Problem{
			Kind:   answer.Invalid,
			Detail: "this would leave everything alone: give a tenant, a space, a kind or a resource",
		}
	}
	err = plans.Ignore(ctx, a.bus, x.Source, x.Foundation, &reconcile.Limitation{
		Foundation: x.Foundation, Tenant: x.Tenant, Space: x.Space, Kind: x.Kind, Resource: x.Resource, Until: until,
		By: asker.Name, Note: x.Note,
	}, now)
	if err != nil {
		return nil, refused(err)
	}
	return &PlanOutcome{Text: "It is left alone until " + events.FormatTime(until) + ", from the next plan on."}, nil
}

// Limitation is a person's word to leave resources alone.
type Limitation struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Tenant     string `json:"tenant,omitempty"`
	Space      string `json:"space,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Resource   string `json:"resource,omitempty"`
	Until      string `json:"until,omitempty" format:"date-time"`
	By         string `json:"by"`
	Note       string `json:"note"`
}

// Limitations are those words of persons, beside the file of rules.
type Limitations struct {
	Limitations []Limitation `json:"limitations"`
}

// Limitations answers with the limitations by persons, of the foundations with a plan.
func (a *Answers) Limitations(ctx context.Context, asker *answer.Asker, x *Question) (*Limitations, error) {
	all, err := a.planned(ctx, asker, x)
	if err != nil {
		return nil, err
	}
	out := &Limitations{Limitations: []Limitation{}}
	for _, p := range all {
		ignored, err := plans.Ignored(ctx, a.bus, p.Plan.Source, p.Plan.Foundation)
		if err != nil {
			return nil, err
		}
		for i := range ignored {
			l := &ignored[i]
			out.Limitations = append(out.Limitations, Limitation{
				Source: p.Plan.Source, Foundation: p.Plan.Foundation, Tenant: l.Tenant, Space: l.Space, Kind: l.Kind,
				Resource: l.Resource, Until: timeText(l.Until), By: l.By, Note: l.Note,
			})
		}
	}
	return out, nil
}
