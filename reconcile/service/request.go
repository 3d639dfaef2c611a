package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/requests"
)

// This file does the requests of persons.

// job is a request on its way.
type job struct {
	request *requests.Request
	ended   chan struct{}
	done    *requests.Done // once it has ended, as err
	err     error
}

// Do takes a request, and waits for its end, for requests.Wait at most: then it goes on. One
// request is worked on at a time. It is one of a Service that runs. Error: a *query.Error for the
// asker's faults.
func (s *Service) Do(ctx context.Context, r *requests.Request) (*requests.Done, error) {
	j := &job{request: r, ended: make(chan struct{})}
	if !s.busy.CompareAndSwap(false, true) {
		return nil, &query.Error{Status: http.StatusConflict, Text: "another request about " + s.config.Foundation +
			" is worked on: look at its plan, and ask again"}
	}
	s.jobs <- j
	wait := time.NewTimer(requests.Wait)
	defer wait.Stop()
	select {
	case <-j.ended:
		return j.done, asked(j.err)
	case <-wait.C:
		return &requests.Done{Text: "it goes on: the last plan tells what becomes of it", Goes: true}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// work does one request after the other until ctx ends.
func (s *Service) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-s.jobs:
			j.done, j.err = s.do(ctx, j.request)
			s.busy.Store(false)
			close(j.ended)
		}
	}
}

func (s *Service) do(ctx context.Context, r *requests.Request) (*requests.Done, error) {
	word := assembler.Word{By: r.By, Note: r.Note}
	switch r.Act {
	case requests.Plan:
		planned, err := s.Round(ctx, true)
		if err != nil {
			return nil, err
		}
		return &requests.Done{Plan: planned.Plan.ID, Text: fmt.Sprintf("plan %s has %d differences",
			planned.Plan.ID, len(planned.Plan.Remodels))}, nil
	case requests.Apply:
		return s.apply(ctx, r, word)
	case requests.Adopt, requests.End:
		added, err := s.Add(ctx, &Addition{
			Kind: r.Kind, Resource: r.Resource, Gone: r.Act == requests.End, At: r.At, Word: word,
		})
		if err != nil {
			return nil, err
		}
		return &requests.Done{Plan: added.Plan, Text: added.Text(r.Kind, r.Resource)}, nil
	}
	return nil, &query.Error{Status: http.StatusUnprocessableEntity, Text: "a reconciliation knows no act " + r.Act}
}

// apply enacts the last plan, or another one with its allowances.
func (s *Service) apply(ctx context.Context, r *requests.Request, word assembler.Word) (*requests.Done, error) {
	allow := make([]reconcile.Allowance, len(r.Allow))
	for i := range allow {
		if err := allow[i].UnmarshalText([]byte(r.Allow[i])); err != nil {
			return nil, &query.Error{Status: http.StatusUnprocessableEntity, Text: err.Error()}
		}
	}
	planned, err := s.Apply(ctx, r.Plan, allow, word)
	if err != nil {
		return nil, err
	}
	stored := 0
	if planned.Report != nil {
		stored = planned.Report.Stored
	}
	return &requests.Done{Plan: planned.Plan.ID, Text: fmt.Sprintf("plan %s: %d differences, %d stored now",
		planned.Plan.ID, len(planned.Plan.Remodels), stored)}, nil
}

// asked is an error as the asker's, where it is.
func asked(err error) error {
	var behind *BehindError
	var late *assembler.NotMeteredError
	var unfit *AdditionError
	var busy *acts.BusyError
	var long *acts.TooLongError
	var meaning *acts.ObservationError
	status := 0
	switch {
	case errors.Is(err, plans.ErrNoPlan):
		status = http.StatusNotFound
	case errors.Is(err, plans.ErrAnotherPlan), errors.Is(err, plans.ErrNotRefused),
		errors.Is(err, assembler.ErrExpired), errors.Is(err, acts.ErrReverted),
		errors.As(err, &unfit), errors.As(err, &busy), errors.As(err, &late),
		errors.As(err, &behind):
		status = http.StatusConflict
	case errors.Is(err, assembler.ErrChanged), errors.As(err, &long), errors.As(err, &meaning):
		status = http.StatusUnprocessableEntity
	}
	if status == 0 {
		return err
	}
	return &query.Error{Status: status, Text: err.Error()}
}

// Addition is an operator's own word about a resource.
type Addition struct {
	Kind, Resource string
	Gone           bool // it ended; else it runs as the platform shows it
	At             time.Time
	Word           assembler.Word
}

// Added is a stored addition.
type Added struct {
	Plan    string // that reverts it
	Finding string
	At      time.Time
	Stored  bool // by this call; else before
}

// Text is the outcome of an addition, in words.
func (x *Added) Text(kind, resource string) string {
	word := "stored"
	if !x.Stored {
		word = "stored before"
	}
	return fmt.Sprintf("%s %s: %s at %s is %s", kind, resource, x.Finding, events.FormatTime(x.At), word)
}

// AdditionError reports an addition against METERED, or against the platform.
type AdditionError struct{ Problem string }

func (e *AdditionError) Error() string { return e.Problem }

// Add stores an operator's own word, as a plan of its own, with the platform's answer as evidence.
// Errors: *AdditionError, and errors of acts.Observe, of the platform and of the bus.
func (s *Service) Add(ctx context.Context, x *Addition) (*Added, error) {
	through, after, err := s.Position(ctx)
	if err != nil {
		return nil, err
	}
	if x.At.After(through) {
		return nil, &AdditionError{fmt.Sprintf("%s is not metered yet: %s is metered through %s",
			events.FormatTime(x.At), s.config.Foundation, events.FormatTime(through))}
	}
	find, finding := s.runs, events.FindingRunning
	if x.Gone {
		find, finding = s.billed, events.FindingGone
	}
	m, err := find(ctx, x)
	if err != nil {
		return nil, err
	}
	plan := events.ID("addition", s.config.Source, s.config.Foundation, x.Kind, x.Resource, finding,
		events.FormatTime(x.At))
	o := events.Observation{
		Finding: finding, Plan: plan, Remodel: "addition", Kind: m.Kind, Resource: m.Resource, App: m.App,
		Tenant: m.Tenant, Space: m.Space, SpaceName: m.SpaceName, Name: m.Name, At: x.At, Exact: true,
		NotBefore: x.At, NotAfter: x.At, Seen: through, AfterSequence: after, Evidence: m.Evidence,
	}
	if !x.Gone {
		o.Footprint = m.Footprint
	}
	stored, err := acts.Observe(ctx, s.deps.Bus, s.config.Source, s.config.Foundation, plan, []events.Observation{o},
		x.Word.By, x.Word.Note, s.deps.Now())
	if err != nil {
		return nil, err
	}
	return &Added{Plan: plan, Finding: finding, At: x.At, Stored: stored > 0}, nil
}

// runs is a resource as the platform shows it.
func (s *Service) runs(ctx context.Context, x *Addition) (*reconcile.Material, error) {
	m := reconcile.Material{Kind: x.Kind, Resource: x.Resource, Proof: x.At}
	if s.config.Source == events.SourceCF {
		m.App = x.Resource
	}
	sight, err := s.See(ctx, m)
	if err != nil {
		return nil, err
	}
	if sight.Doubt != "" || !sight.There {
		return nil, &AdditionError{fmt.Sprintf("the platform of %s does not show that %s %s runs %s: nothing is "+
			"adopted", s.config.Foundation, x.Kind, x.Resource, sight.Doubt)}
	}
	return &sight.Material, nil
}

// billed is a resource as METERED bills or holds it.
func (s *Service) billed(ctx context.Context, x *Addition) (*reconcile.Material, error) {
	drawn, err := s.Draw(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	key := reconcile.Key{Kind: x.Kind, Resource: x.Resource}
	m := drawn.Find(key)
	if m == nil {
		m = drawn.FindSilent(key)
	}
	if m == nil {
		return nil, &AdditionError{fmt.Sprintf("nothing of %s %s is billed or held in %s: there is nothing to end",
			x.Kind, x.Resource, s.config.Foundation)}
	}
	return m, nil
}
