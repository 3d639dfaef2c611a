package ui

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// This file tells corrections of closed months in words.

// maxCorrections is how many corrections a page tells in words.
const maxCorrections = 10

// correction is the effect of one event on a resource in a closed month.
type correction struct {
	Month                     string // the closed one
	Kind, Name, Resource, App string
	Charge                    string // id of an entry of it
	Currency, Amount          string
	Said                      string // what happened, in words
	On, Known                 string // times; empty where they are not known
	Usage                     uint64 // sequence of the event; 0: it is not known
}

// corrections are those of a tenant's month, if its bill has any.
func (u *Pages) corrections(v *visit, x *overview) error {
	if !slices.ContainsFunc(x.Bill.Lines, func(l answer.BillLine) bool { return l.Of != "" }) {
		return nil
	}
	q := ask("/corrections", "foundation", x.Foundation, "tenant", x.Tenant, "month", x.Month, "limit",
		strconv.Itoa(answer.MaxPage))
	var page answer.Charges
	if err := u.get(v.Context(), v.who, q, &page); err != nil {
		return err
	}
	all := gathered(page.Charges)
	x.Omitted = max(len(all)-maxCorrections, 0)
	x.Corrections = all[:min(len(all), maxCorrections)]
	for i := range x.Corrections {
		var of answer.Explanation
		if err := u.get(v.Context(), v.who, ask("/charges/"+x.Corrections[i].Charge), &of); err != nil {
			return err
		}
		x.Corrections[i].tell(of.Cause)
	}
	return nil
}

// gathered are corrections by month, resource, event and currency, the largest first.
func gathered(all []answer.Charge) (out []correction) {
	type key struct {
		month, resource, currency string
		usage                     uint64
	}
	at := map[key]int{}
	for i := range all {
		c := &all[i]
		k := key{c.Corrected, c.Resource, c.Currency, c.Usage}
		if _, known := at[k]; !known {
			at[k] = len(out)
			out = append(out, correction{
				Month: c.Corrected, Kind: c.Kind, Name: c.Name, Resource: c.Resource, App: c.App, Charge: c.ID,
				Currency: c.Currency, Amount: "0",
			})
		}
		o := &out[at[k]]
		o.Amount = sumOf(o.Amount, c.Amount)
		if c.Kind == events.KindInstance {
			o.Kind = c.Kind // its volumes are of it
		}
	}
	slices.SortStableFunc(out, func(a, b correction) int {
		return cmp.Or(compareAmounts(size(b.Amount), size(a.Amount)), cmp.Compare(a.Month, b.Month))
	})
	return out
}

// tell takes the cause into the correction's words.
func (c *correction) tell(cause *answer.Cause) {
	if cause == nil {
		c.Said = "was charged anew"
		return
	}
	c.Said, c.On, c.Known, c.Usage = said(cause.Event), cause.Time, cause.Known, cause.Usage
}

// said is the effect of an event or an act on a resource, in words.
func said(event string) string {
	switch event {
	case events.EventDeleted, events.EventTroveDelete:
		return "was deleted"
	case events.EventCreated, events.EventTroveCreate:
		return "was created"
	case events.EventStarted, events.EventTaskStarted, events.EventStagingStarted:
		return "was started, or changed its size,"
	case events.EventStopped, events.EventTaskStopped, events.EventStagingStopped:
		return "was stopped"
	case events.EventUpdated, events.EventTroveModifyFlavor:
		return "was given another plan"
	case events.EventTroveModifyVolume, events.EventTroveResizeVolume:
		return "was given a volume of another size"
	case events.EventWasRunning, events.EventTaskWasRunning, events.EventObserved, events.EventTroveExists:
		return "was seen running"
	case events.EventAbsent:
		return "was seen to be gone"
	case events.EventRetired:
		return "ended with its foundation"
	case events.ActCatalogue:
		return "was given other prices"
	case events.ActDecision:
		return "was decided by an operator"
	}
	return "was changed (" + event + ")"
}
