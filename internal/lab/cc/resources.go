package cc

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

func to(guid string) object { return object{"data": object{"guid": guid}} }

// resource has the fields of all resources of the API, and more.
func resource(base, collection, guid string, record sim.Record, more object) object {
	whole := object{
		"guid": guid, "created_at": record.Created.Format(time.RFC3339),
		"updated_at": record.LastChange().Format(time.RFC3339), "metadata": object{
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

// standing is the record of the resources from the beginning.
func (f *Foundation) standing() sim.Record { return sim.Record{Created: f.started} }

func (f *Foundation) organizations(r *request, p *params) (items []item) {
	for _, o := range f.seen().Orgs {
		at := f.placeOf(o.GUID, o.Name)
		if !at.gone && f.mayRead(r, o.GUID) && p.passes("names", at.name) {
			items = append(items, item{o.Record, o.GUID, at.name, func() object { return f.organization(r, o) }})
		}
	}
	return items
}

func (f *Foundation) organization(r *request, o *sim.Org) object {
	at := f.placeOf(o.GUID, o.Name)
	return resource(r.base, "organizations", o.GUID, o.Record, at.show(object{
		"name": at.name, "suspended": false, "relationships": object{"quota": to(uuidOf("quota", "default"))},
	}))
}

func (f *Foundation) spaces(r *request, p *params) (items []item) {
	for _, s := range f.seen().Spaces {
		at := f.placeOf(s.GUID, s.Name)
		if !at.gone && f.mayRead(r, s.Org.GUID) && p.passes("names", at.name) &&
			p.passes("organization_guids", s.Org.GUID) {
			items = append(items, item{s.Record, s.GUID, at.name, func() object { return f.space(r, s) }})
		}
	}
	return items
}

func (f *Foundation) space(r *request, s *sim.Space) object {
	at := f.placeOf(s.GUID, s.Name)
	return resource(r.base, "spaces", s.GUID, s.Record, at.show(object{
		"name": at.name, "relationships": object{"organization": to(s.Org.GUID), "quota": object{"data": nil}},
	}))
}

func (f *Foundation) apps(r *request, p *params) (items []item) {
	for _, a := range f.seen().Apps {
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

// stack is the one stack.
const stack = "cflinuxfs4"

func (f *Foundation) processes(r *request, p *params) (items []item) {
	for _, a := range f.seen().Apps {
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
	for _, a := range f.seen().Apps {
		if !f.passesSpace(r, p, a.Space) || !p.passes("app_guids", a.GUID) {
			continue
		}
		for _, t := range slices.Concat(a.Tasks, a.Ended) {
			if p.passes("names", t.Name) && p.passes("states", t.Shown()) {
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
		"name": t.Name, "sequence_id": t.ID, "state": t.Shown(), "memory_in_mb": t.MemoryMB, "disk_in_mb": 1024,
		"log_rate_limit_in_bytes_per_second": -1, "result": object{"failure_reason": nil}, "droplet_guid": droplet,
		"relationships": object{"app": to(t.App.GUID)},
	})
}

func (f *Foundation) droplets(r *request, p *params) (items []item) {
	for _, a := range f.seen().Apps {
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
	for _, a := range f.seen().Apps {
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
	for i, b := range f.seen().Buildpacks {
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
	roleAuditor = "organization_auditor"
)

func (f *Foundation) roles(r *request, p *params) (items []item) {
	for _, u := range f.users {
		held := map[string][]string{roleManager: u.Manages, roleBilling: u.Bills, roleAuditor: u.Audits}
		for kind, orgs := range held {
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
