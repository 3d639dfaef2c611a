package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daybook-billing/daybook/api/answer"
)

// routes are all operations.
func (s *Server) routes(api huma.API) {
	a := s.answers
	positioned(s, api, operation{
		id: "charges", path: "/charges",
		summary: "Charges, reversals and corrections, in pages",
	}, a.Charges)
	get(s, api, operation{
		id: "charge", path: "/charges/{id}",
		summary: "A charge down to the usage events behind it, computed again",
	}, a.Charge)
	positioned(s, api, operation{
		id: "corrections", path: "/corrections",
		summary: "What was changed in closed months, in pages",
	}, a.Corrections)
	positioned(s, api, operation{id: "totals", path: "/totals", summary: "Sums of charges"}, a.Totals)
	positioned(s, api, operation{
		id: "running", path: "/running",
		summary: "What runs, and what it has accrued since it was charged",
	}, a.Running)
	get(s, api, operation{
		id: "resource", path: "/resources/{resource}/charges", heavy: true,
		summary: "The charges of a resource in a month, as charge explains one",
	}, a.Resource)
	get(s, api, operation{
		id: "event", path: "/events/{event}", heavy: true,
		summary: "What became of a usage event",
	}, a.Trace)
	get(s, api, operation{
		id: "statements", path: "/statements", heavy: true,
		summary: "Statements and credit notes, and previews",
	}, a.Statements)
	positioned(s, api, operation{
		id: "anomalies", path: "/anomalies",
		summary: "Facts in conflict with others",
	}, a.Anomalies)
	positioned(s, api, operation{id: "unrated", path: "/unrated", summary: "Usage without a price"}, a.Unrated)
	positioned(s, api, operation{id: "holds", path: "/holds", summary: "Usage that is held, and not billed"}, a.Holds)
	s.decide(api)
	get(s, api, operation{
		id: "months", path: "/months", heavy: true,
		summary: "The months of foundations, open and closed",
	}, a.Months)
	get(s, api, operation{id: "catalogues", path: "/catalogues", summary: "The versions of the price catalogue"},
		a.Catalogues)
	get(s, api, operation{id: "catalogue", path: "/catalogues/{version}", summary: "A version with its text"},
		a.Catalogue)
	get(s, api, operation{
		id: "differences", path: "/catalogues/{version}/differences",
		summary: "What becomes of a version with another one",
	}, a.Differences)
	get(s, api, operation{
		id: "status", path: "/status",
		summary: "How far collecting, metering and charging have come",
	},
		func(ctx context.Context, asker *answer.Asker, _ *struct{}) (*answer.Status, error) {
			return a.Status(ctx, asker, s.now())
		})
}

// decision is a decision about a hold as a request.
type decision struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the hold."`
	Body answer.Decision
}

// decide registers decisions about holds.
func (s *Server) decide(api huma.API) {
	op := (&operation{
		id: "decide", path: "/holds/{id}/decision", summary: "Release or discard what is held; twice does no harm",
	}).huma(http.MethodPost)
	op.Errors = append(op.Errors, http.StatusConflict)
	register(s, api, op, func(ctx context.Context, asker *answer.Asker, x *decision) (*answer.Decided, error) {
		return s.answers.Decide(ctx, asker, x.ID, &x.Body, s.now())
	})
}

// operation is a question of the API.
type operation struct {
	id      string
	path    string // below /v1
	summary string
	heavy   bool // it reads much: few are answered at once
}

// errorStatuses are those of the errors of a question.
func errorStatuses() []int {
	return []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone,
		http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
}

// heavily is the metadata of a heavy operation.
const heavily = "heavy"

func (o *operation) huma(method string) huma.Operation {
	return huma.Operation{
		OperationID: o.id, Method: method, Path: "/v1" + o.path, Summary: o.summary, Errors: errorStatuses(),
		Security: []map[string][]string{{"token": {}}}, Metadata: map[string]any{heavily: o.heavy},
	}
}

// body is an answer as a response.
type body[O any] struct {
	ETag string `header:"ETag"`
	Body *O
}

// question answers a question of an asker.
type question[I, O any] func(ctx context.Context, asker *answer.Asker, x *I) (*O, error)

// positioned registers a question whose answer changes with the positions of the ledger alone.
func positioned[I, O any](s *Server, api huma.API, o operation, ask question[I, O]) {
	op := o.huma(http.MethodGet)
	op.Middlewares = huma.Middlewares{s.unchanged}
	register(s, api, op, ask)
}

// get registers a question.
func get[I, O any](s *Server, api huma.API, o operation, ask question[I, O]) {
	register(s, api, o.huma(http.MethodGet), ask)
}

func register[I, O any](s *Server, api huma.API, op huma.Operation, ask question[I, O]) {
	huma.Register(api, op, func(ctx context.Context, x *I) (*body[O], error) {
		limited, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		if op.Metadata[heavily] == true {
			leave, err := s.heavy.enter(limited)
			if err != nil {
				return nil, later(errBusy)
			}
			defer leave()
		}
		out, err := ask(limited, askerOf(ctx), x)
		if err != nil {
			return nil, s.failed(limited, op.OperationID, err)
		}
		tag, _ := ctx.Value(tagKey{}).(string)
		return &body[O]{ETag: tag, Body: out}, nil
	})
}
