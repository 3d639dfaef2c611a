package ui

import (
	"net/url"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// home is the first page: all tenants, or the reader's only one.
func (u *Pages) home(v *visit) (*view, error) {
	if owners := v.who.Asker.Usage.Owners; !v.who.All() && len(owners) == 1 && owners[0].Tenant != "" {
		return &view{to: tenantPath(owners[0].Foundation, owners[0].Tenant)}, nil
	}
	return &view{to: Root + "tenants"}, nil
}

// maxTiles is how many months stand above a list of tenants.
const maxTiles = 4

// tenantsPage is the month of all of the reader's tenants.
type tenantsPage struct {
	Month  string
	Months []string // the newest first
	Search string
	Sort   string // of sorts
	Lines  []tenantLine
	Sums   []tenantLine // of the shown tenants, by currency
	Tiles  []monthTile  // the newest months first
}

// tenantLine is a tenant's month in one currency.
type tenantLine struct {
	Foundation, Tenant, Name, Path string
	Currency, Amount, VAT, Last    string
}

// monthTile is the sum of a month in one currency.
type monthTile struct {
	Month string
	answer.Total
}

// sorts are the orders of a list of tenants.
func sorts() []string { return []string{"amount", "name", "change"} }

// tenants shows the months of tenants.
func (u *Pages) tenants(v *visit) (*view, error) {
	x := &tenantsPage{Month: v.FormValue("month"), Search: v.FormValue("search"), Sort: v.FormValue("sort")}
	if !slices.Contains(sorts(), x.Sort) {
		x.Sort = sorts()[0]
	}
	ctx := v.Context()
	if v.who.nobody() {
		return &view{file: "tenants", title: "Tenants", here: "tenants", data: x}, nil
	}
	var months, all, last answer.Totals
	if err := u.get(ctx, v.who, ask("/totals", "by", "month"), &months); err != nil {
		return nil, err
	}
	x.Months = monthsOf(&months)
	slices.Reverse(x.Months)
	if x.Month == "" && len(x.Months) > 0 {
		x.Month = x.Months[0]
	}
	for _, month := range x.Months[:min(len(x.Months), maxTiles)] {
		for i := range months.Totals {
			if months.Totals[i].Of["month"] == month {
				x.Tiles = append(x.Tiles, monthTile{month, months.Totals[i]})
			}
		}
	}
	q := ask("/totals", "month", x.Month, "by", "foundation,tenant")
	if err := u.get(ctx, v.who, q, &all); err != nil {
		return nil, err
	}
	if from, _ := events.MonthTime(x.Month); !from.IsZero() {
		before := ask("/totals", "month", events.MonthAfter(x.Month, -1), "by", "foundation,tenant")
		if err := u.get(ctx, v.who, before, &last); err != nil {
			return nil, err
		}
	}
	x.lines(&all, &last)
	return &view{file: "tenants", title: "Tenants", here: "tenants", json: q, live: positions(), data: x}, nil
}

// lines are the searched tenants of a month, in their order.
func (x *tenantsPage) lines(all, last *answer.Totals) {
	key := func(t *answer.Total) string {
		return t.Of["foundation"] + "\x00" + t.Of["tenant"] + "\x00" + t.Currency
	}
	before := map[string]string{}
	for i := range last.Totals {
		before[key(&last.Totals[i])] = last.Totals[i].Amount
	}
	for i := range all.Totals {
		t := &all.Totals[i]
		line := lineOf(t)
		line.Amount, line.VAT, line.Last = t.Amount, t.VAT, before[key(t)]
		if found(x.Search, line.Name, line.Tenant, line.Foundation) {
			x.Lines = append(x.Lines, line)
			x.sum(&line)
		}
	}
	slices.SortStableFunc(x.Lines, func(a, b tenantLine) int {
		switch x.Sort {
		case "name":
			return byName(&a, &b)
		case "change":
			return compareAmounts(size(less(b.Amount, b.Last)), size(less(a.Amount, a.Last)))
		}
		return compareAmounts(b.Amount, a.Amount)
	})
}

// sum adds a line to the sums.
func (x *tenantsPage) sum(of *tenantLine) {
	at := slices.IndexFunc(x.Sums, func(s tenantLine) bool { return s.Currency == of.Currency })
	if at < 0 {
		at = len(x.Sums)
		x.Sums = append(x.Sums, tenantLine{Currency: of.Currency})
	}
	s := &x.Sums[at]
	s.Amount, s.VAT = sumOf(s.Amount, of.Amount), sumOf(s.VAT, of.VAT)
	if of.Last != "" {
		s.Last = sumOf(s.Last, of.Last)
	}
}

// lineOf is a sum by tenant, without its amounts.
func lineOf(t *answer.Total) tenantLine {
	return tenantLine{
		Foundation: t.Of["foundation"], Tenant: t.Of["tenant"], Name: t.Tenant, Currency: t.Currency,
		Path: tenantPath(t.Of["foundation"], t.Of["tenant"]),
	}
}

func byName(a, b *tenantLine) int {
	return strings.Compare(strings.ToLower(named(a.Name, a.Tenant)), strings.ToLower(named(b.Name, b.Tenant)))
}

// monthsOf are the months of sums that are divided by month, the oldest first.
func monthsOf(t *answer.Totals) (all []string) {
	for i := range t.Totals {
		all = append(all, t.Totals[i].Of["month"])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// found reports whether one of the texts has the searched one in it.
func found(search string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(strings.ToLower(text), strings.ToLower(search))
	})
}

// maxMonths is how many months a year has.
const maxMonths = 12

// yearPage is twelve months, for all of the reader's tenants.
type yearPage struct {
	Months []string // the newest first
	Before string   // address of the months before; empty for none
	Search string
	Rows   []yearRow
	Sums   []yearRow // by currency
}

// yearRow is a tenant's months in one currency.
type yearRow struct {
	tenantLine
	Amounts []string // by month; empty for none
}

// year shows the months of all tenants side by side.
func (u *Pages) year(v *visit) (*view, error) {
	q := ask("/totals", "by", "foundation,tenant,month")
	if v.who.nobody() {
		return &view{file: "year", title: "Twelve months", here: "year", data: &yearPage{}}, nil
	}
	var all answer.Totals
	if err := u.get(v.Context(), v.who, q, &all); err != nil {
		return nil, err
	}
	x := &yearPage{Search: v.FormValue("search")}
	x.months(v.FormValue("to"), monthsOf(&all))
	rows, sums := map[[3]string]int{}, map[string]int{}
	for i := range all.Totals {
		t := &all.Totals[i]
		m := slices.Index(x.Months, t.Of["month"])
		line := lineOf(t)
		if m < 0 || !found(x.Search, line.Name, line.Tenant, line.Foundation) {
			continue
		}
		key := [3]string{line.Foundation, line.Tenant, line.Currency}
		at, known := rows[key]
		if !known {
			at = len(x.Rows)
			rows[key] = at
			x.Rows = append(x.Rows, yearRow{line, make([]string, len(x.Months))})
		}
		x.Rows[at].Amounts[m] = t.Amount
		if at, known = sums[t.Currency]; !known {
			at = len(x.Sums)
			sums[t.Currency] = at
			x.Sums = append(x.Sums, yearRow{tenantLine{Currency: t.Currency}, make([]string, len(x.Months))})
		}
		x.Sums[at].Amounts[m] = sumOf(x.Sums[at].Amounts[m], t.Amount)
	}
	slices.SortStableFunc(x.Rows, func(a, b yearRow) int { return byName(&a.tenantLine, &b.tenantLine) })
	return &view{file: "year", title: "Twelve months", here: "year", json: q, live: positions(), data: x}, nil
}

// months are the twelve up to a month, or to the last known one.
func (x *yearPage) months(to string, known []string) {
	if len(known) == 0 {
		return
	}
	if from, _ := events.MonthTime(to); from.IsZero() || to > known[len(known)-1] {
		to = known[len(known)-1]
	}
	for i := range maxMonths {
		if month := events.MonthAfter(to, -i); month >= known[0] {
			x.Months = append(x.Months, month)
		}
	}
	last := x.Months[len(x.Months)-1]
	if at, _ := slices.BinarySearch(known, last); at > 0 {
		x.Before = Root + "year?" + url.Values{"to": {known[at-1]}, "search": {x.Search}}.Encode()
	}
}
