package ui

import (
	"errors"

	"github.com/daybook-billing/daybook/api/answer"
)

// This file has the pages of operators. Others see what the API shows them.

// positions moves a page when anything is posted.
func positions() question { return ask("/live/positions") }

// foundationsPage is how far everything has come.
type foundationsPage struct {
	answer.Status
}

// foundations shows how far collecting, metering and charging have come.
func (u *Pages) foundations(v *visit) (*view, error) {
	q, x := ask("/status"), &foundationsPage{}
	if err := u.get(v.Context(), v.who, q, &x.Status); err != nil {
		return nil, err
	}
	return &view{file: "foundations", title: "Foundations", here: "operate", json: q, live: positions(), data: x}, nil
}

// holdsPage is the usage that is held.
type holdsPage struct {
	answer.Holds
	Kind, Foundation, Tenant string
	Guard                    string
	May                      bool              // the reader may decide
	Names                    map[string]string // of tenants
	Done, Problem            string
}

// holds shows what is held, with the forms to decide.
func (u *Pages) holds(v *visit) (*view, error) {
	x := &holdsPage{
		Kind: v.FormValue("kind"), Foundation: v.FormValue("foundation"), Tenant: v.FormValue("tenant"),
		Guard: v.who.Guard, Done: v.FormValue("done"), Problem: v.FormValue("problem"),
	}
	x.May = x.Guard != "" && (v.who.Asker.Decide.Everybody || len(v.who.Asker.Decide.Owners) > 0)
	q := ask("/holds", "kind", x.Kind, "foundation", x.Foundation, "tenant", x.Tenant)
	if err := u.get(v.Context(), v.who, q, &x.Holds); err != nil {
		return nil, err
	}
	x.Names = u.tenantNames(v)
	return &view{file: "holds", title: "Holds", here: "holds", json: q, live: positions(), data: x}, nil
}

// maxDecided is how many holds one form decides.
const maxDecided = 200

// decide decides about the chosen holds, one by one: what is decided stands, whatever comes after.
func (u *Pages) decide(v *visit) (*view, error) {
	back := v.filtered("kind", "foundation", "tenant")
	chosen := v.PostForm["hold"]
	switch {
	case len(chosen) == 0:
		back.Set("problem", "nothing was chosen")
	case len(chosen) > maxDecided:
		back.Set("problem", "at most 200 holds are decided at once")
	}
	word := answer.Decision{
		Action: v.PostFormValue("action"), As: v.PostFormValue("as"), Note: v.PostFormValue("note"),
	}
	done := 0
	for _, id := range chosen {
		if back.Has("problem") {
			break
		}
		var refused *refusal
		err := u.post(v.Context(), v.who, ask("/holds/"+id+"/decision"), &word, nil)
		switch {
		case errors.As(err, &refused):
			back.Set("problem", "hold "+short(id)+": "+refused.detail)
		case err != nil:
			return nil, err
		default:
			done++
		}
	}
	if done > 0 {
		back.Set("done", counted(done, "hold")+" decided")
	}
	return &view{to: Root + "operate/holds?" + back.Encode()}, nil
}

// unratedPage is the usage without a price.
type unratedPage struct {
	answer.UnratedParts
	Names map[string]string // of tenants
}

// unrated shows usage without a price.
func (u *Pages) unrated(v *visit) (*view, error) {
	q, x := ask("/unrated", "month", v.FormValue("month"), "kind", v.FormValue("kind")), &unratedPage{}
	if err := u.get(v.Context(), v.who, q, &x.UnratedParts); err != nil {
		return nil, err
	}
	x.Names = u.tenantNames(v)
	return &view{file: "unrated", title: "Without a price", here: "unrated", json: q, live: positions(), data: x}, nil
}

// anomaliesPage is the facts in conflict with others.
type anomaliesPage struct {
	answer.Anomalies
	Names map[string]string // of tenants
}

// anomalies shows facts in conflict with others.
func (u *Pages) anomalies(v *visit) (*view, error) {
	q, x := ask("/anomalies", "code", v.FormValue("code"), "kind", v.FormValue("kind")), &anomaliesPage{}
	if err := u.get(v.Context(), v.who, q, &x.Anomalies); err != nil {
		return nil, err
	}
	x.Names = u.tenantNames(v)
	return &view{file: "anomalies", title: "Anomalies", here: "anomalies", json: q, live: positions(), data: x}, nil
}
