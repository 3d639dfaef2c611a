package ui

import (
	"slices"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
)

// maxSeries is how many values a chart shows, the largest; the others are one.
const maxSeries = 6

// rest is the name of the others in a chart.
const rest = "all others"

// chart is the money of a month by day, stacked. Its numbers are for drawing alone.
type chart struct {
	Currency string     `json:"currency"`
	Days     []string   `json:"days"`   // YYYY-MM-DD
	Series   []series   `json:"series"` // the largest first
	Rows     [][]string `json:"-"`      // the same as a table: for each day its amounts
}

// series is one value of what a chart is divided by: its amount on each day.
type series struct {
	Name    string   `json:"name"`
	Amounts []string `json:"amounts"` // in the currency's minor unit, or empty for none
}

// newChart makes the chart of the currency with most entries; nil without any. labels are names by
// guid.
func newChart(month, by string, t *answer.Totals, labels map[string]string) *chart {
	entries := map[string]int{}
	for i := range t.Totals {
		entries[t.Totals[i].Currency] += t.Totals[i].Charges
	}
	c := &chart{}
	for currency, n := range entries {
		if n > entries[c.Currency] || n == entries[c.Currency] && currency < c.Currency {
			c.Currency = currency
		}
	}
	if c.Currency == "" {
		return nil
	}
	days, sums := map[string]map[string]events.Decimal{}, map[string]events.Decimal{}
	for i := range t.Totals {
		s := &t.Totals[i]
		if value, err := events.ParseDecimal(s.Amount); err == nil && s.Currency == c.Currency {
			day, name := s.Of["day"], s.Of[by]
			if days[day] == nil {
				days[day] = map[string]events.Decimal{}
			}
			days[day][name] = days[day][name].Add(value)
			sums[name] = sums[name].Add(value)
		}
	}
	names := c.largest(sums)
	from, end := events.MonthTime(month)
	for at := from; at.Before(end); at = at.AddDate(0, 0, 1) {
		c.Days = append(c.Days, at.Format("2006-01-02"))
	}
	for _, name := range names {
		c.Series = append(c.Series, series{Name: labelOf(name, labels), Amounts: make([]string, len(c.Days))})
	}
	for i, day := range c.Days {
		c.day(i, days[day], names)
	}
	return c
}

// labelOf is the label of a value, by names of guids.
func labelOf(value string, names map[string]string) string {
	if value == "" && names[value] == "" {
		return "everything else"
	}
	return named(names[value], value)
}

// largest are the names of the series.
func (c *chart) largest(sums map[string]events.Decimal) []string {
	var names []string
	for name := range sums {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if order := sums[b].Cmp(sums[a]); order != 0 {
			return order
		}
		return slices.Compare([]string{a}, []string{b})
	})
	if len(names) > maxSeries {
		names = append(names[:maxSeries-1:maxSeries-1], rest)
	}
	return names
}

// day enters the amounts of a day.
func (c *chart) day(i int, of map[string]events.Decimal, names []string) {
	amounts := make([]events.Decimal, len(names))
	for name, value := range of {
		at := slices.Index(names, name)
		if at < 0 {
			at = len(names) - 1
		}
		amounts[at] = amounts[at].Add(value)
	}
	row := []string{c.Days[i]}
	for at := range names {
		if amounts[at].Sign() != 0 {
			c.Series[at].Amounts[i] = money.InMinorUnit(amounts[at], c.Currency)
		}
		row = append(row, amount(amounts[at].String(), c.Currency))
	}
	c.Rows = append(c.Rows, row)
}
