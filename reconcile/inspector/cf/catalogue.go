package cf

import (
	"context"
	"net/url"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// offers are the plans, offerings and brokers of a foundation, as far as they are known.
type offers struct {
	plans, offerings, brokers map[string]named
	asked                     int             // plans that were asked for alone
	hidden                    map[string]bool // guids that the API does not show
}

func newOffers() *offers {
	return &offers{
		plans: map[string]named{}, offerings: map[string]named{}, brokers: map[string]named{},
		hidden: map[string]bool{},
	}
}

// take keeps an included resource, and reports whether it is one of them.
func (o *offers) take(collection string, raw []byte) (is bool, err error) {
	var to map[string]named
	of := ""
	switch collection {
	case "service_plans":
		to, of = o.plans, "service_offering"
	case "service_offerings":
		to, of = o.offerings, "service_broker"
	case "service_brokers":
		to = o.brokers
	default:
		return false, nil
	}
	n, err := readNamed(raw, of)
	if err == nil {
		to[n.guid] = n
	}
	return true, err
}

// fill asks for a plan that is not known, with its offering and its broker. A list may leave out a
// plan of a broker that belongs to a space.
func (o *offers) fill(ctx context.Context, e *cfapi.Errand, plan string) error {
	guid := plan
	for _, collection := range []string{"service_plans", "service_offerings", "service_brokers"} {
		known := map[string]map[string]named{
			"service_plans": o.plans, "service_offerings": o.offerings, "service_brokers": o.brokers,
		}[collection]
		if n, is := known[guid]; is {
			guid = n.of
			continue
		}
		if guid == "" || o.hidden[guid] || o.asked >= maxPlans {
			return nil
		}
		o.asked++
		r, err := e.Resource(ctx, collection+"/"+url.PathEscape(guid), nil)
		if cfapi.NotFound(err) {
			o.hidden[guid] = true
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := o.take(collection, r.Raw); err != nil {
			return err
		}
		guid = known[guid].of
	}
	return nil
}

// footprint is that of a service instance with a plan. Names that the API does not show are empty.
func (o *offers) footprint(plan string) events.Footprint {
	p := o.plans[plan]
	offering := o.offerings[p.of]
	broker := o.brokers[offering.of]
	return events.Footprint{
		Plan: p.name, PlanGUID: plan, Offering: offering.name, OfferingGUID: p.of, Broker: broker.name,
		BrokerGUID: offering.of,
	}
}
