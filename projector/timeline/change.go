package timeline

import (
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Change is the effect of a fact, a gap, a horizon or a decision on the timelines of one subject.
type Change struct {
	Retracted []events.Span
	Closed    []events.Span
	Anomalies []events.Anomaly
	Running   bool // the spans without an end, or their labels, have changed
	Held      bool // the holds have changed
	// Tenant is the tenant of the subject from this change on. It is no part of Empty.
	Tenant string
	// Lacks is why nothing can be derived from a fact of folded time, the end of a sentence. It is
	// no part of Empty.
	Lacks string
}

// Empty reports whether nothing has changed.
func (c *Change) Empty() bool {
	return len(c.Retracted) == 0 && len(c.Closed) == 0 && len(c.Anomalies) == 0 && !c.Running && !c.Held
}

// Reset empties the change and keeps its memory.
func (c *Change) Reset(tenant string) {
	*c = Change{Retracted: c.Retracted[:0], Closed: c.Closed[:0], Anomalies: c.Anomalies[:0], Tenant: tenant}
}

// Anomaly adds an anomaly.
func (c *Change) Anomaly(code, resource string, at time.Time, message string) {
	c.Anomalies = append(c.Anomalies, events.Anomaly{Code: code, Resource: resource, Time: at, Message: message})
}

// Decision is an operator's decision on one hold.
type Decision struct {
	Hold, ID  string
	At        time.Time
	Release   bool             // bill it, completed by Footprint; else discard it
	Footprint events.Footprint // the sizes unknown to the hold
}

// Decisions are the last decisions on the holds of one resource, by hold.
type Decisions []Decision

// On returns the decision on a hold.
func (d Decisions) On(hold string) (Decision, bool) {
	at, found := d.find(hold)
	if !found {
		return Decision{}, false
	}
	return d[at], true
}

func (d Decisions) find(hold string) (int, bool) {
	return slices.BinarySearchFunc(d, hold, func(d Decision, id string) int { return strings.Compare(d.Hold, id) })
}

// Put enters a decision in place of an earlier one on the same hold. It reports whether an earlier
// one differs.
func (d *Decisions) Put(decided *events.Act) (contradicts bool) {
	word := &decided.Decision
	put := Decision{
		Hold: word.Hold, ID: decided.ID, At: decided.Time, Release: word.Action == events.ActionRelease,
		Footprint: word.Footprint,
	}
	at, found := d.find(put.Hold)
	if !found {
		*d = slices.Insert(*d, at, put)
		return false
	}
	was := (*d)[at]
	(*d)[at] = put
	return was.Release != put.Release || was.Footprint != put.Footprint
}

// LateFact is a fact of a month that was closed and folded before, from which nothing can be
// derived: it is held for an operator. Lacks says why, as the end of a sentence.
type LateFact struct {
	ID, Event string
	At        time.Time
	Footprint events.Footprint
	Lacks     string
}

// CameLate is what became of a late fact, for the reason why nothing can be derived from it.
func CameLate(lacks string) string {
	if lacks != "" {
		lacks = ", and " + lacks
	}
	return "came when its month had been closed and settled" + lacks + ": what was billed stands"
}

// CompareHolds orders the holds of one resource: by kind, start and id.
func CompareHolds(a, b events.Hold) int {
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
