package cc

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

func to(guid string) object { return object{"data": object{"guid": guid}} }

// resource is what all resources of the API have, and more.
func resource(base, collection, guid string, record sim.Record, more object) object {
	at := record.Created.Format(time.RFC3339)
	whole := object{
		"guid": guid, "created_at": at, "updated_at": at, "metadata": object{
			"labels":      object{},
			"annotations": object{},
		},
		"links": object{"self": link(base + "/v3/" + collection + "/" + guid)},
	}
	for name, value := range more {
		whole[name] = value
	}
	return whole
}

// standing is the record of what was there from the beginning.
func (f *Foundation) standing() sim.Record { return sim.Record{Created: f.started} }

func (f *Foundation) organizations(r *request, p *params) (items []item) {
	for _, o := range f.world.Platform().Orgs {
		if f.mayRead(r, o.GUID) && p.passes("names", o.Name) {
			items = append(items, item{o.Record, o.GUID, o.Name, func() object { return f.organization(r, o) }})
		}
	}
	return items
}

func (f *Foundation) organization(r *request, o *sim.Org) object {
	return resource(r.base, "organizations", o.GUID, o.Record, object{
		"name": o.Name, "suspended": false, "relationships": object{"quota": to(uuidOf("quota", "default"))},
	})
}

func (f *Foundation) spaces(r *request, p *params) (items []item) {
	for _, s := range f.world.Platform().Spaces {
		if f.mayRead(r, s.Org.GUID) && p.passes("names", s.Name) && p.passes("organization_guids", s.Org.GUID) {
			items = append(items, item{s.Record, s.GUID, s.Name, func() object { return f.space(r, s) }})
		}
	}
	return items
}

func (f *Foundation) space(r *request, s *sim.Space) object {
	return resource(r.base, "spaces", s.GUID, s.Record, object{
		"name": s.Name, "relationships": object{"organization": to(s.Org.GUID), "quota": object{"data": nil}},
	})
}

func (f *Foundation) apps(r *request, p *params) (items []item) {
	for _, a := range f.world.Platform().Apps {
		if f.passesSpace(r, p, a.Space) && p.passes("names", a.Name) && p.passes("lifecycle_type", lifecycle(a)) {
			items = append(items, item{a.Record, a.GUID, a.Name, func() object { return f.app(r, a) }})
		}
	}
	return items
}

func lifecycle(a *sim.App) string {
	if a.Docker() {
		return "docker"
	}
	return "buildpack"
}

func (f *Foundation) app(r *request, a *sim.App) object {
	state, data, droplet := "STOPPED", object{}, object{"data": nil}
	if a.Started {
		state = "STARTED"
	}
	if !a.Docker() {
		asked := []string{} // none are asked for where staging detects
		if configured := a.Configured(); configured.Custom() {
			asked = append(asked, configured.Name)
			if configured.Final != "" {
				asked = append(asked, configured.Final)
			}
		}
		data = object{"buildpacks": asked, "stack": stack}
	}
	if a.Droplet != nil {
		droplet = to(a.Droplet.GUID)
	}
	return resource(r.base, "apps", a.GUID, a.Record, object{
		"name": a.Name, "state": state, "lifecycle": object{"type": lifecycle(a), "data": data},
		"relationships": object{"space": to(a.Space.GUID), "current_droplet": droplet},
	})
}

// stack is what everything is staged and run on.
const stack = "cflinuxfs4"

func (f *Foundation) processes(r *request, p *params) (items []item) {
	for _, a := range f.world.Platform().Apps {
		if !f.passesSpace(r, p, a.Space) || !p.passes("app_guids", a.GUID) {
			continue
		}
		for _, process := range a.All() {
			if p.passes("types", process.Type) {
				items = append(items, item{
					process.Record, process.GUID, process.Type,
					func() object { return f.process(r, process) },
				})
			}
		}
	}
	return items
}

func (f *Foundation) process(r *request, p *sim.Process) object {
	return resource(r.base, "processes", p.GUID, p.Record, object{
		"type": p.Type, "version": uuidOf("version", p.GUID), "command": "[PRIVATE DATA HIDDEN IN LISTS]",
		"instances": p.Instances, "memory_in_mb": p.MemoryMB, "disk_in_mb": 1024,
		"log_rate_limit_in_bytes_per_second": -1,
		"health_check": object{"type": "port", "data": object{
			"timeout":            nil,
			"invocation_timeout": nil, "interval": nil,
		}},
		"readiness_health_check": object{"type": "process", "data": object{
			"invocation_timeout": nil,
			"interval":           nil,
		}},
		"relationships": object{"app": to(p.App.GUID), "revision": object{"data": nil}},
	})
}

func (f *Foundation) tasks(r *request, p *params) (items []item) {
	for _, a := range f.world.Platform().Apps {
		if !f.passesSpace(r, p, a.Space) || !p.passes("app_guids", a.GUID) {
			continue
		}
		for _, t := range a.Tasks {
			if p.passes("names", t.Name) && p.passes("states", t.State()) {
				items = append(items, item{t.Record, t.GUID, t.Name, func() object { return f.task(r, t) }})
			}
		}
	}
	return items
}

func (f *Foundation) task(r *request, t *sim.Task) object {
	droplet := ""
	if t.App.Droplet != nil {
		droplet = t.App.Droplet.GUID
	}
	return resource(r.base, "tasks", t.GUID, t.Record, object{
		"name": t.Name, "sequence_id": t.ID, "state": t.State(), "memory_in_mb": t.MemoryMB, "disk_in_mb": 1024,
		"log_rate_limit_in_bytes_per_second": -1, "result": object{"failure_reason": nil}, "droplet_guid": droplet,
		"relationships": object{"app": to(t.App.GUID)},
	})
}

func (f *Foundation) serviceInstances(r *request, p *params) (items []item) {
	for _, s := range f.world.Platform().Services {
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
	at := s.Created.Format(time.RFC3339)
	return object{"type": "create", "state": state, "description": "", "created_at": at, "updated_at": at}
}

func (f *Foundation) servicePlans(r *request, p *params) (items []item) {
	for _, plan := range f.world.Platform().Plans {
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
	for _, plan := range f.world.Platform().Plans {
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
	for _, plan := range f.world.Platform().Plans {
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

func (f *Foundation) droplets(r *request, p *params) (items []item) {
	for _, a := range f.world.Platform().Apps {
		if !f.passesSpace(r, p, a.Space) || !p.passes("app_guids", a.GUID) || !p.passes("states", "STAGED") {
			continue
		}
		for _, d := range a.Droplets {
			items = append(items, item{d.Record, d.GUID, "", func() object { return f.droplet(r, d) }})
		}
	}
	return items
}

// currentDroplet is GET /v3/apps/:guid/droplets/current.
func (f *Foundation) currentDroplet(r *request) answer {
	for _, a := range f.world.Platform().Apps {
		if a.GUID == r.PathValue("guid") && f.mayRead(r, a.Space.Org.GUID) {
			if a.Droplet == nil {
				return notFound("Droplet").answer()
			}
			return jsonAnswer(http.StatusOK, f.droplet(r, a.Droplet))
		}
	}
	return notFound("App").answer()
}

func (f *Foundation) droplet(r *request, d *sim.Droplet) object {
	body := object{
		"state": "STAGED", "error": nil, "execution_metadata": "", "process_types": object{}, "checksum": nil,
		"relationships": object{"app": to(d.App.GUID)},
	}
	if d.Buildpack == (sim.Buildpack{}) {
		body["lifecycle"], body["buildpacks"], body["stack"] = object{"type": "docker", "data": object{}}, nil, nil
		body["image"] = "registry.example.org/" + d.App.GUID + ":latest"
	} else {
		body["lifecycle"], body["stack"], body["image"] = object{"type": "buildpack", "data": object{}}, stack, nil
		body["buildpacks"] = []object{{
			"name": d.Buildpack.Name, "buildpack_name": strings.TrimSuffix(d.Buildpack.Name, "_buildpack"),
			"detect_output": "", "version": "1.0.0",
		}}
	}
	return resource(r.base, "droplets", d.GUID, d.Record, body)
}

func (f *Foundation) buildpacks(r *request, p *params) (items []item) {
	for i, b := range f.world.Platform().Buildpacks {
		if p.passes("names", b.Name) && p.passes("stacks", stack) && p.passes("lifecycle", "buildpack") {
			items = append(items, item{f.standing(), b.GUID, b.Name, func() object {
				return resource(r.base, "buildpacks", b.GUID, f.standing(), object{
					"name": b.Name, "state": "READY", "filename": b.Name + ".zip", "stack": stack, "position": i + 1,
					"enabled": true, "locked": false,
					"lifecycle": "buildpack",
				})
			}})
		}
	}
	return items
}

// Types of roles.
const (
	roleManager = "organization_manager"
	roleBilling = "organization_billing_manager"
)

func (f *Foundation) roles(r *request, p *params) (items []item) {
	for _, u := range f.users {
		for kind, orgs := range map[string][]string{roleManager: u.Manages, roleBilling: u.Bills} {
			for _, org := range orgs {
				if !f.mayRead(r, org) || !p.passes("types", kind) || !p.passes("user_guids", u.GUID) ||
					!p.passes("organization_guids", org) || !p.passes("space_guids", "") {
					continue
				}
				guid := uuidOf("role", kind+"/"+u.GUID+"/"+org)
				items = append(items, item{f.standing(), guid, kind, func() object {
					return resource(r.base, "roles", guid, f.standing(), object{
						"type": kind, "relationships": object{
							"user": to(u.GUID), "organization": to(org),
							"space": object{"data": nil},
						},
					})
				}})
			}
		}
	}
	return items
}

// included are the resources that a list brings with its own: include=space.organization, or
// fields[...].
func (f *Foundation) included(r *request, p *params, path string, page []item) object {
	guids := map[string]bool{}
	for i := range page {
		guids[page[i].guid] = true
	}
	switch path {
	case "/v3/apps":
		return f.includedSpaces(r, p, guids)
	case "/v3/spaces":
		return f.includedOrganizations(r, p, guids)
	case "/v3/service_instances":
		return f.includedFields(p, guids)
	}
	return nil
}

func (f *Foundation) includedSpaces(r *request, p *params, apps map[string]bool) object {
	asked := p.filters["include"]
	orgs := slices.Contains(asked, "space.organization") || slices.Contains(asked, "org")
	if !orgs && !slices.Contains(asked, "space") {
		return nil
	}
	used, owned := map[*sim.Space]bool{}, map[*sim.Org]bool{}
	for _, a := range f.world.Platform().Apps {
		if apps[a.GUID] {
			used[a.Space], owned[a.Space.Org] = true, true
		}
	}
	spaces, organizations := []object{}, []object{}
	for _, s := range f.world.Platform().Spaces {
		if used[s] {
			spaces = append(spaces, f.space(r, s))
		}
	}
	for _, o := range f.world.Platform().Orgs {
		if owned[o] {
			organizations = append(organizations, f.organization(r, o))
		}
	}
	if !orgs {
		return object{"spaces": spaces}
	}
	return object{"spaces": spaces, "organizations": organizations}
}

func (f *Foundation) includedOrganizations(r *request, p *params, spaces map[string]bool) object {
	asked := p.filters["include"]
	if !slices.Contains(asked, "organization") && !slices.Contains(asked, "org") {
		return nil
	}
	owners := map[*sim.Org]bool{}
	for _, s := range f.world.Platform().Spaces {
		owners[s.Org] = owners[s.Org] || spaces[s.GUID]
	}
	organizations := []object{}
	for _, o := range f.world.Platform().Orgs {
		if owners[o] {
			organizations = append(organizations, f.organization(r, o))
		}
	}
	return object{"organizations": organizations}
}

// includedFields answers fields[service_plan]=guid,name and the like: only the fields that are
// asked for.
func (f *Foundation) includedFields(p *params, instances map[string]bool) object {
	included := object{}
	seen := map[string]bool{}
	add := func(field, collection, guid string, whole object) {
		asked, is := p.filters["fields["+field+"]"]
		if !is {
			return
		}
		list, _ := included[collection].([]object)
		if guid != "" && !seen[collection+guid] {
			seen[collection+guid] = true
			list = append(list, fieldsOf(asked, whole))
		}
		included[collection] = list
	}
	for _, s := range f.world.Platform().Services {
		if !instances[s.GUID] {
			continue
		}
		add("space", "spaces", s.Space.GUID, object{
			"guid": s.Space.GUID, "name": s.Space.Name, "relationships": object{"organization": to(s.Space.Org.GUID)},
		})
		add("space.organization", "organizations", s.Space.Org.GUID, object{
			"guid": s.Space.Org.GUID,
			"name": s.Space.Org.Name,
		})
		if s.Plan == nil {
			continue
		}
		add("service_plan", "service_plans", s.Plan.GUID, object{
			"guid": s.Plan.GUID, "name": s.Plan.Name,
			"relationships": object{"service_offering": to(s.Plan.OfferingGUID)},
		})
		add("service_plan.service_offering", "service_offerings", s.Plan.OfferingGUID, object{
			"guid": s.Plan.OfferingGUID, "name": s.Plan.Offering, "description": "", "documentation_url": nil,
			"tags":          []string{},
			"relationships": object{"service_broker": to(s.Plan.BrokerGUID)},
		})
		add("service_plan.service_offering.service_broker", "service_brokers", s.Plan.BrokerGUID,
			object{"guid": s.Plan.BrokerGUID, "name": s.Plan.Broker})
	}
	if len(included) == 0 {
		return nil
	}
	return included
}

// fieldsOf picks the fields that are asked for; a dot leads into an object.
func fieldsOf(asked []string, whole object) object {
	picked := object{}
	for _, field := range asked {
		outer, inner, nested := strings.Cut(field, ".")
		value, is := whole[outer]
		if !is {
			continue
		}
		if inside, ok := value.(object); ok && nested {
			deeper, _ := picked[outer].(object)
			if deeper == nil {
				deeper = object{}
			}
			for name, v := range fieldsOf([]string{inner}, inside) {
				deeper[name] = v
			}
			value = deeper
		}
		picked[outer] = value
	}
	return picked
}

// summary is the load of the whole foundation, or of a part of it.
type summary struct {
	Instances int `json:"started_instances"`
	MemoryMB  int `json:"memory_in_mb"`
	Services  int `json:"service_instances"` // managed ones
	Tasks     int `json:"per_app_tasks"`     // PENDING and RUNNING

	// What the world does not have.
	Routes   int `json:"routes"`
	Ports    int `json:"reserved_ports"`
	Domains  int `json:"domains"`
	KeyCount int `json:"service_keys"`
}

// summarise adds up what is in the spaces that count.
func summarise(p *sim.Platform, counts func(*sim.Space) bool) (s summary) {
	for _, a := range p.Apps {
		if !counts(a.Space) {
			continue
		}
		for _, process := range a.All() {
			if process.Started() {
				s.Instances += process.Instances
				s.MemoryMB += process.Instances * process.MemoryMB
			}
		}
		for _, t := range a.Tasks {
			switch t.State() {
			case "RUNNING":
				s.MemoryMB += t.MemoryMB
				s.Tasks++
			case "PENDING":
				s.Tasks++
			}
		}
	}
	for _, service := range p.Services {
		if service.Plan != nil && counts(service.Space) {
			s.Services++
		}
	}
	return s
}

func (s summary) answer(r *request) answer {
	return jsonAnswer(http.StatusOK, object{"usage_summary": s, "links": object{"self": link(r.base + r.URL.Path)}})
}

// partSummary is the usage summary of one organization or space.
func (f *Foundation) partSummary(r *request, what string, readable []item, of func(*sim.Space) string) answer {
	guid := r.PathValue("guid")
	if !slices.ContainsFunc(readable, func(i item) bool { return i.guid == guid }) {
		return notFound(what).answer()
	}
	return summarise(f.world.Platform(), func(s *sim.Space) bool { return of(s) == guid }).answer(r)
}
