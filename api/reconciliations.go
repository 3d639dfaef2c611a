package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/reconciled"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/requests"
)

// reconciliations are the questions and the acts about reconciliations.
func (s *Server) reconciliations(api huma.API) {
	a := s.reconciled
	get(s, api, "reconciliations", "/reconcile", "The last plan of each foundation, in numbers", a.State)
	get(s, api, "remodels", "/reconcile/remodels", "What is billed and not there, or there and not billed",
		a.Remodels)
	get(s, api, "limitations", "/reconcile/limitations", "What persons have left alone", a.Limitations)
	get(s, api, "reconcile-plan", "/reconcile/plans/{plan_id}", "A plan in full, with the evidence of both sides",
		a.Plan)
	post(s, api, "apply-plan", "/reconcile/plans/{plan_id}/application", "Enact the last plan of a foundation",
		func(ctx context.Context, who *answer.Asker, x *reconciled.ApplyQuestion) (*reconciled.PlanOutcome, error) {
			return a.Apply(ctx, who, x, s.askReconciliation)
		})
	post(s, api, "revert-plan", "/reconcile/plans/{plan_id}/reversion", "Take a plan back as a whole",
		func(ctx context.Context, who *answer.Asker, x *reconciled.RevertQuestion) (*reconciled.PlanOutcome, error) {
			return a.Revert(ctx, who, x, s.now)
		})
	post(s, api, "make-plan", "/reconcile/plans", "Make another plan, and enact nothing",
		bodied(func(ctx context.Context, who *answer.Asker, x *reconciled.PlanWord) (*reconciled.PlanOutcome, error) {
			return a.Another(ctx, who, x, s.askReconciliation)
		}))
	post(s, api, "ignore", "/reconcile/limitations", "Leave resources alone, until a time",
		bodied(func(ctx context.Context, who *answer.Asker, x *reconciled.IgnoreWord) (*reconciled.PlanOutcome, error) {
			return a.Ignore(ctx, who, x, s.now())
		}))
	post(s, api, "add", "/reconcile/additions", "Bill what runs from a time on, or end what is billed",
		bodied(func(ctx context.Context, who *answer.Asker, x *reconciled.AdditionWord) (*reconciled.PlanOutcome,
			error,
		) {
			return a.Add(ctx, who, x, s.askReconciliation)
		}))
}

// askReconciliation asks the running reconciliation of a foundation.
func (s *Server) askReconciliation(ctx context.Context, at plans.Place, r *requests.Request) (*requests.Done,
	error,
) {
	if s.bus == nil {
		return nil, later("this API asks no reconciliation: use the commands of daybook reconcile")
	}
	done, err := requests.Ask(ctx, s.bus, at, r)
	var e *query.Error
	if errors.As(err, &e) && e.Status == http.StatusServiceUnavailable {
		return nil, later(e.Text)
	}
	return done, err
}
