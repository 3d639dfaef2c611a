package acts

import (
	"fmt"

	"github.com/daybook-billing/daybook/events"
)

// Problem is a reason against the release of a hold.
type Problem uint8

// Problems of a release.
const (
	PeriodClosed       Problem = iota + 1 // the month is closed: settle the difference by hand, then discard
	NoVolume                              // a size is given, and the hold is not about a volume
	NoFlavor                              // a flavour is given, and the hold is not about an instance
	SizeUnknown                           // nothing tells the volume's size: give it
	SizeContradicted                      // the facts say another size: give none
	FlavorUnknown                         // nothing tells the instance's flavour: give it
	FlavorContradicted                    // the facts say another flavour: give none
	BoundsOpen                            // it lies between two bounds: choose one
	NoBounds                              // a bound is given, and the hold has none
	PlansUnpriced                         // its bounds are two plans: give prices, or name one of them
	NoSuchPlan                            // the plan is none of its two
)

// NotReleasableError is the reason against the release of a hold with the footprint given.
type NotReleasableError struct {
	Hold    events.Hold
	Given   events.Footprint
	Problem Problem
}

func (e *NotReleasableError) Error() string {
	return fmt.Sprintf("hold %s (%s of %s %s) is not released: %s", e.Hold.ID, e.Hold.Code, e.Hold.Kind,
		e.Hold.Resource, e.reason())
}

func (e *NotReleasableError) reason() string {
	known := &e.Hold.Footprint
	switch e.Problem {
	case PeriodClosed:
		return "what it would change is closed. Settle the difference by hand, then discard it"
	case NoVolume:
		return "it is not about a volume"
	case NoFlavor:
		return "it is not about a flavour"
	case SizeUnknown:
		return "nothing says how large the volume was"
	case SizeContradicted:
		return fmt.Sprintf("what was collected says that the volume had %d GiB, not %d", known.VolumeGB.Or(0),
			e.Given.VolumeGB.Or(0))
	case FlavorUnknown:
		return "nothing says which flavour it had"
	case BoundsOpen:
		return "it lies between two bounds"
	case NoBounds:
		return "it has one size, and no bounds"
	case PlansUnpriced:
		return fmt.Sprintf("its bounds are the plans %s and %s", known.Plan, e.Hold.Lower.Plan)
	case NoSuchPlan:
		if !Bounded(&e.Hold) || e.Hold.Kind != events.KindService {
			return "it does not lie between two plans"
		}
		return fmt.Sprintf("it lies between the plans %s and %s, and %s is none of them", known.Plan,
			e.Hold.Lower.Plan, e.Given.Plan)
	}
	return fmt.Sprintf("what was collected says the flavour %q with the id %q", known.Flavor, known.FlavorID)
}

// Releasable returns a *NotReleasableError when a hold can not be released with the footprint given
// by a person, and nil when it can.
func Releasable(h *events.Hold, given *events.Footprint) error {
	if p := problem(h, given); p != 0 {
		return &NotReleasableError{Hold: *h, Given: *given, Problem: p}
	}
	return nil
}

func problem(h *events.Hold, given *events.Footprint) Problem {
	known, givesFlavor := &h.Footprint, given.Flavor != "" || given.FlavorID != ""
	switch {
	case h.Code == events.AnomalyClosedPeriod:
		return PeriodClosed
	case given.VolumeGB.Known() && h.Kind != events.KindVolume:
		return NoVolume
	case givesFlavor && h.Kind != events.KindInstance:
		return NoFlavor
	case h.Kind == events.KindVolume && known.VolumeGB.Or(0) == 0 && !given.VolumeGB.Known():
		return SizeUnknown
	case known.VolumeGB.Or(0) != 0 && given.VolumeGB.Known() && given.VolumeGB != known.VolumeGB:
		return SizeContradicted
	case h.Kind == events.KindInstance && known.Flavor == "" && known.FlavorID == "" && !givesFlavor:
		return FlavorUnknown
	case differs(known.Flavor, given.Flavor), differs(known.FlavorID, given.FlavorID):
		return FlavorContradicted
	case Bounded(h) && *given == events.Footprint{}:
		return BoundsOpen
	}
	return 0
}

// differs reports whether two names are known and are not the same.
func differs(known, given string) bool { return known != "" && given != "" && known != given }
