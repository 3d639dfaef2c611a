package paas

import (
	"strconv"
)

// ServicePlan joins the id of a service plan in its broker's catalogue to its guid in a foundation.
type ServicePlan struct {
	GUID     string
	UniqueID string
}

// ReadPages reads pages of /v3/service_plans, one after the other in a file. The notes name pages
// that are missing. Its error is of type catalogue.Problems.
func ReadPages(file string, data []byte) ([]ServicePlan, []Note, error) {
	r := &reader{file: file, data: data}
	if len(data) > MaxPages {
		r.problem(0, "the file has more than %d bytes; give the pages in several files", MaxPages)
		return nil, nil, r.problems
	}
	var all []ServicePlan
	resources, total := 0, 0
	for _, page := range r.documents() {
		if !r.is(page, "a page of service plans", object) {
			continue
		}
		if page.get("resources") == nil {
			r.problem(page.offset, "a page of /v3/service_plans has resources, and this has none")
		}
		for _, v := range r.list(page, "resources") {
			resources++
			if plan, ok := r.servicePlan(v); ok {
				all = append(all, plan)
			}
		}
		if p := page.get("pagination"); p != nil && r.is(p, "pagination", object) && p.get("previous") == nil {
			if n := p.get("total_results"); n != nil {
				count, _ := strconv.Atoi(n.text) // a problem of the page is no problem of its plans
				total += count
			}
		}
	}
	if total > resources {
		r.note(0, "%d service plans are here of %d: give the other pages, too", resources, total)
	}
	if len(r.problems) > 0 {
		return nil, nil, r.problems
	}
	return all, r.notes, nil
}

func (r *reader) servicePlan(v *value) (plan ServicePlan, ok bool) {
	plan.GUID, _ = r.text(v, "guid", "a service plan")
	broker := v.get("broker_catalog")
	if broker == nil {
		r.problem(v.offset, "service plan %s has no broker_catalog, whose id is paas-billing's plan_guid; take the "+
			"pages of /v3/service_plans", clip(plan.GUID))
		return plan, false
	}
	if !r.is(broker, "broker_catalog", object) {
		return plan, false
	}
	plan.UniqueID, _ = r.text(broker, "id", "broker_catalog")
	return plan, true
}
