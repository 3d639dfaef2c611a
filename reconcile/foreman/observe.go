package foreman

import (
	"encoding/json"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// Observation is a remodel as the content of an act; false for one that is only reported. look is
// the look at the resource alone.
func Observation(plan *reconcile.Plan, r *reconcile.Remodel, look json.RawMessage) (events.Observation, bool) {
	if r.Act == reconcile.Report {
		return events.Observation{}, false
	}
	o := events.Observation{
		Plan: plan.ID, Remodel: string(r.Type), Kind: r.Key.Kind, Resource: r.Key.Resource, At: r.At, Exact: r.Exact,
		NotBefore: r.NotBefore, NotAfter: r.NotAfter, Seen: plan.Seen, AfterSequence: plan.AfterSequence,
		Hold: r.Act == reconcile.Hold, Evidence: evidence(r, look),
	}
	of := r.Billed
	switch {
	case r.Type == reconcile.MissingStop:
		o.Finding = events.FindingGone
	case of == nil:
		o.Finding, o.Footprint, of = events.FindingRunning, r.There.Footprint, r.There
	default:
		o.Finding, o.Footprint = events.FindingRunning, merge(&r.Billed.Footprint, &r.There.Footprint)
	}
	o.App, o.Tenant, o.Space, o.SpaceName, o.Name = of.App, of.Tenant, of.Space, of.SpaceName, of.Name
	if r.There != nil { // what is held has no labels
		o.App, o.Space, o.SpaceName, o.Name = r.There.App, r.There.Space, r.There.SpaceName, r.There.Name
	}
	return o, true
}

// evidence has both sides of a difference, and the look at the resource alone.
func evidence(r *reconcile.Remodel, look json.RawMessage) []byte {
	both := struct {
		Billed json.RawMessage `json:"billed,omitempty"`
		There  json.RawMessage `json:"there,omitempty"`
		Look   json.RawMessage `json:"look,omitempty"`
	}{Look: look}
	if r.Billed != nil {
		both.Billed = r.Billed.Evidence
	}
	if r.There != nil {
		both.There = r.There.Evidence
	}
	text, err := json.Marshal(both)
	if err != nil { // evidence that is no JSON
		return []byte(`{}`)
	}
	return text
}
