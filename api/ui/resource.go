package ui

import (
	"context"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// This file shows what a tenant pays for: resources and charges down to the events behind them, and
// what runs.

// crumbs lead back to the pages above one.
type crumbs []crumb

type crumb struct{ Label, Path string }

// tenantCrumbs lead to a tenant's month.
func tenantCrumbs(foundation, tenant, name, month string) crumbs {
	return crumbs{{"Tenants", Root + "tenants?month=" + month}, {named(name, tenant), tenantPath(foundation, tenant) +
		"?month=" + month}}
}

// maxEntries is how many entries of a resource a page shows.
const maxEntries = 1000

// resourcePage is an app, a process, a service instance or a database in a month.
type resourcePage struct {
	Crumbs   crumbs
	Name, Of string
	Month    string
	answer.Charges
}

// resource shows the charges of an app or a resource in a month. Each is explained where it is
// opened.
func (u *Pages) resource(v *visit) (*view, error) {
	foundation, tenant := v.PathValue("foundation"), v.PathValue("tenant")
	x := &resourcePage{Of: v.PathValue("resource"), Month: v.FormValue("month")}
	by := "resource"
	if v.FormValue("by") == "app" {
		by = "app"
	}
	q := ask("/charges", "foundation", foundation, "tenant", tenant, "month", x.Month, by, x.Of, "limit",
		strconv.Itoa(maxEntries))
	if err := u.get(v.Context(), v.who, q, &x.Charges); err != nil {
		return nil, err
	}
	for i := range x.Charges.Charges {
		if c := &x.Charges.Charges[i]; c.Name != "" && (by == "resource" || c.Kind != events.KindTask) {
			x.Name = c.Name
		}
	}
	x.Crumbs = tenantCrumbs(foundation, tenant, u.tenantName(v, foundation, tenant), x.Month)
	return &view{file: "resource", title: named(x.Name, x.Of), here: "tenants", json: q, data: x}, nil
}

// chargePage is one entry with its causes.
type chargePage struct {
	Crumbs crumbs
	answer.Explanation
}

// charge shows an entry with its causes.
func (u *Pages) charge(v *visit) (*view, error) {
	q := ask("/charges/" + v.PathValue("id"))
	x := &chargePage{}
	if err := u.get(v.Context(), v.who, q, &x.Explanation); err != nil {
		return nil, err
	}
	c := &x.Charge
	x.Crumbs = append(tenantCrumbs(c.Foundation, c.Tenant, u.tenantName(v, c.Foundation, c.Tenant), c.Month), crumb{
		named(c.Name, c.Resource), tenantPath(c.Foundation, c.Tenant) + "/resource/" + c.Resource + "?month=" + c.Month,
	})
	return &view{
		file: "charge", title: "Charge " + short(c.ID), here: "tenants", json: q, data: x, part: v.FormValue("part"),
	}, nil
}

// runningPage is what runs of a tenant.
type runningPage struct {
	Crumbs crumbs
	Name   string
	answer.Running
	Rows []runningRow
}

// runningRow is a running resource, with what its next hour costs.
type runningRow struct {
	answer.Run
	Path    string
	Hour    []answer.Total
	Unrated bool
}

// running shows what runs, and what an hour of it costs.
func (u *Pages) running(v *visit) (*view, error) {
	foundation, tenant := v.PathValue("foundation"), v.PathValue("tenant")
	q := ask("/running", "foundation", foundation, "tenant", tenant)
	x := &runningPage{}
	if err := u.get(v.Context(), v.who, q, &x.Running); err != nil {
		return nil, err
	}
	x.Name = u.tenantName(v, foundation, tenant)
	hours := hourPrices{pages: u, of: map[hourKey]*answer.Price{}}
	for i := range x.Running.Running {
		run := &x.Running.Running[i]
		row := runningRow{Run: *run}
		row.Path = tenantPath(foundation, tenant) + "/resource/" + run.Resource + "?month=" + run.Start[:len("2006-01")]
		price, err := hours.price(v, run)
		if err != nil {
			return nil, err
		}
		row.Hour, row.Unrated = price.Totals, len(price.Unrated) > 0
		x.Rows = append(x.Rows, row)
	}
	x.Crumbs = tenantCrumbs(foundation, tenant, x.Name, "")
	return &view{file: "running", title: "Running", here: "tenants", json: q, data: x}, nil
}

// hourKey is what a price depends on.
type hourKey struct {
	foundation, tenant, kind, from string
	size                           string
}

// hourPrices asks for the price of an hour of each size once.
type hourPrices struct {
	pages *Pages
	of    map[hourKey]*answer.Price
}

// price is the price of an hour of a running resource, from where it is charged on.
func (h *hourPrices) price(v *visit, run *answer.Run) (*answer.Price, error) {
	key := hourKey{run.Foundation, run.Tenant, run.Kind, run.Start, size(run.Footprint)}
	if known := h.of[key]; known != nil {
		return known, nil
	}
	to, err := hourAfter(run.Start)
	if err != nil {
		return nil, err
	}
	price := new(answer.Price)
	err = h.pages.post(v.Context(), v.who, ask("/price"), &answer.PriceQuestion{
		Version: answer.CurrentVersion, Foundation: run.Foundation, Tenant: run.Tenant, Kind: run.Kind,
		Footprint: run.Footprint, From: run.Start, To: to,
	}, price)
	h.of[key] = price
	return price, err
}

// tenantName is a tenant's name; empty where it has none, or cannot be asked for.
func (u *Pages) tenantName(v *visit, foundation, tenant string) string {
	var t answer.Totals
	err := u.get(v.Context(), v.who, ask("/totals", "foundation", foundation, "tenant", tenant, "by", "tenant"), &t)
	if err != nil || len(t.Totals) == 0 {
		return ""
	}
	return t.Totals[0].Tenant
}

// resourceNames are the names of a tenant's apps and resources, by guid: of what runs, and of the
// last entries of the month.
func (u *Pages) resourceNames(ctx context.Context, who *Reader, foundation, tenant, month string) map[string]string {
	names := map[string]string{}
	enter := func(name string, ids ...string) {
		for _, id := range ids {
			if id != "" && name != "" && names[id] == "" {
				names[id] = name
			}
		}
	}
	var running answer.Running
	whose := []string{"foundation", foundation, "tenant", tenant}
	if u.get(ctx, who, ask("/running", whose...), &running) == nil {
		for i := range running.Running {
			enter(running.Running[i].Name, running.Running[i].Resource, running.Running[i].App)
		}
	}
	var charges answer.Charges
	q := ask("/charges", append(slices.Clone(whose), "month", month, "limit", "1000")...)
	if u.get(ctx, who, q, &charges) == nil {
		for i := range charges.Charges {
			c := &charges.Charges[i]
			if c.Kind != "task" { // a task's name is not its app's
				enter(c.Name, c.Resource, c.App)
			}
			enter(c.Name, c.Resource)
		}
	}
	return names
}
