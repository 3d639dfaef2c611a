package billing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/projector/months"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// closesWith says which of the months in an effect close with a first catalogue, and keep its
// prices: no month closes by itself before.
func closesWith(e *shell.Env, b acts.Reader, seen *effect.Effect) error {
	if seen.Former != "" {
		return nil
	}
	due, err := dueMonths(e.Ctx, b, seen.Rows)
	if err == nil && len(due) > 0 {
		print.Text(e.Stdout, fmt.Sprintf("Closes with it: %s, and keeps these prices. daybook month mode manual, "+
			"given before, keeps every month open.", strings.Join(due, ", ")))
	}
	return err
}

// dueMonths are those months of the rows that close by themselves in a foundation as soon as a
// catalogue is in force.
func dueMonths(ctx context.Context, b acts.Reader, rows []effect.Row) ([]string, error) {
	all, err := acts.ReadMonths(ctx, b, "")
	if err != nil {
		return nil, err
	}
	policies := make([]months.Policy, len(all))
	for i := range policies {
		policies[i].Grace = months.DefaultGrace
	}
	for _, kind := range []string{events.ActMode, events.ActGrace} {
		if err := acts.List(ctx, b, kind, "", func(a *acts.Act) error {
			for i := range all {
				if a.Source == "" || a.Source == all[i].Source && a.Foundation == all[i].Foundation {
					_ = policies[i].Decide(&a.Act) // one that is refused changes nothing
				}
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	due := map[string]bool{}
	for i := range all {
		if m := &all[i]; len(m.Reopened) == 0 { // such a month closes by hand, and those behind it after it
			closeDue(m, months.New(policies[i]), rows, due)
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
