package paas

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// forecastOrg is the only organisation that a forecast may be for, in paas-billing, too.
const forecastOrg = "00000001-0000-0000-0000-000000000000"

// forecastEvent is an element of the parameter events.
type forecastEvent struct {
	EventGUID    string `json:"event_guid"`
	Start        string `json:"event_start"`
	Stop         string `json:"event_stop"`
	ResourceGUID string `json:"resource_guid"`
	ResourceName string `json:"resource_name"`
	ResourceType string `json:"resource_type"`
	OrgGUID      string `json:"org_guid"`
	SpaceGUID    string `json:"space_guid"`
	PlanGUID     string `json:"plan_guid"`
	Nodes        uint32 `json:"number_of_nodes"`
	MemoryMB     uint32 `json:"memory_in_mb"`
	StorageMB    uint32 `json:"storage_in_mb"`
}

// forecastEvents answers /forecast_events with the prices in force.
func (h *Handler) forecastEvents(q *request) error {
	if err := h.authorised(q); err != nil {
		return err
	}
	if err := q.within(); err != nil {
		return err
	}
	text := q.URL.Query().Get("events")
	if text == "" {
		return bad("events param is required")
	}
	var wanted []forecastEvent
	if err := json.Unmarshal([]byte(text), &wanted); err != nil {
		return bad("events is not a JSON array of usage events: %v", err)
	}
	if len(wanted) > maxForecast {
		return bad("events has %d events, and %d are the most", len(wanted), maxForecast)
	}
	cat, err := h.catalogue(q)
	if err != nil {
		return err
	}
	if cat == nil {
		return bad("no price list is in force")
	}
	plans := newPlans(cat)
	var list []billableEvent
	for i := range wanted {
		one, err := hypothetical(q, plans, &wanted[i])
		if err != nil {
			return err
		}
		if one != nil {
			list = append(list, *one)
		}
	}
	for i := range list {
		if err := q.out.add(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// hypothetical prices an event within the range of a request; nil: it is outside.
func hypothetical(q *request, plans *plans, e *forecastEvent) (*billableEvent, error) {
	if e.OrgGUID != forecastOrg {
		return nil, &problem{
			http.StatusForbidden, "you are not authorized to forecast events for org '" + clip(e.OrgGUID) + "'",
		}
	}
	start, err := instant(e.Start)
	if err != nil {
		return nil, bad("event_start %q is neither a date nor a time", clip(e.Start))
	}
	stop, err := instant(e.Stop)
	if err != nil || stop.Before(start) {
		return nil, bad("event_stop %q is neither a date nor a time, or before event_start", clip(e.Stop))
	}
	if start.Before(q.from) {
		start = q.from
	}
	if stop.After(q.to) {
		stop = q.to
	}
	if !start.Before(stop) {
		return nil, nil //nolint:nilnil // nothing of it is in the range
	}
	span, plan := plans.example(e, start)
	if plan == nil {
		return nil, bad("no plan with the plan_guid %q is in force at %s", clip(e.PlanGUID), start.Format(time.RFC3339))
	}
	span.Start, span.Since, span.End = start, start, stop
	lines, unrated := rating.Rate(plans.Catalogue, "", &span)
	if len(unrated) > 0 {
		return nil, bad("the event %q cannot be priced: %s", clip(e.EventGUID), unrated[0].Reason)
	}
	o := &object{}
	for i := range lines {
		l := &lines[i]
		o.pieces = append(o.pieces, piece{Charge: ledger.Charge{Charge: events.Charge{
			Plan: l.Plan.Name, Component: l.Component.Name, Start: l.Start, End: l.End, Amount: l.Amount, VAT: l.VAT,
			VATCode: l.VATCode, VATRate: l.VATRate, Currency: l.Currency,
		}}})
	}
	nodes, memory, storage := int64(e.Nodes), int64(e.MemoryMB), int64(e.StorageMB)
	return &billableEvent{
		resource: resource{
			EventGUID: e.EventGUID, Start: start.Format(timeForm), Stop: stop.Format(timeForm),
			ResourceGUID: e.ResourceGUID, ResourceName: e.ResourceName, ResourceType: e.ResourceType,
			OrgGUID: e.OrgGUID, OrgName: e.OrgGUID, SpaceGUID: e.SpaceGUID, SpaceName: e.SpaceGUID,
			PlanGUID: e.PlanGUID,
		},
		Nodes: &nodes, MemoryMB: &memory, StorageMB: &storage, Price: o.priceOf(),
	}, nil
}

// instant reads a date or a time.
func instant(text string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UTC(), err
}

// example is a span that a plan with the event's plan_guid prices at a time; nil: there is no such
// plan, or another one always wins.
func (p *plans) example(e *forecastEvent, at time.Time) (events.Span, *catalogue.Plan) {
	const mebibytes = 1024 // of a GiB
	for _, plan := range p.Plans {
		if p.guid(plan.Name) != e.PlanGUID {
			continue
		}
		x := ledger.Span{Span: events.Span{Start: at}}
		x.Footprint = events.Footprint{
			Instances: events.Some(e.Nodes), MemoryMB: events.Some(e.MemoryMB),
			VolumeGB: events.Some(e.StorageMB / mebibytes),
		}
		for _, c := range plan.Match {
			example(&x, c.Field, strings.NewReplacer("*", "", "?", "x").Replace(c.Glob))
		}
		if x.Kind == events.KindService {
			x.Footprint.Instances, x.Footprint.MemoryMB = events.Count{}, events.Count{} // those of the plan
		}
		if got := p.of(&x); got != nil && got.Name == plan.Name {
			return x.Span, got
		}
	}
	return events.Span{}, nil
}

// example sets the field of a match.
func example(x *ledger.Span, field, value string) {
	f := &x.Footprint
	to := map[string]*string{
		"kind": &x.Kind, "tenant": &x.Tenant, "foundation": &x.Foundation, "space": &x.Space,
		"buildpack": &f.Buildpack, "process_type": &f.ProcessType, "plan": &f.Plan, "offering": &f.Offering,
		"broker": &f.Broker, "flavor": &f.Flavor,
		"datastore": &f.Datastore, "region": &f.Region, "availability_zone": &f.AvailabilityZone,
	}[field]
	if to != nil {
		*to = value
	}
}
