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
	posted(s, api, "charges", "/charges", "Charges, reversals and corrections, in pages", a.Charges)
	get(s, api, "charge", "/charges/{id}", "A charge down to the usage events behind it, computed again", a.Charge)
	posted(s, api, "corrections", "/corrections", "What was changed in closed months, in pages", a.Corrections)
	posted(s, api, "totals", "/totals", "Sums of charges", a.Totals)
	posted(s, api, "running", "/running", "What runs, and what it has accrued since it was charged", a.Running)
	posted(s, api, "forecast", "/forecast", "What a month comes to, if all that runs goes on", a.Forecast)
	heavy(s, api, "bill", "/bill", "What tenants' months come to, and all that may still change it", a.Bill)
	heavy(s, api, "resource", "/resources/{resource}/charges", "The charges of a resource in a month, explained",
		a.Resource)
	heavy(s, api, "event", "/events/{event}", "What became of a usage event", a.Trace)
	heavy(s, api, "statements", "/statements", "Statements and credit notes, and previews", a.Statements)
	posted(s, api, "anomalies", "/anomalies", "Facts in conflict with others", a.Anomalies)
	posted(s, api, "unrated", "/unrated", "Usage without a price", a.Unrated)
	posted(s, api, "holds", "/holds", "Usage that is held, and not billed", a.Holds)
	post(s, api, "decide", "/holds/{id}/decision", "Release or discard what is held; twice does no harm", s.decide)
	heavy(s, api, "months", "/months", "The months of foundations, open and closed", a.Months)
	get(s, api, "catalogues", "/catalogues", "The versions of the price catalogue", a.Catalogues)
	get(s, api, "catalogue", "/catalogues/{version}", "A version with its text", a.Catalogue)
	get(s, api, "differences", "/catalogues/{version}/differences", "What becomes of a version with another one",
		a.Differences)
	post(s, api, "price", "/price", "The price of usage that nobody had", bodied(a.Price))
	post(s, api, "what-if", "/what-if", "What another catalogue would change; nothing is published",
		oneOfFew(s, bodied(a.WhatIf)))
	s.operations(api)
	s.reconciliations(api)
	s.exports(api)
	s.streams(api)
	get(s, api, "status", "/status", "How far collecting, metering and charging have come", s.status)
}

// status is the state of the asker's foundations.
func (s *Server) status(ctx context.Context, asker *answer.Asker, _ *struct{}) (*answer.Status, error) {
	out, err := s.answers.Status(ctx, asker, s.now())
	if err != nil || !out.All || s.state == nil {
		return out, err
	}
	state, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	out.Ledger = &state
	return out, nil
}

// asked is a question in the body of a request.
type asked[I any] struct{ Body I }

// bodied takes a question from the body.
func bodied[I, O any](ask question[I, O]) question[asked[I], O] {
	return func(ctx context.Context, asker *answer.Asker, x *asked[I]) (*O, error) {
		return ask(ctx, asker, &x.Body)
	}
}

// decision is a decision about a hold as a request.
type decision struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the hold."`
	Body answer.Decision
}

// decide stores a decision about a hold.
func (s *Server) decide(ctx context.Context, asker *answer.Asker, x *decision) (*answer.Decided, error) {
	return s.answers.Decide(ctx, asker, x.ID, &x.Body, s.now())
}

// question answers a question of an asker.
type question[I, O any] func(ctx context.Context, asker *answer.Asker, x *I) (*O, error)

// get registers a question.
func get[I, O any](s *Server, api huma.API, id, path, summary string, ask question[I, O]) {
	op := operation(http.MethodGet, id, path, summary)
	op.Middlewares = huma.Middlewares{s.conditional}
	register(s, api, op, ask)
}

// posted registers a question whose answer changes with the ledger and the names alone.
func posted[I, O any](s *Server, api huma.API, id, path, summary string, ask question[I, O]) {
	op := operation(http.MethodGet, id, path, summary)
	op.Middlewares = huma.Middlewares{s.unchanged}
	register(s, api, op, ask)
}

// heavy registers a question whose answer reads much: few are answered at once.
func heavy[I, O any](s *Server, api huma.API, id, path, summary string, ask question[I, O]) {
	get(s, api, id, path, summary, oneOfFew(s, ask))
}

// post registers a question with a body, or an act.
func post[I, O any](s *Server, api huma.API, id, path, summary string, ask question[I, O]) {
	op := operation(http.MethodPost, id, path, summary)
	op.Errors = append(op.Errors, http.StatusConflict)
	op.MaxBodyBytes = maxBody
	register(s, api, op, ask)
}

// oneOfFew waits for a place before it asks.
func oneOfFew[I, O any](s *Server, ask question[I, O]) question[I, O] {
	return func(ctx context.Context, asker *answer.Asker, x *I) (*O, error) {
		leave, err := s.enter(ctx)
		if err != nil {
			return nil, err
		}
		defer leave()
		return ask(ctx, asker, x)
	}
}

// enter waits for a place among the heavy answers. Error: errBusy.
func (s *Server) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	select {
	case s.heavy <- struct{}{}:
		return func() { <-s.heavy }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// operation describes a question below /v1.
func operation(method, id, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/v1" + path, Summary: summary,
		Security: []map[string][]string{{"token": {}}},
		Errors: []int{
			http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone,
			http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable,
		},
	}
}

func register[I, O any](s *Server, api huma.API, op huma.Operation, ask question[I, O]) {
	huma.Register(api, op, func(ctx context.Context, x *I) (*body[O], error) {
		limited, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		out, err := ask(limited, askerOf(ctx), x)
		if err != nil {
			return nil, s.failed(limited, op.OperationID, err)
		}
		return newBody(ctx, &op, out), nil
	})
}
