package ui

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// cataloguesPage is the versions of the price catalogue.
type cataloguesPage struct {
	answer.Catalogues
	May  bool // the reader may publish
	Done string
}

// catalogues shows the versions of the price catalogue, the newest first.
func (u *Pages) catalogues(v *visit) (*view, error) {
	q, x := ask("/catalogues"), &cataloguesPage{Done: v.FormValue("done")}
	x.May = v.who.Guard != "" && v.who.Asker.Decide.Everybody
	if err := u.get(v.Context(), v.who, q, &x.Catalogues); err != nil {
		return nil, err
	}
	slices.Reverse(x.Catalogues.Catalogues)
	return &view{file: "catalogues", title: "Prices", here: "catalogues", json: q, data: x}, nil
}

// catalogue shows the text of a version.
func (u *Pages) catalogue(v *visit) (*view, error) {
	q, x := ask("/catalogues/"+v.PathValue("version")), &answer.Version{}
	if err := u.get(v.Context(), v.who, q, x); err != nil {
		return nil, err
	}
	return &view{file: "catalogue", title: "Prices " + x.Version, here: "catalogues", json: q, data: x}, nil
}

// effectLine is the effect of a catalogue on a tenant's month: schemas/effect.schema.json.
type effectLine struct {
	Month        string     `json:"month"`
	Tenant       string     `json:"tenant"`
	Before       effectSide `json:"before"`
	After        effectSide `json:"after"`
	NewlyUnrated int        `json:"newly_unrated"`
	Appearing    []string   `json:"appearing"`
	Disappearing []string   `json:"disappearing"`
}

type effectSide struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// Difference is what the month costs more; empty between two currencies.
func (x *effectLine) Difference() string {
	before, errBefore := events.ParseDecimal(cmp.Or(x.Before.Amount, "0"))
	after, errAfter := events.ParseDecimal(cmp.Or(x.After.Amount, "0"))
	if errBefore != nil || errAfter != nil || x.Before.Currency != "" && x.Before.Currency != x.After.Currency {
		return ""
	}
	return after.Sub(before).String()
}

// effectRow reads a row.
func effectRow(text json.RawMessage) (*effectLine, error) {
	x := new(effectLine)
	return x, json.Unmarshal(text, x)
}

// whatIfPage is what another catalogue would change.
type whatIfPage struct {
	Text, Problem string
	Guard         string
	Effect        *answer.WhatIf
}

// whatIf shows what another catalogue would change in the bills of open months; nothing is
// published.
func (u *Pages) whatIf(v *visit) (*view, error) {
	x := &whatIfPage{Text: v.PostFormValue("text"), Guard: v.who.Guard}
	if x.Text != "" {
		x.Effect = new(answer.WhatIf)
		err := u.post(v.Context(), v.who, ask("/what-if"), &answer.WhatIfQuestion{Catalogue: x.Text}, x.Effect)
		var refused *refusal
		switch {
		case errors.As(err, &refused):
			x.Problem, x.Effect = refused.detail, nil
		case err != nil:
			return nil, err
		}
	} else {
		var current answer.Version
		if err := u.get(v.Context(), v.who, ask("/catalogues/"+answer.CurrentVersion), &current); err == nil {
			x.Text = current.YAML
		}
	}
	return &view{file: "whatif", title: "What if", here: "catalogues", data: x}, nil
}
