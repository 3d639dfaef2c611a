package paas

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/forecast"
)

// question is what a request about organisations comes to.
type question struct {
	*request
	terms   forecast.Terms
	names   *names.Directory
	plans   *plans
	owners  []events.Owner
	through map[ledger.Foundation]time.Time // metered through
}

// ask reads a request about organisations.
func (h *Handler) ask(q *request) (*question, error) {
	if err := h.known(q); err != nil {
		return nil, err
	}
	if err := q.within(); err != nil {
		return nil, err
	}
	terms, err := h.Terms(q.Context())
	if err != nil {
		return nil, err
	}
	all := &question{request: q, terms: terms, plans: newPlans(inForce(terms))}
	if q.from.Equal(q.to) {
		return all, nil
	}
	if all.names, err = h.Names(q.Context()); err != nil {
		return nil, err
	}
	if all.owners, err = h.owners(q); err != nil {
		return nil, err
	}
	horizons, err := h.Ledger.Horizons(q.Context(), ledger.Query{})
	all.through = ledger.MeteredThrough(horizons)
	return all, err
}

// metered is up to when the foundation of a span is metered.
func (q *question) metered(x *ledger.Span) time.Time {
	return q.through[ledger.Foundation{Source: x.Source, Name: x.Foundation}]
}

// spans are the spans of an owner in a range, cropped to it. What runs ends at the horizon.
func (h *Handler) spans(ctx context.Context, q *question, owner events.Owner, from, to time.Time) ([]ledger.Span,
	error,
) {
	all, err := h.Ledger.Spans(ctx, ledger.Query{Owners: []events.Owner{owner}}, from, to)
	if err != nil {
		return nil, err
	}
	for i := range all {
		x := &all[i]
		if x.Running() {
			x.End = q.metered(x)
		}
		if x.End.After(to) {
			x.End = to
		}
		if x.Start.Before(from) {
			x.Start = from
		}
	}
	return slices.DeleteFunc(all, func(x ledger.Span) bool { return !x.Start.Before(x.End) }), nil
}

// usageEvents answers /usage_events, by organisation, start and event.
func (h *Handler) usageEvents(r *request) error {
	q, err := h.ask(r)
	if err != nil {
		return err
	}
	for _, owner := range q.owners {
		spans, err := h.spans(q.Context(), q, owner, q.from, q.to)
		if err != nil {
			return err
		}
		guids, err := h.begins(q.Context(), owner, spans)
		if err != nil {
			return err
		}
		pieces := make([]piece, len(spans))
		for i := range spans {
			pieces[i] = of(&spans[i])
		}
		var list []usageEvent
		for _, o := range gather(pieces) {
			plan := q.plans.of(o.last().span)
			e := usageEvent{resource: h.resource(q, o, guids, plan)}
			s := sizeOf(&o.footprint, plan)
			e.Nodes, e.MemoryMB, e.StorageMB = s.nodes, s.memory, s.storage
			e.ServiceGUID, e.ServiceName = guidCompute, compute
			if resourceType(o.kind) == "service" {
				f := &o.footprint
				e.ServiceGUID = cmp.Or(f.OfferingGUID, f.DatastoreID, events.ID("service", f.Datastore))
				e.ServiceName = cmp.Or(f.Offering, f.Datastore, o.kind)
			}
			e.PlanName = cmp.Or(o.footprint.Plan, o.footprint.Flavor, o.kind)
			list = append(list, e)
		}
		slices.SortFunc(list, func(a, b usageEvent) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.EventGUID, b.EventGUID))
		})
		for i := range list {
			if err := q.out.add(&list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// resource is what an object says of its resource. plan may be nil.
func (h *Handler) resource(q *question, o *object, guids map[uint64]string, plan *catalogue.Plan) resource {
	start, end := o.stretch()
	p := o.last()
	r := resource{
		EventGUID: cmp.Or(guids[o.begin], events.ID("event", p.ID)),
		Start:     start.Format(timeForm), Stop: end.Format(timeForm),
		ResourceGUID: o.resource, ResourceName: cmp.Or(p.Name, o.resource), ResourceType: resourceType(o.kind),
		OrgGUID: p.Tenant, SpaceGUID: p.Space, PlanGUID: guidUnknown,
	}
	org := names.Key{Tenant: names.Tenant{Source: p.Source, Foundation: o.foundation, GUID: p.Tenant}}
	space := names.Key{Tenant: org.Tenant, Space: p.Space}
	r.OrgName, r.SpaceName = cmp.Or(q.names.Name(org), p.Tenant), q.names.Name(space)
	if r.SpaceName == "" && p.span != nil {
		r.SpaceName = p.span.SpaceName
	}
	r.SpaceName = cmp.Or(r.SpaceName, p.Space)
	switch {
	case plan != nil:
		r.PlanGUID = q.plans.guid(plan.Name)
	case p.Plan != "":
		r.PlanGUID = q.plans.guid(p.Plan)
	case o.footprint.PlanGUID != "":
		r.PlanGUID = o.footprint.PlanGUID
	case special(o.kind) != "":
		r.PlanGUID = special(o.kind)
	}
	return r
}
