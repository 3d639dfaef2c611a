package cc

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// item is a resource of the inventory.
type item struct {
	sim.Record
	guid, name string
	show       func() object // as the API shows it
}

// standardOrders are the columns for the order of most lists.
var standardOrders = []string{"created_at", "updated_at"}

// inventoryRoutes are the lists of the inventory, and each of its resources alone.
func (f *Foundation) inventoryRoutes(handle func(pattern string, e endpoint)) {
	list := func(name, what string, g grammar, items func(r *request, p *params) []item) {
		f.listRoutes(handle, name, what, g, items)
	}
	named := []string{"created_at", "updated_at", "name"}
	list("organizations", "Organization", grammar{arrays: []string{"names"}, orders: named}, f.organizations)
	list("spaces", "Space", grammar{arrays: []string{"names", "organization_guids", "include"}, orders: named},
		f.spaces)
	list("apps", "App", grammar{
		arrays: []string{"names", "organization_guids", "space_guids", "lifecycle_type", "include"},
		orders: named,
	}, f.apps)
	list("processes", "Process", grammar{arrays: []string{"types", "organization_guids", "space_guids", "app_guids"}},
		f.processes)
	list("tasks", "Task", grammar{arrays: []string{
		"names", "states", "organization_guids", "space_guids",
		"app_guids",
	}}, f.tasks)
	list("service_instances", "Service instance", grammar{
		arrays: []string{
			"names", "type", "organization_guids", "space_guids", "service_plan_guids",
			"service_plan_names",
		},
		nested: []string{"fields"}, orders: named,
	}, f.serviceInstances)
	list("service_plans", "Service plan", grammar{
		arrays: []string{
			"names", "service_offering_guids", "service_offering_names", "service_broker_guids",
			"service_broker_names", "available",
		},
		orders: named,
	}, f.servicePlans)
	list("service_offerings", "Service offering", grammar{
		arrays: []string{"names", "service_broker_guids", "service_broker_names", "available"}, orders: named,
	}, f.serviceOfferings)
	list("service_brokers", "Service broker", grammar{arrays: []string{"names"}, orders: named}, f.serviceBrokers)
	list("droplets", "Droplet", grammar{arrays: []string{"states", "organization_guids", "space_guids", "app_guids"}},
		f.droplets)
	list("buildpacks", "Buildpack", grammar{
		arrays: []string{"names", "stacks", "lifecycle"},
		orders: []string{"created_at", "updated_at", "position"},
	}, f.buildpacks)
	handle("GET /v3/apps/{guid}/droplets/current", f.currentDroplet)
	handle("GET /v3/processes/{guid}/stats", f.stats)
	list("audit_events", "Event", grammar{arrays: []string{
		"types", "target_guids", "space_guids", "organization_guids",
	}}, f.auditEvents)
	handle("GET /v3/organizations/{guid}/usage_summary", func(r *request) answer {
		return f.partSummary(r, "Organization", f.organizations(r, &params{}),
			func(s *sim.Space) string { return s.Org.GUID })
	})
	handle("GET /v3/spaces/{guid}/usage_summary", func(r *request) answer {
		return f.partSummary(r, "Space", f.spaces(r, &params{}), func(s *sim.Space) string { return s.GUID })
	})
	list("roles", "Role", grammar{arrays: []string{"types", "organization_guids", "space_guids", "user_guids"}},
		f.roles)
}

// listRoutes are a list and each of its resources alone; title is how errors call one of them.
func (f *Foundation) listRoutes(handle func(pattern string, e endpoint), name, title string, g grammar,
	items func(r *request, p *params) []item,
) {
	g.updated = true
	if g.orders == nil {
		g.orders = standardOrders
	}
	path := "/v3/" + name
	handle("GET "+path, func(r *request) answer {
		p := g.parse(r.URL.Query())
		if len(p.problems) > 0 {
			return badQuery(strings.Join(p.problems, ", ")).answer()
		}
		return f.listItems(r, p, path, items(r, p))
	})
	handle("GET "+path+"/{guid}", func(r *request) answer {
		all := items(r, &params{})
		i := slices.IndexFunc(all, func(i item) bool { return i.guid == r.PathValue("guid") })
		if i < 0 {
			return notFound(title).answer()
		}
		return jsonAnswer(http.StatusOK, all[i].show())
	})
}

// listItems is a page of the items, after the filters common to all lists, with the included
// resources.
func (f *Foundation) listItems(r *request, p *params, path string, all []item) answer {
	all = slices.DeleteFunc(all, func(i item) bool {
		updated := f.places[i.guid].updated
		if updated.IsZero() {
			updated = i.LastChange()
		}
		return !p.passes("guids", i.guid) || !admit(p.created, i.Created.Unix()) || !admit(p.updated, updated.Unix())
	})
	slices.SortStableFunc(all, func(a, b item) int {
		c := cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.guid, b.guid))
		switch p.order {
		case "name":
			c = cmp.Or(cmp.Compare(a.name, b.name), c)
		case "created_at", "updated_at":
			c = cmp.Or(a.Created.Compare(b.Created), c)
		}
		if p.descending {
			c = -c
		}
		return c
	})
	all = f.mutilate(path, all)
	page := all[min((p.page-1)*p.per, len(all)):]
	page = page[:min(p.per, len(page))]
	resources := make([]object, len(page))
	for i := range page {
		resources[i] = page[i].show()
	}
	body := jsonAnswer(http.StatusOK, resources).pieces[0]
	end := []byte("}")
	if included := f.included(r, p, path, page); included != nil {
		end = slices.Concat([]byte(`,"included":`), jsonAnswer(http.StatusOK, included).pieces[0], end)
	}
	a := listAnswer(p.pagination(r.base, path, len(all)), nil)
	a.pieces = [][]byte{a.pieces[0], body[1:], end} // the head ends in [
	if p.page*p.per < len(all) {
		f.stir(path, page)
	}
	return a
}

// mayRead reports whether the token reads an organization: it reads everything, or its owner has a
// role there.
func (f *Foundation) mayRead(r *request, org string) bool {
	if r.token.global() {
		return true
	}
	i := slices.IndexFunc(f.users, func(u User) bool { return u.GUID == r.token.UserID })
	return i >= 0 && slices.Contains(slices.Concat(f.users[i].Manages, f.users[i].Bills, f.users[i].Audits), org)
}

// passesSpace reports whether the contents of a space may be read and pass the filters by space and
// organization.
func (f *Foundation) passesSpace(r *request, p *params, s *sim.Space) bool {
	return f.mayRead(r, s.Org.GUID) && p.passes("space_guids", s.GUID) && p.passes("organization_guids", s.Org.GUID)
}
