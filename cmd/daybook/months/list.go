package months

import (
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/ledger"
)

// List is daybook month list.
type List struct {
	shell.NATS
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists months.
func (c *List) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "month", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	all, err := acts.ReadMonths(e.Ctx, b, c.Foundation)
	if err != nil {
		return err
	}
	sums, err := ledger.MonthSums(e.Ctx, b, c.Foundation)
	if err != nil {
		return err
	}
	list := rows(all)
	for i := range list {
		m := &list[i]
		for j := range sums {
			if s := &sums[j]; s.Source == m.Source && s.Foundation == m.Foundation && s.Month == m.Month {
				m.Sums = append(m.Sums, *s)
			}
		}
	}
	return print.Months(e.Stdout, list, c.Format == "json")
}

// rows are the months of foundations, the newest first.
func rows(all []acts.Months) (out []print.Month) {
	for i := range all {
		m := &all[i]
		var own []print.Month
		for j := range m.Closed {
			c := &m.Closed[j]
			own = append(own, print.Month{
				Source: m.Source, Foundation: m.Foundation, Month: c.Month, State: "closed", At: c.Time, By: c.By,
				Note: c.Note,
			})
		}
		for _, month := range open(m) {
			row := print.Month{Source: m.Source, Foundation: m.Foundation, Month: month, State: "open"}
			if len(m.Reopened) > 0 && m.Reopened[0].Month == month {
				c := &m.Reopened[0]
				row.State, row.At, row.By, row.Note = "open again", c.Time, c.By, c.Note
			}
			own = append(own, row)
		}
		for j := range own {
			out = append(out, own[len(own)-1-j])
		}
	}
	return out
}

// open are the open months up to the horizon, in order.
func open(m *acts.Months) (months []string) {
	if m.Horizon.IsZero() {
		return nil
	}
	last := time.Date(m.Horizon.Year(), m.Horizon.Month(), 1, 0, 0, 0, 0, time.UTC)
	first := last
	if n := len(m.Closed); n > 0 {
		if at, err := time.Parse("2006-01", m.Closed[n-1].Month); err == nil {
			first = at.AddDate(0, 1, 0)
		}
	} else if len(m.Reopened) > 0 {
		if at, err := time.Parse("2006-01", m.Reopened[0].Month); err == nil {
			first = at
		}
	}
	for ; !first.After(last); first = first.AddDate(0, 1, 0) {
		months = append(months, first.Format("2006-01"))
	}
	return months
}
