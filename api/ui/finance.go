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
	var months, all answer.Totals
	if err := u.get(ctx, v.who, ask("/totals", "by", "month"), &months); err != nil {
		return nil, err
	}
	for i := range months.Totals {
		if m := months.Totals[i].Of["month"]; !slices.Contains(x.Months, m) {
			x.Months = append(x.Months, m)
		}
	}
	slices.Sort(x.Months)
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

// found reports whether one of the texts has the searched one in it.
func found(search string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(strings.ToLower(text), strings.ToLower(search))
	})
}
