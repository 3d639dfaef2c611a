package timeline

import "github.com/daybook-billing/daybook/events"

// SameSize reports whether two footprints cost the same: equal, with guids deciding where both have
// one. A new name of a plan, offering or broker does not end a span. A buildpack's guid decides
// nothing: Cloud Controller reports the first custom URL as the name beside the guid of the final
// buildpack, so one guid stands with several buildpacks.
func SameSize(a, b *events.Footprint) bool {
	if a == b || *a == *b {
		return true
	}
	x, y := *a, *b
	same := func(nameA, idA, nameB, idB *string) {
		if *idA != "" && *idA == *idB {
			*nameB = *nameA
		}
	}
	same(&x.Plan, &x.PlanGUID, &y.Plan, &y.PlanGUID)
	same(&x.Offering, &x.OfferingGUID, &y.Offering, &y.OfferingGUID)
	same(&x.Broker, &x.BrokerGUID, &y.Broker, &y.BrokerGUID)
	return x == y
}
