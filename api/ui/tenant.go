package ui

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// tenantPath is the address of a tenant's page.
func tenantPath(foundation, tenant string) string {
	return Root + "tenant/" + url.PathEscape(foundation) + "/" + url.PathEscape(tenant)
}

// overview is a tenant's month.
type overview struct {
	Foundation, Tenant, Name string
	Path                     string
	Month, Before, After     string // months; Before and After are empty at the ends
	By                       string // what the chart and the table are divided by
	Choices                  []string
	Money                    []monthMoney // by currency
	Chart                    *chart
	Lines                    []overviewLine
	Bill                     *answer.Bill
	Forecast                 *answer.Forecast // nil for a month that is over
	Running                  int
}

// monthMoney is the money of a month in one currency.
type monthMoney struct {
	Currency, ToDate, VAT, Before, Forecast string
}

// overviewLine is a row of the table of a month.
type overviewLine struct {
	Of, Label, Link             string
	Currency, Amount, VAT, Last string
}

// bys are what a tenant's month may be divided by.
func bys() []string { return []string{"plan", "app", "space", "kind", "resource"} }

// tenant shows a tenant's month.
func (u *Pages) tenant(v *visit) (*view, error) {
	x := &overview{
		Foundation: v.PathValue("foundation"), Tenant: v.PathValue("tenant"), By: v.FormValue("by"), Choices: bys(),
	}
	x.Path = tenantPath(x.Foundation, x.Tenant)
	if !slices.Contains(bys(), x.By) {
		x.By = bys()[0]
	}
	ctx, whose := v.Context(), []string{"foundation", x.Foundation, "tenant", x.Tenant}
	of := func(path string, more ...string) question { return ask(path, append(slices.Clone(whose), more...)...) }
	var months answer.Totals
	if err := u.get(ctx, v.who, of("/totals", "by", "month"), &months); err != nil {
		return nil, err
	}
	x.months(v.FormValue("month"), &months)
	x.Bill = new(answer.Bill)
	if err := u.get(ctx, v.who, of("/bill", "month", x.Month), x.Bill); err != nil {
		return nil, err
	}
	x.Name = x.Bill.TenantNames[x.Tenant]
	if !slices.Contains(x.Bill.Final, x.Month) {
		x.Forecast = new(answer.Forecast)
		if err := u.get(ctx, v.who, of("/forecast", "month", x.Month), x.Forecast); err != nil {
			return nil, err
		}
		x.Running = x.Forecast.Running
	}
	var now, last, days answer.Totals
	for _, a := range []struct {
		q    question
		into *answer.Totals
	}{
		{of("/totals", "month", x.Month, "by", x.By), &now},
		{of("/totals", "month", events.MonthAfter(x.Month, -1), "by", x.By), &last},
		{of("/totals", "month", x.Month, "by", "day,"+x.By), &days},
	} {
		if err := u.get(ctx, v.who, a.q, a.into); err != nil {
			return nil, err
		}
	}
	x.money(&months)
	var names map[string]string
	if x.By == "app" || x.By == "resource" {
		names = u.resourceNames(ctx, v.who, x.Foundation, x.Tenant, x.Month)
	}
	x.lines(&now, &last, names)
	x.Chart = newChart(x.Month, x.By, &days, names)
	return &view{
		file: "tenant", title: named(x.Name, x.Tenant), here: "tenants", json: of("/bill", "month", x.Month), data: x,
	}, nil
}

// months takes the chosen month, or the last one.
func (x *overview) months(chosen string, all *answer.Totals) {
	known := monthsOf(all)
	if x.Month = chosen; x.Month == "" && len(known) > 0 {
		x.Month = known[len(known)-1]
	}
	at, found := slices.BinarySearch(known, x.Month)
	if at > 0 {
		x.Before = known[at-1]
	}
	if found {
		at++
	}
	if at < len(known) {
		x.After = known[at]
	}
}

// money are the sums of the month by currency, with those of the month before.
func (x *overview) money(all *answer.Totals) {
	of := map[string]*monthMoney{}
	entry := func(currency string) *monthMoney {
		if of[currency] == nil {
			of[currency] = &monthMoney{Currency: currency, ToDate: "0", VAT: "0", Before: "0"}
		}
		return of[currency]
	}
	before := ""
	if x.Month != "" {
		before = events.MonthAfter(x.Month, -1)
	}
	for i := range all.Totals {
		switch t := &all.Totals[i]; t.Of["month"] {
		case x.Month:
			e := entry(t.Currency)
			e.ToDate, e.VAT = t.Amount, t.VAT
		case before:
			entry(t.Currency).Before = t.Amount
		}
	}
	if x.Forecast != nil {
		for i := range x.Forecast.Sums {
			entry(x.Forecast.Sums[i].Currency).Forecast = x.Forecast.Sums[i].Amount
		}
	}
	for _, e := range of {
		x.Money = append(x.Money, *e)
	}
	slices.SortFunc(x.Money, func(a, b monthMoney) int { return cmp.Compare(a.Currency, b.Currency) })
}

// lines are the rows of the month, the largest first.
func (x *overview) lines(now, last *answer.Totals, names map[string]string) {
	key := func(t *answer.Total) string { return t.Of[x.By] + "\x00" + t.Currency }
	before := map[string]string{}
	for i := range last.Totals {
		before[key(&last.Totals[i])] = last.Totals[i].Amount
	}
	for i := range now.Totals {
		t := &now.Totals[i]
		line := overviewLine{
			Of: t.Of[x.By], Label: t.Of[x.By], Currency: t.Currency, Amount: t.Amount, VAT: t.VAT,
			Last: before[key(t)],
		}
		if x.By == "app" || x.By == "resource" || x.By == "space" {
			line.Label = named(names[line.Of], line.Of)
		}
		switch {
		case line.Of == "":
			line.Label = "everything else"
		case x.By == "app" || x.By == "resource":
			line.Link = x.Path + "/resource/" + url.PathEscape(line.Of) + "?by=" + x.By + "&month=" + x.Month
		}
		x.Lines = append(x.Lines, line)
	}
	slices.SortStableFunc(x.Lines, func(a, b overviewLine) int { return compareAmounts(b.Amount, a.Amount) })
}

func compareAmounts(a, b string) int {
	x, errX := events.ParseDecimal(a)
	y, errY := events.ParseDecimal(b)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return x.Cmp(y)
}
