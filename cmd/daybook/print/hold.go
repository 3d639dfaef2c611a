package print

import (
	"cmp"
	"fmt"
	"io"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
)

// holdJSON is a hold.
type holdJSON struct {
	ID         string `json:"id"`
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Tenant     string `json:"tenant"`
	Kind       string `json:"kind"`
	Resource   string `json:"resource"`
	Name       string `json:"name"`
	Code       string `json:"code"`
	Start      string `json:"start"`
	End        string `json:"end,omitempty"`
	Footprint  Fields `json:"footprint"`
	Lower      Fields `json:"lower,omitempty"`
	Reason     string `json:"reason"`
}

func newHold(h *answer.Hold) holdJSON {
	x := holdJSON{
		ID: h.ID, Source: h.Source, Foundation: h.Foundation, Tenant: h.Tenant, Kind: h.Kind, Resource: h.Resource,
		Name: h.Name, Code: h.Code, Start: h.Start, End: h.End, Footprint: Footprint(h.Kind, h.Footprint.Footprint()),
		Reason: h.Reason,
	}
	if h.Lower != nil {
		x.Lower = Footprint(h.Kind, h.Lower.Footprint())
	}
	return x
}

// bounds is the footprint, or both bounds.
func (h *holdJSON) bounds() string {
	if h.Lower == nil {
		return h.Footprint.Text()
	}
	return h.Footprint.Text() + " or " + h.Lower.Text()
}

// Holds prints holds.
type Holds struct {
	list
	notices io.Writer // of JSON
}

// NewHolds prints to w: a table at the end, or JSON with the notices elsewhere.
func NewHolds(w, notices io.Writer, asJSON bool) *Holds {
	return &Holds{
		list: newList(w, asJSON, "ID", "FOUNDATION", "TENANT", "KIND", "RESOURCE", "NAME", "CODE", "START", "END",
			"FOOTPRINT", "REASON"),
		notices: notices,
	}
}

// Add takes a hold.
func (p *Holds) Add(x *answer.Hold) error {
	h := newHold(x)
	return p.add(h, h.ID, h.Foundation, h.Tenant, h.Kind, h.Resource, h.Name, h.Code, h.Start,
		cmp.Or(h.End, "goes on"), h.bounds(), h.Reason)
}

// End prints the table and the number of holds, with those that are not listed and why.
func (p *Holds) End(omitted int, why string) error {
	return p.endCounted(p.notices, "held", uint64(omitted), "; "+why) //nolint:gosec // not negative
}

// Decisions prints the holds of a selection with the word on each, before anybody decides.
type Decisions struct{ list }

// NewDecisions prints to w, a table at the end.
func NewDecisions(w io.Writer) *Decisions {
	return &Decisions{newList(w, false, "ID", "FOUNDATION", "TENANT", "KIND", "RESOURCE", "NAME", "CODE", "START",
		"END", "DECISION", "REASON")}
}

// Add takes one hold.
func (p *Decisions) Add(h *acts.Held) error {
	word := h.Word.Action
	if f := h.Word.Footprint; f != (events.Footprint{}) {
		word += " at " + Footprint(h.Hold.Kind, f).Text()
	} else if word == events.ActionRelease {
		word += " at " + Footprint(h.Hold.Kind, h.Hold.Footprint).Text()
	}
	return p.add(nil, h.Hold.ID, h.Foundation, h.Tenant, h.Hold.Kind, h.Hold.Resource, h.Name, h.Hold.Code,
		Time(h.Hold.Start), cmp.Or(Time(h.Hold.End), "goes on"), word, h.Hold.Reason)
}

// End prints the table, and how to decide.
func (p *Decisions) End(action string) error {
	if err := p.end(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.w, "%s of %d holds: nothing published yet; add --yes to decide\n", action, len(p.rows)-1)
	return err
}

// Effect prints the projector's answer to a decision.
func Effect(w io.Writer, e *metered.Effect) error {
	var err error
	switch {
	case !e.Changed():
		_, err = fmt.Fprintln(w, "the projector has taken it up: it changes nothing")
	case e.Foreign != "":
		_, err = fmt.Fprintf(w, "the projector has taken it up with message %d of %s: %s\n", e.Sequence,
			events.StreamMetered, e.Foreign)
	default:
		_, err = fmt.Fprintf(w, "the projector has taken it up: %d spans closed, %d retracted, %d still held "+
			"under %s\n", e.Closed, e.Retracted, e.Held, e.Subject)
	}
	return err
}
