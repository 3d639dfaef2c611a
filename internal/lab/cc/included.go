package cc

import (
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// included are the resources beside a list's own: include=space.organization, or fields[...].
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
	for _, a := range f.seen().Apps {
		if apps[a.GUID] {
			used[a.Space], owned[a.Space.Org] = true, true
		}
	}
	spaces, organizations := []object{}, []object{}
	for _, s := range f.seen().Spaces {
		if used[s] {
			spaces = append(spaces, f.space(r, s))
		}
	}
	for _, o := range f.seen().Orgs {
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
	for _, s := range f.seen().Spaces {
		owners[s.Org] = owners[s.Org] || spaces[s.GUID]
	}
	organizations := []object{}
	for _, o := range f.seen().Orgs {
		if owners[o] {
			organizations = append(organizations, f.organization(r, o))
		}
	}
	return object{"organizations": organizations}
}

// includedFields answers fields[service_plan]=guid,name and the like: only the requested fields.
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
	for _, s := range f.seen().Services {
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

// fieldsOf picks the requested fields; a dot leads into an object.
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
