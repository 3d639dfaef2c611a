package ui

import (
	"context"
	"net/url"
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

// maxEntries is how many entries a page shows.
const maxEntries = 200

// entriesPage is the entries of a value in a month: of an app, a process, a service instance or a
// database; of a plan, a space or a kind.
type entriesPage struct {
	Crumbs             crumbs
	By, Of, Name       string
	Month              string
	Divided            string // what the sums are divided by
	Sums               []entriesSum
	More, First        string // addresses of the next page of entries, and of the first; empty for none
	Export             string
	Tenant, Foundation string
	answer.Charges
}

// dividedByResource is the division of sums by app and resource.
const dividedByResource = "resource"

// entriesSum is a row of the sums.
type entriesSum struct {
	Label, Of, Link string
	answer.Total
}

// entriesPath is the address of the entries of a value.
func entriesPath(tenant, by, of, month string) string {
	if by == "app" || by == "resource" {
		return tenant + "/resource/" + url.PathEscape(of) + "?by=" + by + "&month=" + url.QueryEscape(month)
	}
	return tenant + "/entries?by=" + by + "&of=" + url.QueryEscape(of) + "&month=" + url.QueryEscape(month)
}

// resource shows the entries of an app or a resource in a month.
func (u *Pages) resource(v *visit) (*view, error) {
	by := "resource"
	if v.FormValue("by") == "app" {
		by = "app"
	}
	return u.entriesOf(v, by, v.PathValue("resource"))
}

// entries shows the entries of a plan, a space or a kind in a month.
func (u *Pages) entries(v *visit) (*view, error) {
	by := v.FormValue("by")
	if !slices.Contains([]string{"plan", "space", "kind"}, by) {
		return nil, errNoPage
	}
	return u.entriesOf(v, by, v.FormValue("of"))
}

// entriesOf shows the entries of a value in a month. Each is explained where it is opened.
func (u *Pages) entriesOf(v *visit, by, of string) (*view, error) {
	x := &entriesPage{
		By: by, Of: of, Month: v.FormValue("month"), Divided: dividedByResource, Tenant: v.PathValue("tenant"),
		Foundation: v.PathValue("foundation"),
	}
	if by == "app" || by == "resource" {
		x.Divided = "plan"
	}
	whose := []string{"foundation", x.Foundation, "tenant", x.Tenant, "month", x.Month, by, of}
	q := ask("/charges", append(slices.Clone(whose), "limit", strconv.Itoa(maxEntries), "cursor",
		v.FormValue("cursor"))...)
	if err := u.get(v.Context(), v.who, q, &x.Charges); err != nil {
		return nil, err
	}
	for i := range x.Charges.Charges {
		c := &x.Charges.Charges[i]
		if c.Name != "" && (by == "resource" || by == "app" && c.Kind != events.KindTask) {
			x.Name = c.Name
		}
	}
	path := tenantPath(x.Foundation, x.Tenant)
	if err := u.sums(v, x, path, whose); err != nil {
		return nil, err
	}
	here := entriesPath(path, by, of, x.Month)
	if x.Next != "" {
		x.More = here + "&cursor=" + url.QueryEscape(x.Next)
	}
	if v.FormValue("cursor") != "" {
		x.First = here
	}
	x.Export = ask("/export/charges", whose[:6]...).link()
	x.Crumbs = tenantCrumbs(x.Foundation, x.Tenant, u.tenantName(v, x.Foundation, x.Tenant), x.Month)
	live := ask("/live/charges", "foundation", x.Foundation, "tenant", x.Tenant)
	if by != "plan" {
		live.query.Set(by, of)
	}
	return &view{file: "entries", title: named(x.Name, x.Of), here: "tenants", json: q, live: live, data: x}, nil
}

// sums are those of the entries, on all their pages: by app and resource, or by plan and component.
func (u *Pages) sums(v *visit, x *entriesPage, path string, whose []string) error {
	var sums answer.Totals
	by := "plan,component"
	if x.Divided == dividedByResource {
		by = "app,resource,space"
	}
	if err := u.get(v.Context(), v.who, ask("/totals", append(slices.Clone(whose), "by", by)...), &sums); err != nil {
		return err
	}
	var names map[string]string
	if x.Divided == dividedByResource {
		names = u.resourceNames(v.Context(), v.who, x.Foundation, x.Tenant, x.Month)
	}
	switch x.By {
	case "space":
		x.Name = spaceNames(&sums)[x.Of]
	case "kind":
		x.Name = kindName(x.Of)
	}
	for i := range sums.Totals {
		t := &sums.Totals[i]
		sum := entriesSum{Total: *t, Label: t.Of["plan"] + ", " + t.Of["component"]}
		if x.Divided == dividedByResource {
			by := "app"
			if sum.Of = t.Of[by]; sum.Of == "" {
				by = "resource"
				sum.Of = t.Of[by]
			}
			sum.Label, sum.Link = labelOf(sum.Of, names), entriesPath(path, by, sum.Of, x.Month)
		}
		x.add(&sum)
	}
	slices.SortStableFunc(x.Sums, func(a, b entriesSum) int { return compareAmounts(b.Amount, a.Amount) })
	return nil
}

// add adds a sum; those of an app's processes, tasks and builds are one.
func (x *entriesPage) add(of *entriesSum) {
	at := slices.IndexFunc(x.Sums, func(s entriesSum) bool {
		return of.Of != "" && s.Of == of.Of && s.Currency == of.Currency
	})
	if at < 0 {
		x.Sums = append(x.Sums, *of)
		return
	}
	s := &x.Sums[at]
	s.Amount, s.VAT, s.Unit = sumOf(s.Amount, of.Amount), sumOf(s.VAT, of.VAT), ""
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
		named(c.Name, c.Resource), entriesPath(tenantPath(c.Foundation, c.Tenant), "resource", c.Resource, c.Month),
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
	Hour []answer.Total // of all, by currency
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
		row.Path = entriesPath(tenantPath(foundation, tenant), "resource", run.Resource, run.Since[:len("2006-01")])
		price, err := hours.price(v, run)
		if err != nil {
			return nil, err
		}
		row.Hour, row.Unrated = price.Totals, len(price.Unrated) > 0
		x.Rows = append(x.Rows, row)
		x.Hour = added(x.Hour, price.Totals)
	}
	x.Crumbs = tenantCrumbs(foundation, tenant, x.Name, "")
	return &view{
		file: "running", title: "Running", here: "tenants", json: q, data: x,
		live: ask("/live/charges", "foundation", foundation, "tenant", tenant),
	}, nil
}

// added adds sums, by currency.
func added(to, more []answer.Total) []answer.Total {
	for i := range more {
		at := slices.IndexFunc(to, func(t answer.Total) bool { return t.Currency == more[i].Currency })
		if at < 0 {
			to = append(to, answer.Total{Currency: more[i].Currency, Amount: more[i].Amount})
			continue
		}
		to[at].Amount = sumOf(to[at].Amount, more[i].Amount)
	}
	return to
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
	key := hourKey{run.Foundation, run.Tenant, run.Kind, run.Start, sizeOf(run.Footprint)}
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

// tenantNames are the names of the reader's tenants, by guid.
func (u *Pages) tenantNames(v *visit) map[string]string {
	names := map[string]string{}
	var t answer.Totals
	if v.who.nobody() || u.get(v.Context(), v.who, ask("/totals", "by", "tenant"), &t) != nil {
		return names
	}
	for i := range t.Totals {
		names[t.Totals[i].Of["tenant"]] = t.Totals[i].Tenant
	}
	return names
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
	if u.get(ctx, who, ask("/running", append(slices.Clone(whose), "bare", "true")...), &running) == nil {
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
