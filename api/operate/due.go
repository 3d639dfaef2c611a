package operate

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/projector/months"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// DueMonths are those months of the rows of a first catalogue's effect that close by themselves in
// a foundation as soon as it is in force, and keep its prices: no month closes by itself before.
func DueMonths(ctx context.Context, b acts.Reader, rows []effect.Row) ([]string, error) {
	all, err := acts.ReadMonths(ctx, b, "")
	if err != nil {
		return nil, err
	}
	of, err := policies(ctx, b, all)
	if err != nil {
		return nil, err
	}
	due := map[string]bool{}
	for i := range all {
		if m := &all[i]; len(m.Reopened) == 0 { // such a month closes by hand, and those behind it after it
			closeDue(m, months.New(of[i].policy), rows, due)
		}
	}
	return slices.Sorted(maps.Keys(due)), nil
}

// closeDue adds the months of the rows that are due in a foundation.
func closeDue(m *acts.Months, state months.Months, rows []effect.Row, due map[string]bool) {
	open := map[string]bool{}
	for i := range rows {
		month := rows[i].Month
		at, err := time.Parse(events.MonthForm, month)
		if err != nil || slices.ContainsFunc(m.Closed, func(c events.Closing) bool { return c.Month >= month }) {
			continue
		}
		open[month] = true
		state.Seen(at)
	}
	if m.Horizon.IsZero() {
		return
	}
	for {
		month, is := state.Due(timeline.MomentOf(m.Horizon), true)
		if !is {
			return
		}
		if open[month] {
			due[month] = true
		}
	}
}
