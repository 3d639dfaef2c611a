package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

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
	Path                     string       // of the page
	Month, Before, After     string       // months; Before and After are empty at the ends
	Last                     string       // the month before by the calendar
	By                       string       // what the chart and the table are divided by
	Choices                  []string     // of By
	Money                    []monthMoney // by currency
	Day                      string       // the last full day, YYYY-MM-DD; empty for none
	Chart                    *chart
	Lines                    []overviewLine // at most maxRows
	Hidden                   int            // further lines
	Corrections              []correction
	Omitted                  int // further corrections
	Bill                     *answer.Bill
	Forecast                 *answer.Forecast // nil for a month that is over
	Running                  int
}

// monthMoney is the money of a month in one currency.
type monthMoney struct {
	Currency, ToDate, VAT, Before, Forecast string
	Day                                     string // of the last full day
	Elsewhere                               string // of entries about other months; empty for none
}

// overviewLine is a row of the table of a month.
type overviewLine struct {
	Of, Label, Link             string
	Currency, Amount, VAT, Last string
}

// Limits of a month's page.
const (
	maxRows = 500 // of the table
	// With more values, or with more entries where they are added up one by one, the chart is of
	// their sum alone.
	maxStacked = 200
	maxCharted = 30_000
)

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
		{of("/totals", "month", x.Last, "by", x.By), &last},
	} {
		if err := u.get(ctx, v.who, a.q, a.into); err != nil {
			return nil, err
		}
	}
	divided, stacked := "day,"+x.By, x.stacked(&now)
	if !stacked {
		divided = "day"
	}
	if err := u.get(ctx, v.who, of("/totals", "month", x.Month, "by", divided), &days); err != nil {
		return nil, err
	}
	x.money(&months)
	x.days(&days)
	names := u.labels(v, x, &now, &last)
	x.lines(&now, &last, names)
	x.Hidden = max(len(x.Lines)-maxRows, 0)
	x.Lines = x.Lines[:len(x.Lines)-x.Hidden]
	if !stacked {
		names = map[string]string{"": counted(len(now.Totals), x.By)}
	}
	x.Chart = newChart(x.Month, x.By, &days, names)
	if err := u.corrections(v, x); err != nil {
		return nil, err
	}
	return &view{
		file: "tenant", title: named(x.Name, x.Tenant), here: "tenants", json: of("/bill", "month", x.Month), data: x,
		live: of("/live/charges"),
	}, nil
}

// stacked reports whether the chart shows the values one by one. A ledger has sums by day for plans
// and kinds; those of apps, spaces and resources are added up from entries.
func (x *overview) stacked(now *answer.Totals) bool {
	entries := 0
	for i := range now.Totals {
		entries += now.Totals[i].Charges
	}
	return len(now.Totals) <= maxStacked && (entries <= maxCharted || x.By == "plan" || x.By == "kind")
}

// API is the address of a question about the tenant's month.
func (x *overview) API(path string, more ...string) string {
	whose := []string{"foundation", x.Foundation, "tenant", x.Tenant, "month", x.Month}
	return ask(path, append(whose, more...)...).link()
}

// DayAPI is the address of the question about the last full day.
func (x *overview) DayAPI() string {
	at, err := time.Parse(time.DateOnly, x.Day)
	if err != nil {
		return x.API("/totals")
	}
	return x.API("/totals", "from", x.Day, "to", at.AddDate(0, 0, 1).Format(time.DateOnly), "by", "plan,component")
}

// labels are the names of the values of what the month is divided by.
func (u *Pages) labels(v *visit, x *overview, all ...*answer.Totals) map[string]string {
	switch x.By {
	case "app", "resource":
		return u.resourceNames(v.Context(), v.who, x.Foundation, x.Tenant, x.Month)
	case "space":
		return spaceNames(all...)
	case "kind":
		names := map[string]string{}
		for _, totals := range all {
			for i := range totals.Totals {
				names[totals.Totals[i].Of["kind"]] = kindName(totals.Totals[i].Of["kind"])
			}
		}
		return names
	}
	return nil
}

// spaceNames are the names of spaces by guid.
func spaceNames(all ...*answer.Totals) map[string]string {
	names := map[string]string{}
	for _, totals := range all {
		for i := range totals.Totals {
			names[totals.Totals[i].Of["space"]] = totals.Totals[i].Space
		}
	}
	return names
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
	if x.Month != "" {
		x.Last = events.MonthAfter(x.Month, -1)
	}
}

// money are the sums of the month by currency, with those of the month before.
func (x *overview) money(all *answer.Totals) {
	of := map[string]*monthMoney{}
	entry := func(currency string) *monthMoney {
		if of[currency] == nil {
			of[currency] = &monthMoney{Currency: currency, ToDate: "0", VAT: "0"}
		}
		return of[currency]
	}
	for i := range all.Totals {
		switch t := &all.Totals[i]; t.Of["month"] {
		case x.Month:
			e := entry(t.Currency)
			e.ToDate, e.VAT = t.Amount, t.VAT
		case x.Last:
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

// days finds the last full day of the month with its sums, and the sums of other months' days.
func (x *overview) days(all *answer.Totals) {
	from, end := events.MonthTime(x.Month)
	for i := range x.Bill.Foundations {
		through, err := time.Parse(time.RFC3339Nano, x.Bill.Foundations[i].ChargedThrough)
		if err != nil {
			continue
		}
		if through.After(end) {
			through = end
		}
		if day := through.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1); !day.Before(from) {
			x.Day = max(x.Day, day.Format(time.DateOnly))
		}
	}
	for i := range all.Totals {
		t := &all.Totals[i]
		for j := range x.Money {
			switch m := &x.Money[j]; {
			case m.Currency != t.Currency:
			case t.Of["day"] == x.Day:
				m.Day = sumOf(m.Day, t.Amount)
			case !strings.HasPrefix(t.Of["day"], x.Month):
				m.Elsewhere = sumOf(m.Elsewhere, t.Amount)
			}
		}
	}
}

// lines are the rows of the month and of the one before, the largest first.
func (x *overview) lines(now, last *answer.Totals, names map[string]string) {
	at := map[string]int{}
	line := func(t *answer.Total) *overviewLine {
		key := t.Of[x.By] + "\x00" + t.Currency
		if i, known := at[key]; known {
			return &x.Lines[i]
		}
		at[key] = len(x.Lines)
		l := overviewLine{Of: t.Of[x.By], Label: labelOf(t.Of[x.By], names), Currency: t.Currency}
		if l.Of != "" {
			l.Link = entriesPath(x.Path, x.By, l.Of, x.Month)
		}
		x.Lines = append(x.Lines, l)
		return &x.Lines[len(x.Lines)-1]
	}
	for i := range now.Totals {
		l := line(&now.Totals[i])
		l.Amount, l.VAT = now.Totals[i].Amount, now.Totals[i].VAT
	}
	for i := range last.Totals {
		line(&last.Totals[i]).Last = last.Totals[i].Amount
	}
	slices.SortStableFunc(x.Lines, func(a, b overviewLine) int {
		return cmp.Or(compareAmounts(cmp.Or(b.Amount, "0"), cmp.Or(a.Amount, "0")), compareAmounts(cmp.Or(b.Last, "0"),
			cmp.Or(a.Last, "0")))
	})
}

func compareAmounts(a, b string) int {
	x, errX := events.ParseDecimal(a)
	y, errY := events.ParseDecimal(b)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return x.Cmp(y)
}
