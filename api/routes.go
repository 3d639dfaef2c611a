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
	positioned(s, api, operation{"charges", "/charges", "Charges, reversals and corrections, in pages"}, a.Charges)
	positioned(s, api, operation{"totals", "/totals", "Sums of charges"}, a.Totals)
	positioned(s, api, operation{"running", "/running", "What runs, and what it has accrued since it was charged"},
		a.Running)
	get(s, api, operation{"status", "/status", "How far collecting, metering and charging have come"},
		func(ctx context.Context, asker *answer.Asker, _ *struct{}) (*answer.Status, error) {
			return a.Status(ctx, asker, s.now())
		})
}

// operation is a question of the API.
type operation struct {
	id      string
	path    string // below /v1
	summary string
}

// errorStatuses are those of the errors of a question.
func errorStatuses() []int {
	return []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone,
		http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
}

func (o *operation) huma(method string) huma.Operation {
	return huma.Operation{
		OperationID: o.id, Method: method, Path: "/v1" + o.path, Summary: o.summary, Errors: errorStatuses(),
		Security: []map[string][]string{{"token": {}}},
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
		out, err := ask(limited, askerOf(ctx), x)
		if err != nil {
			return nil, s.failed(limited, op.OperationID, err)
		}
		tag, _ := ctx.Value(tagKey{}).(string)
		return &body[O]{ETag: tag, Body: out}, nil
	})
}
