package acts

import (
	"github.com/daybook-billing/daybook/events"
)

// Bound names one of the two bounds of a hold.
type Bound string

// The bounds.
const (
	LowerBound  Bound = "lower"
	HigherBound Bound = "higher"
)

// Word is the content of a decision on a hold.
type Word struct {
	Action    string // events.ActionRelease or events.ActionDiscard
	Footprint events.Footprint
}

// Bounded reports whether a hold lies between two bounds. A person chooses: it can not be released
// without a size, or a plan.
func Bounded(h *events.Hold) bool { return h.Lower != (events.Footprint{}) }

// At returns the word that bills a hold at one of its bounds. At the lower bound of a process that
// may not have run nothing is billed. Which of the two plans of a service is the lower one its cost
// tells; a nil cost is an error. Errors: *NotReleasableError, and those of cost.
func At(h *events.Hold, b Bound, cost func(*events.Footprint) (events.Decimal, error)) (Word, error) {
	lower, higher := h.Lower, h.Footprint
	switch {
	case !Bounded(h):
		return Word{}, &NotReleasableError{Hold: *h, Problem: NoBounds}
	case h.Kind == events.KindService && cost == nil:
		return Word{}, &NotReleasableError{Hold: *h, Problem: PlansUnpriced}
	case h.Kind == events.KindService:
		a, err := cost(&lower)
		if err != nil {
			return Word{}, err
		}
		c, err := cost(&higher)
		if err != nil {
			return Word{}, err
		}
		if a.Cmp(c) > 0 {
			lower, higher = higher, lower
		}
	}
	if b == HigherBound {
		return Word{events.ActionRelease, higher}, nil
	}
	if n, known := lower.Instances.Get(); known && n == 0 {
		return Word{Action: events.ActionDiscard}, nil
	}
	return Word{events.ActionRelease, lower}, nil
}

// WithPlan returns the word that bills the hold of a service by one of its two plans, by its name
// or its guid. Errors: *NotReleasableError.
func WithPlan(h *events.Hold, plan string) (Word, error) {
	for _, f := range []events.Footprint{h.Footprint, h.Lower} {
		if Bounded(h) && h.Kind == events.KindService && (f.PlanGUID == plan || f.Plan == plan) {
			return Word{events.ActionRelease, f}, nil
		}
	}
	return Word{}, &NotReleasableError{Hold: *h, Given: events.Footprint{Plan: plan}, Problem: NoSuchPlan}
}
