// Package requests carries what persons ask of a reconciliation that runs: another process, such as
// the API, has no credentials of the platform, and may store no observation.
//
// A request goes over NATS to daybook.reconcile.<source>.<foundation>. Who may publish there is a
// matter of the permissions of NATS users; By is the asker's word. It is answered when it is done,
// or after Wait while it goes on: the last plan of the foundation tells the rest.
//
// Reads and writes nothing. A request that is lost in a crash is asked again: an enacted plan is
// enacted once.
package requests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// Wait is how long a request is waited for; the asker waits a little longer.
const (
	Wait     = 15 * time.Second
	patience = 20 * time.Second
)

// Acts of requests.
const (
	Plan  = "plan"  // make another plan, and enact nothing
	Apply = "apply" // enact the last plan
	Adopt = "adopt" // bill what runs from a time on
	End   = "end"   // end what is billed at a time
)

// Request is the word of a person.
type Request struct {
	Act      string    `json:"act"`
	Plan     string    `json:"plan,omitempty"`     // to apply
	Allow    []string  `json:"allow,omitempty"`    // to apply: stops that the plan refuses, such as app=12
	Kind     string    `json:"kind,omitempty"`     // to adopt or end
	Resource string    `json:"resource,omitempty"` // to adopt or end
	At       time.Time `json:"at,omitzero"`        // to adopt from or end at
	By       string    `json:"by"`
	Note     string    `json:"note"`
}

// Done is the outcome of a request.
type Done struct {
	Plan string `json:"plan,omitempty"` // that reverts it
	Text string `json:"text"`           // for a person
	Goes bool   `json:"goes,omitempty"` // it goes on
}

// Doer does requests: a reconciliation of one foundation. A *query.Error is the asker's.
type Doer interface {
	Do(ctx context.Context, r *Request) (*Done, error)
}

// Serve takes requests until ctx is done.
func Serve(ctx context.Context, b *bus.Bus, doers map[plans.Place]Doer, log *slog.Logger) error {
	cfg := query.Config{
		Name: "daybook-reconcile", Version: "1.0.0", Description: "What persons ask of a reconciliation", Log: log,
	}
	bySubject := map[string]Doer{}
	for at, doer := range doers {
		bySubject[subject(at)] = doer
		cfg.Questions = append(cfg.Questions, query.Question{
			Name: "foundation-" + strconv.Itoa(len(cfg.Questions)+1), Subject: subject(at),
			Metadata: map[string]string{"source": at.Source, "foundation": at.Foundation},
		})
	}
	cfg.Answer = func(ctx context.Context, _, subject string, body []byte) ([]byte, error) {
		var r Request
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, &query.Error{
				Status: http.StatusUnprocessableEntity, Text: "the body is no request: " + err.Error(),
			}
		}
		done, err := bySubject[subject].Do(ctx, &r)
		if err != nil {
			return nil, err
		}
		return json.Marshal(done)
	}
	return query.Serve(ctx, b, cfg)
}

func subject(at plans.Place) string {
	return "daybook.reconcile." + events.Token(at.Source) + "." + events.Token(at.Foundation)
}

// Ask asks the reconciliation of a foundation. Error: a *query.Error; status 503 where none runs.
func Ask(ctx context.Context, b *bus.Bus, at plans.Place, r *Request) (*Done, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := query.Ask(patient, b, subject(at), body)
	var e *query.Error
	switch {
	case errors.As(err, &e) && e.Status == http.StatusServiceUnavailable:
		return nil, &query.Error{Status: e.Status, Text: fmt.Sprintf("no reconciliation of %s %s runs that could be "+
			"asked: start daybook reconcile, or use its commands", at.Source, at.Foundation)}
	case err != nil && patient.Err() != nil && ctx.Err() == nil:
		return &Done{
			Text: "the reconciliation has not answered yet: the last plan tells what becomes of it", Goes: true,
		}, nil
	case err != nil:
		return nil, err
	}
	done := &Done{}
	return done, json.Unmarshal(answer, done)
}
