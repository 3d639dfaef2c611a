package ui

import (
	"errors"
	"net/url"
	"strconv"

	"github.com/daybook-billing/daybook/api/operate"
)

// This file has quarantined input.

// quarantinePage is a page of quarantined input.
type quarantinePage struct {
	operate.Quarantine
	Source, Foundation string
	Settled            bool
	After              string // the address of the next page; empty at the end
	Guard              string
	May                bool // the reader may decide
	Done, Problem      string
}

// quarantine shows quarantined input, with the forms to resubmit and to discard it.
func (u *Pages) quarantine(v *visit) (*view, error) {
	x := &quarantinePage{
		Source: v.FormValue("source"), Foundation: v.FormValue("foundation"), Settled: v.FormValue("settled") != "",
		Guard: v.who.Guard, May: v.who.may(), Done: v.FormValue("done"), Problem: v.FormValue("problem"),
	}
	settled := ""
	if x.Settled {
		settled = "true"
	}
	q := ask("/quarantine", "source", x.Source, "foundation", x.Foundation, "settled", settled, "after",
		v.FormValue("after"))
	if err := u.get(v.Context(), v.who, q, &x.Quarantine); err != nil {
		return nil, err
	}
	if x.Next > 0 {
		next := url.Values{"after": {strconv.FormatUint(x.Next, 10)}}
		for _, name := range []string{"source", "foundation", "settled"} {
			if value := v.FormValue(name); value != "" {
				next.Set(name, value)
			}
		}
		x.After = Root + "operate/quarantine?" + next.Encode()
	}
	return &view{file: "quarantine", title: "Quarantine", here: "quarantine", json: q, data: x}, nil
}

// quarantinedPage is one input, its whole text.
type quarantinedPage struct {
	Crumbs crumbs
	operate.Input
	Guard string
	May   bool
}

// quarantined shows an input.
func (u *Pages) quarantined(v *visit) (*view, error) {
	x := &quarantinedPage{
		Crumbs: crumbs{{"Quarantine", Root + "operate/quarantine"}}, Guard: v.who.Guard, May: v.who.may(),
	}
	q := ask("/quarantine/" + url.PathEscape(v.PathValue("sequence")))
	if err := u.get(v.Context(), v.who, q, &x.Input); err != nil {
		return nil, err
	}
	return &view{
		file: "quarantined", title: "Input " + v.PathValue("sequence"), here: "quarantine", json: q, data: x,
	}, nil
}

// settle resubmits or discards the chosen inputs, as the form says.
func (u *Pages) settle(v *visit) (*view, error) {
	back := v.filtered("source", "foundation", "settled")
	word := operate.InputsWord{Note: v.PostFormValue("note")}
	for _, text := range v.PostForm["input"] {
		if sequence, err := strconv.ParseUint(text, 10, 64); err == nil {
			word.Sequences = append(word.Sequences, sequence)
		}
	}
	to := func(key, text string) (*view, error) {
		back.Set(key, text)
		return &view{to: Root + "operate/quarantine?" + back.Encode()}, nil
	}
	if len(word.Sequences) == 0 {
		return to("problem", "nothing was chosen")
	}
	var err error
	var discarded operate.Discarded
	var resubmitted operate.Resubmission
	if v.PostFormValue("action") == "discard" {
		err = u.post(v.Context(), v.who, ask("/quarantine/discard"), &word, &discarded)
	} else {
		whole := operate.ResubmitWord{InputsWord: word, AtEnd: v.PostFormValue("at_end") != ""}
		err = u.post(v.Context(), v.who, ask("/quarantine/resubmit"), &whole, &resubmitted)
	}
	var no *refusal
	switch {
	case errors.As(err, &no):
		return to("problem", no.detail)
	case err != nil:
		return nil, err
	case resubmitted.Results == nil:
		return to("done", counted(discarded.Discarded, "input")+" discarded")
	}
	said := map[string]int{}
	for i := range resubmitted.Results {
		r := &resubmitted.Results[i]
		if said[r.Outcome]++; r.Outcome == "refused" {
			back.Set("problem", "input "+strconv.FormatUint(r.Sequence, 10)+": "+r.Reason)
		}
	}
	text := counted(said["stored"], "input") + " stored, " + strconv.Itoa(said["known"]) + " known, " +
		strconv.Itoa(said["ignored"]) + " ignored, " + strconv.Itoa(said["refused"]) + " refused"
	return to("done", text)
}
