package ui

import (
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
)

// home is the first page: all tenants, or the reader's only one.
func (u *Pages) home(v *visit) (*view, error) {
	if owners := v.who.Asker.Usage.Owners; !v.who.All() && len(owners) == 1 && owners[0].Tenant != "" {
		return &view{to: tenantPath(owners[0].Foundation, owners[0].Tenant)}, nil
	}
	return &view{to: Root + "tenants"}, nil
}

// tenantsPage is the month of all of the reader's tenants.
type tenantsPage struct {
	Month  string
	Months []string // the newest first
	Search string
	Sort   string // "amount" or "name"
	Lines  []tenantLine
	Sums   []answer.Total
}

// tenantLine is a tenant's month in one currency.
type tenantLine struct {
	Foundation, Tenant, Name, Path string
	Currency, Amount, VAT          string
}

// tenants shows the months of tenants.
func (u *Pages) tenants(v *visit) (*view, error) {
	x := &tenantsPage{Month: v.FormValue("month"), Search: v.FormValue("search"), Sort: v.FormValue("sort")}
	ctx := v.Context()
	if v.who.nobody() {
		return &view{file: "tenants", title: "Tenants", here: "tenants", data: x}, nil
	}
	var months, all answer.Totals
	if err := u.get(ctx, v.who, ask("/totals", "by", "month"), &months); err != nil {
		return nil, err
	}
	x.Months = monthsOf(&months)
	slices.Reverse(x.Months)
	if x.Month == "" && len(x.Months) > 0 {
		x.Month = x.Months[0]
	}
	q := ask("/totals", "month", x.Month, "by", "foundation,tenant")
	if err := u.get(ctx, v.who, q, &all); err != nil {
		return nil, err
	}
	for i := range months.Totals {
		if months.Totals[i].Of["month"] == x.Month {
			x.Sums = append(x.Sums, months.Totals[i])
		}
	}
	for i := range all.Totals {
		t := &all.Totals[i]
		line := tenantLine{
			Foundation: t.Of["foundation"], Tenant: t.Of["tenant"], Name: t.Tenant, Currency: t.Currency,
			Amount: t.Amount, VAT: t.VAT,
		}
		line.Path = tenantPath(line.Foundation, line.Tenant)
		if found(x.Search, line.Name, line.Tenant, line.Foundation) {
			x.Lines = append(x.Lines, line)
		}
	}
	slices.SortStableFunc(x.Lines, func(a, b tenantLine) int {
		if x.Sort == "name" {
			return strings.Compare(strings.ToLower(named(a.Name, a.Tenant)), strings.ToLower(named(b.Name, b.Tenant)))
		}
		return compareAmounts(b.Amount, a.Amount)
	})
	return &view{file: "tenants", title: "Tenants", here: "tenants", json: q, data: x}, nil
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

// yearPage is the months of a year, for all of the reader's tenants.
type yearPage struct {
	Months []string // the newest first, at most twelve
	Rows   []yearRow
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
	x := &yearPage{Months: monthsOf(&all)}
	slices.Reverse(x.Months)
	x.Months = x.Months[:min(len(x.Months), 12)]
	rows := map[[3]string]int{}
	for i := range all.Totals {
		t := &all.Totals[i]
		key := [3]string{t.Of["foundation"], t.Of["tenant"], t.Currency}
		at, known := rows[key]
		if !known {
			at = len(x.Rows)
			rows[key] = at
			x.Rows = append(x.Rows, yearRow{tenantLine{
				Foundation: key[0], Tenant: key[1], Name: t.Tenant, Path: tenantPath(key[0], key[1]),
				Currency: t.Currency,
			}, make([]string, len(x.Months))})
		}
		if m := slices.Index(x.Months, t.Of["month"]); m >= 0 {
			x.Rows[at].Amounts[m] = t.Amount
		}
	}
	slices.SortStableFunc(x.Rows, func(a, b yearRow) int {
		return strings.Compare(strings.ToLower(named(a.Name, a.Tenant)), strings.ToLower(named(b.Name, b.Tenant)))
	})
	return &view{file: "year", title: "Twelve months", here: "year", json: q, data: x}, nil
}
