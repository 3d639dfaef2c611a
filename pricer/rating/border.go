package rating

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Border is an instant at which one catalogue takes over from another within a run.
type Border struct {
	At        time.Time
	Catalogue *catalogue.Catalogue // before At; nil: none was in force
	Before    *Border              // the border before it; nil for none
}

// bordered moves the beginning of a piece: to the border where the terms before it are others, and
// else to where they began.
func (w *work) bordered(p *piece) {
	if p.s.After(w.border.At) || p.plan.Restart == catalogue.RestartMonthly || p.component.Monthly() {
		return
	}
	since, same := w.onset(p)
	if !same {
		since = w.border.At
	}
	p.s = since
}

// onset is since when the terms of a piece have been equal before the border; false where they are
// others there.
func (w *work) onset(p *piece) (since time.Time, same bool) {
	at := w.border.At
	if w.border.Catalogue == nil {
		return at, false
	}
	var before work
	before.prepare(w.border.Before, w.border.Catalogue, w.foundation, w.span)
	choice := -1
	for choice+1 < len(before.choices) && before.choices[choice+1].From.Before(at) {
		choice++
	}
	if choice < 0 || before.choices[choice].Plan == nil {
		return at, false
	}
	plan := before.choices[choice].Plan
	i := slices.IndexFunc(plan.Components, p.component.SameTerms)
	if i < 0 {
		return at, false
	}
	c := plan.Components[i]
	pieces := split(nil, plan, c, before.begin(c, choice), later(before.since, before.choices[choice].From), at)
	if len(pieces) == 0 {
		return at, false
	}
	q := &pieces[len(pieces)-1]
	if plan.Restart != catalogue.RestartNever && (q.rateText != p.rateText || q.vatText != p.vatText) {
		return at, false
	}
	if before.border != nil {
		before.bordered(q)
	}
	return q.s, true
}
