package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/daybook-billing/daybook/api/reconciled"
)

// This file has the differences between what is billed and what is there.

// reconcilePage is the last plans, their differences, and the limitations.
type reconcilePage struct {
	Plans                              []reconciled.PlanSummary
	Refused                            map[string][]reconciled.Refusal  // by plan
	Notes                              map[string][]reconciled.PlanNote // by plan
	Listings                           map[string][]reconciled.Listing  // by plan: those to be known of
	Remodels                           []reconciled.Remodel
	Omitted                            int
	Limitations                        []reconciled.Limitation
	Foundation, Kind, Type, Age, Least string
	Guard                              string
	May                                bool // the reader may decide
	Done, Problem                      string
}

// reconcile shows the last plans and their differences, with the forms to decide.
func (u *Pages) reconcile(v *visit) (*view, error) {
	x := &reconcilePage{
		Refused: map[string][]reconciled.Refusal{}, Notes: map[string][]reconciled.PlanNote{},
		Listings: map[string][]reconciled.Listing{}, Foundation: v.FormValue("foundation"), Kind: v.FormValue("kind"),
		Type: v.FormValue("type"), Age: v.FormValue("age"), Least: v.FormValue("at_least"), Guard: v.who.Guard,
		May: v.who.may(), Done: v.FormValue("done"), Problem: v.FormValue("problem"),
	}
	q := ask("/reconcile/remodels", "foundation", x.Foundation, "kind", x.Kind, "type", x.Type, "age", x.Age,
		"at_least", x.Least)
	shown := &view{file: "reconcile", title: "Reconcile", here: "reconcile", json: q, data: x}
	var state reconciled.Reconciliations
	err := u.get(v.Context(), v.who, ask("/reconcile", "foundation", x.Foundation), &state)
	if nowhere := (&refusal{}); errors.As(err, &nowhere) && nowhere.status == http.StatusNotFound {
		shown.json = ask("/reconcile")
		return shown, nil // nothing of the reader's is reconciled
	}
	if err != nil {
		return nil, err
	}
	x.Plans = state.Plans
	for i := range x.Plans {
		var full reconciled.Plan
		id := x.Plans[i].Plan
		if err := u.get(v.Context(), v.who, ask("/reconcile/plans/"+url.PathEscape(id)), &full); err != nil {
			return nil, err
		}
		x.Refused[id], x.Notes[id] = full.Refused, full.Notes
		for _, l := range full.Listings {
			if !l.Complete || l.Note != "" {
				x.Listings[id] = append(x.Listings[id], l)
			}
		}
	}
	var found reconciled.Remodels
	if err := u.get(v.Context(), v.who, q, &found); err != nil {
		return nil, err
	}
	x.Remodels, x.Omitted = found.Remodels, found.Omitted
	var left reconciled.Limitations
	if err := u.get(v.Context(), v.who, ask("/reconcile/limitations", "foundation", x.Foundation), &left); err != nil {
		return nil, err
	}
	x.Limitations = left.Limitations
	return shown, nil
}

// remodelPage is a difference with the evidence of both sides.
type remodelPage struct {
	Crumbs  crumbs
	Remodel *reconciled.Remodel
	Expires string
	Guard   string
	May     bool
}

// remodel shows a difference with the evidence of both sides, and the forms to decide about it.
func (u *Pages) remodel(v *visit) (*view, error) {
	q, full := ask("/reconcile/plans/"+url.PathEscape(v.PathValue("plan"))), &reconciled.Plan{}
	if err := u.get(v.Context(), v.who, q, full); err != nil {
		return nil, err
	}
	for i := range full.Remodels {
		if r := &full.Remodels[i]; r.Kind == v.PathValue("kind") && r.Resource == v.PathValue("resource") {
			x := &remodelPage{
				Crumbs: crumbs{{"Reconcile", Root + "operate/reconcile"}}, Remodel: r, Expires: full.Expires,
				Guard: v.who.Guard, May: v.who.may(),
			}
			title := named(r.Name, r.Resource)
			return &view{file: "remodel", title: title, here: "reconcile", json: q, data: x}, nil
		}
	}
	return nil, errNoPage
}

// actOnPlan takes an operator's decision.
func (u *Pages) actOnPlan(v *visit) (*view, error) {
	value, word := v.PostFormValue, reconciled.Word{Note: v.PostFormValue("note")}
	plan := "/reconcile/plans/" + url.PathEscape(value("plan"))
	day := func(text string) string { // a day is its beginning
		if text != "" && !strings.Contains(text, "T") {
			return text + "T00:00:00Z"
		}
		return text
	}
	var q question
	var body any
	switch value("act") {
	case "apply":
		q, body = ask(plan+"/application"), &reconciled.ApplyWord{Word: word, Allow: v.PostForm["allow"]}
	case "revert":
		q, body = ask(plan+"/reversion"), &reconciled.RevertWord{
			Word: word, Source: value("source"), Foundation: value("foundation"),
		}
	case "plan":
		q, body = ask("/reconcile/plans"), &reconciled.PlanWord{
			Source: value("source"), Foundation: value("foundation"),
		}
	case "ignore":
		q, body = ask("/reconcile/limitations"), &reconciled.IgnoreWord{
			Word: word, Source: value("source"), Foundation: value("foundation"), Kind: value("kind"),
			Resource: value("resource"), Until: day(value("until")),
		}
	case "adopt", "end":
		q, body = ask("/reconcile/additions"), &reconciled.AdditionWord{
			Word: word, Source: value("source"), Foundation: value("foundation"), Act: value("act"),
			Kind: value("kind"), Resource: value("resource"), At: day(value("at")),
		}
	default:
		return nil, &refusal{status: http.StatusUnprocessableEntity, detail: "this form says nothing to do"}
	}
	back, out := url.Values{}, reconciled.PlanOutcome{}
	err := u.post(v.Context(), v.who, q, body, &out)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		back.Set("problem", refused.detail)
	case err != nil:
		return nil, err
	default:
		back.Set("done", out.Text)
	}
	return &view{to: Root + "operate/reconcile?" + back.Encode()}, nil
}
