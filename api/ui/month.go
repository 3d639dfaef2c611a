package ui

import (
	"errors"
	"net/url"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/operate"
)

// This file has the months of foundations, and the acts about them.

// monthsPage is the months of foundations, and how they close.
type monthsPage struct {
	Months        []monthLine
	Policies      []operate.Policy
	Guard         string
	May           bool // the reader may decide
	Done, Problem string
}

// monthLine is a month of a foundation, with the addresses of its acts.
type monthLine struct {
	answer.Month
	Closing, Reopening string // addresses; empty where there is nothing to decide
}

// may reports whether the forms of acts are of use to the reader.
func (r *Reader) may() bool {
	return r.Guard != "" && (r.Asker.Decide.Everybody || len(r.Asker.Decide.Owners) > 0)
}

// expected is the message that a form of an act names; nil for none.
func (v *visit) expected() *uint64 {
	expect, err := strconv.ParseUint(v.PostFormValue("expect"), 10, 64)
	if err != nil {
		return nil
	}
	return &expect
}

// months shows the months of foundations.
func (u *Pages) months(v *visit) (*view, error) {
	q, all, policies := ask("/months"), &answer.Months{}, &operate.Policies{}
	if err := u.get(v.Context(), v.who, q, all); err != nil {
		return nil, err
	}
	if err := u.get(v.Context(), v.who, ask("/months/policies"), policies); err != nil {
		return nil, err
	}
	x := &monthsPage{
		Policies: policies.Policies, Guard: v.who.Guard, May: v.who.may(), Done: v.FormValue("done"),
		Problem: v.FormValue("problem"),
	}
	x.list(all.Months)
	return &view{file: "months", title: "Months", here: "months", json: q, live: positions(), data: x}, nil
}

// list takes the months, the newest first. The first open one of a foundation may be closed, the
// last closed one opened again.
func (x *monthsPage) list(all []answer.Month) {
	closed := map[[2]string]bool{} // a later month of the foundation is
	for i := range all {
		m := monthLine{Month: all[i]}
		at := [2]string{m.Source, m.Foundation}
		switch {
		case m.State == "closed" && !closed[at]:
			closed[at] = true
			before := i > 0 && all[i-1].Source == m.Source && all[i-1].Foundation == m.Foundation
			if before && x.Months[i-1].Closing == "" && all[i-1].State != "closed" {
				x.Months[i-1].Closing = actPath(&all[i-1], "closing")
			}
			if !before || all[i-1].State != "open again" {
				m.Reopening = actPath(&m.Month, "reopening")
			}
		case m.State != "closed":
			last := i+1 == len(all) || all[i+1].Source != m.Source || all[i+1].Foundation != m.Foundation
			if last {
				m.Closing = actPath(&m.Month, "closing")
			}
		}
		x.Months = append(x.Months, m)
	}
}

// actPath is the page of an act about a month.
func actPath(m *answer.Month, act string) string {
	return Root + "operate/months/" + m.Month + "/" + act + "?foundation=" + url.QueryEscape(m.Foundation)
}

// monthActPage is the preview of a closing, or of a reopening.
type monthActPage struct {
	Crumbs            crumbs
	Month, Foundation string
	Closings          *operate.Closings // nil for a reopening
	Closed            []answer.Month    // of a reopening
	Issued            int               // statements of the month
	Refused           bool              // by all sources
	Guard             string
	May               bool
	Problem           string
}

func newMonthAct(v *visit) *monthActPage {
	return &monthActPage{
		Crumbs: crumbs{{"Months", Root + "operate/months"}}, Month: v.PathValue("month"),
		Foundation: v.FormValue("foundation"), Guard: v.who.Guard, May: v.who.may(), Problem: v.FormValue("problem"),
	}
}

// closing shows the preview of a closing, with the form to close the month.
func (u *Pages) closing(v *visit) (*view, error) {
	x := newMonthAct(v)
	x.Closings = &operate.Closings{}
	q := ask("/months/"+url.PathEscape(x.Month)+"/closing", "foundation", x.Foundation)
	if err := u.get(v.Context(), v.who, q, x.Closings); err != nil {
		return nil, err
	}
	x.Refused = !slices.ContainsFunc(x.Closings.Closings, func(c operate.Closing) bool { return c.Refused == "" })
	return &view{file: "monthact", title: "Close " + monthName(x.Month), here: "months", json: q, data: x}, nil
}

// reopening shows a closed month, with the form to open it again.
func (u *Pages) reopening(v *visit) (*view, error) {
	x := newMonthAct(v)
	var all answer.Months
	var issued answer.Statements
	q := ask("/months", "foundation", x.Foundation)
	if err := u.get(v.Context(), v.who, q, &all); err != nil {
		return nil, err
	}
	for i := range all.Months {
		if m := &all.Months[i]; m.Month == x.Month && m.State == "closed" {
			x.Closed = append(x.Closed, *m)
		}
	}
	x.Refused = len(x.Closed) == 0
	statements := ask("/statements", "foundation", x.Foundation, "month", x.Month)
	if err := u.get(v.Context(), v.who, statements, &issued); err != nil {
		return nil, err
	}
	x.Issued = len(issued.Statements)
	title := "Open " + monthName(x.Month) + " again"
	return &view{file: "monthact", title: title, here: "months", json: q, data: x}, nil
}

// actOnMonth closes a month, or opens it again.
func (u *Pages) actOnMonth(act, done string) func(*visit) (*view, error) {
	return func(v *visit) (*view, error) {
		word := operate.MonthWord{
			Foundation: v.PostFormValue("foundation"), Note: v.PostFormValue("note"), Expect: v.expected(),
		}
		month := v.PathValue("month")
		var acted operate.MonthActs
		err := u.post(v.Context(), v.who, ask("/months/"+url.PathEscape(month)+"/"+act), &word, &acted)
		back := url.Values{}
		if refused := (&refusal{}); errors.As(err, &refused) {
			back.Set("foundation", word.Foundation)
			back.Set("problem", refused.detail)
			return &view{to: Root + "operate/months/" + url.PathEscape(month) + "/" + act + "?" + back.Encode()}, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range acted.Acts {
			switch a := &acted.Acts[i]; {
			case a.Refused != "":
				back.Set("problem", a.Source+" "+a.Foundation+": "+a.Refused)
			case a.State == "waiting":
				back.Set("done", "It is stored; the projector has not taken it up yet")
			default:
				back.Set("done", monthName(month)+" of "+word.Foundation+" is "+done)
			}
		}
		return &view{to: Root + "operate/months?" + back.Encode()}, nil
	}
}

// longestGrace is the most days from the end of a month to its closing.
const longestGrace = 366

// policy says how and when open months close.
func (u *Pages) policy(v *visit) (*view, error) {
	of := operate.PolicyWord{
		Foundation: v.PostFormValue("foundation"), Note: v.PostFormValue("note"), Expect: v.expected(),
	}
	var acted operate.PolicyActs
	var err error
	back := url.Values{}
	if days := v.PostFormValue("days"); days != "" {
		const day = 24 * 60 * 60
		n, wrong := strconv.ParseUint(days, 10, 16)
		if wrong != nil || n > longestGrace {
			back.Set("problem", "the grace is a number of days, at most 366")
		} else {
			word := operate.GraceWord{PolicyWord: of, GraceSeconds: uint32(n) * day}
			err = u.post(v.Context(), v.who, ask("/months/grace"), &word, &acted)
		}
	} else {
		word := operate.ModeWord{PolicyWord: of, Mode: v.PostFormValue("mode")}
		err = u.post(v.Context(), v.who, ask("/months/mode"), &word, &acted)
	}
	if refused := (&refusal{}); errors.As(err, &refused) {
		back.Set("problem", refused.detail)
	} else if err != nil {
		return nil, err
	}
	if !back.Has("problem") {
		back.Set("done", "It is said how months close")
	}
	return &view{to: Root + "operate/months?" + back.Encode()}, nil
}
