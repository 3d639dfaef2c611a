package cc

import (
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

func (f *Foundation) serviceInstances(r *request, p *params) (items []item) {
	for _, s := range f.seen().Services {
		plan, kind := s.Plan, "managed"
		if plan == nil {
			plan, kind = &sim.Plan{}, "user-provided"
		}
		if f.passesSpace(r, p, s.Space) && p.passes("names", s.Name) && p.passes("type", kind) &&
			p.passes("service_plan_guids", plan.GUID) && p.passes("service_plan_names", plan.Name) {
			items = append(items, item{s.Record, s.GUID, s.Name, func() object { return f.serviceInstance(r, s) }})
		}
	}
	return items
}

func (f *Foundation) serviceInstance(r *request, s *sim.Service) object {
	if s.Plan == nil {
		return resource(r.base, "service_instances", s.GUID, s.Record, object{
			"name": s.Name, "type": "user-provided", "tags": []string{}, "syslog_drain_url": nil,
			"route_service_url": nil,
			"last_operation":    operation(s), "relationships": object{"space": to(s.Space.GUID)},
		})
	}
	return resource(r.base, "service_instances", s.GUID, s.Record, object{
		"name": s.Name, "type": "managed", "tags": []string{}, "maintenance_info": object{}, "upgrade_available": false,
		"dashboard_url":  nil,
		"last_operation": operation(s), "relationships": object{
			"space":        to(s.Space.GUID),
			"service_plan": to(s.Plan.GUID),
		},
	})
}

// operation is the last operation of a service instance.
func operation(s *sim.Service) object {
	state := "succeeded"
	if s.Failed {
		state = "failed"
	}
	return object{
		"type": s.Operation.Type, "state": state, "description": "",
		"created_at": s.Operation.Created.Format(time.RFC3339), "updated_at": s.Operation.Updated.Format(time.RFC3339),
	}
}

func (f *Foundation) servicePlans(r *request, p *params) (items []item) {
	for _, plan := range f.seen().Plans {
		if p.passes("names", plan.Name) && p.passes("service_offering_guids", plan.OfferingGUID) &&
			p.passes("service_offering_names", plan.Offering) &&
			p.passes("service_broker_guids", plan.BrokerGUID) && p.passes("service_broker_names", plan.Broker) &&
			p.passes("available", "true") {
			items = append(items, item{f.standing(), plan.GUID, plan.Name, func() object {
				return f.servicePlan(r,
					plan)
			}})
		}
	}
	return items
}

func (f *Foundation) servicePlan(r *request, p *sim.Plan) object {
	return resource(r.base, "service_plans", p.GUID, f.standing(), object{
		"name": p.Name, "description": "", "visibility_type": "public", "available": true, "free": false,
		"costs": []object{}, "maintenance_info": object{},
		"broker_catalog": object{
			"id": uuidOf("plan", p.Offering+"/"+p.Name), "metadata": object{}, "maximum_polling_duration": nil,
			"features": object{"plan_updateable": true, "bindable": true},
		},
		"schemas": object{
			"service_instance": object{
				"create": object{"parameters": object{}},
				"update": object{"parameters": object{}},
			},
			"service_binding": object{"create": object{"parameters": object{}}},
		},
		"relationships": object{"service_offering": to(p.OfferingGUID)},
	})
}

func (f *Foundation) serviceOfferings(r *request, p *params) (items []item) {
	seen := map[string]bool{}
	for _, plan := range f.seen().Plans {
		if !seen[plan.OfferingGUID] && p.passes("names", plan.Offering) && p.passes("service_broker_guids",
			plan.BrokerGUID) &&
			p.passes("service_broker_names", plan.Broker) && p.passes("available", "true") {
			seen[plan.OfferingGUID] = true
			items = append(items, item{
				f.standing(), plan.OfferingGUID, plan.Offering,
				func() object { return f.serviceOffering(r, plan) },
			})
		}
	}
	return items
}

func (f *Foundation) serviceOffering(r *request, p *sim.Plan) object {
	return resource(r.base, "service_offerings", p.OfferingGUID, f.standing(), object{
		"name": p.Offering, "description": "", "available": true, "tags": []string{}, "requires": []string{},
		"shareable": true, "documentation_url": nil,
		"broker_catalog": object{
			"id": uuidOf("offering", p.Offering), "metadata": object{}, "features": object{
				"plan_updateable": true, "bindable": true, "instances_retrievable": false,
				"bindings_retrievable": false, "allow_context_updates": false,
			},
		},
		"relationships": object{"service_broker": to(p.BrokerGUID)},
	})
}

func (f *Foundation) serviceBrokers(r *request, p *params) (items []item) {
	if !r.token.global() {
		return nil
	}
	seen := map[string]bool{}
	for _, plan := range f.seen().Plans {
		if !seen[plan.BrokerGUID] && p.passes("names", plan.Broker) {
			seen[plan.BrokerGUID] = true
			items = append(items, item{f.standing(), plan.BrokerGUID, plan.Broker, func() object {
				return resource(r.base, "service_brokers", plan.BrokerGUID, f.standing(), object{
					"name": plan.Broker, "url": "https://" + plan.Broker + ".example.org", "relationships": object{},
				})
			}})
		}
	}
	return items
}
