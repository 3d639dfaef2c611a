package ledger

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
)

// Month is a month of a foundation.
type Month struct {
	Source, Foundation, Month string
	State                     string    // open, closed, open again
	At                        time.Time // of the closing, or of the reopening; zero for none of its own
	By, Note                  string
	Sums                      []MonthSum // by currency
}

// ListMonths reads the months of one foundation or, where it is empty, of all from METERED, and
// their money, the newest first. Each sum stands in one. Error: ErrUnreadable.
func ListMonths(ctx context.Context, b acts.Reader, money MonthMoney, foundation string) ([]Month, error) {
	all, err := acts.ReadMonths(ctx, b, foundation)
	if err != nil {
		return nil, err
	}
	sums, err := money.MonthSums(ctx, foundation, words(all))
	return rows(all, sums), err
}

// words are the last words about months.
func words(all []acts.Months) (last []MonthWord) {
	for i := range all {
		for _, said := range [][]events.Closing{all[i].Closed, all[i].Reopened} {
			for j := range said {
				c := &said[j]
				last = append(last, MonthWord{c.Source, c.Foundation, c.Month, c.Cause.Sequence})
			}
		}
	}
	return last
}

// rows are the months of foundations, the newest first. Each sum stands in one.
func rows(all []acts.Months, sums []MonthSum) (out []Month) {
	for i := range sums { // charges may come before the first horizon
		s := &sums[i]
		if !slices.ContainsFunc(all, func(m acts.Months) bool {
			return m.Source == s.Source && m.Foundation == s.Foundation
		}) {
			all = append(all, acts.Months{Source: s.Source, Foundation: s.Foundation})
		}
	}
	for i := range all {
		m := &all[i]
		own := map[string][]MonthSum{}
		for j := range sums {
			if s := &sums[j]; s.Source == m.Source && s.Foundation == m.Foundation {
				own[s.Month] = append(own[s.Month], *s)
			}
		}
		for _, month := range slices.Backward(listed(m, own)) {
			row := row(m, month)
			row.Sums = own[month]
			out = append(out, row)
		}
	}
	return out
}

// row is a month of a foundation, without sums. The months before the last closed one are closed,
// too.
func row(m *acts.Months, month string) Month {
	out := Month{Source: m.Source, Foundation: m.Foundation, Month: month, State: "open"}
	for i := range m.Closed {
		c := &m.Closed[i]
		if c.Month >= month {
			out.State = "closed"
		}
		if c.Month == month {
			out.At, out.By, out.Note = c.Time, c.By, c.Note
		}
	}
	if len(m.Reopened) > 0 && m.Reopened[0].Month == month {
		c := &m.Reopened[0]
		out.State, out.At, out.By, out.Note = "open again", c.Time, c.By, c.Note
	}
	return out
}

// listed are the months of a foundation, in order: those with a sum, the closed ones, and all open
// ones from the earliest with anything in it to the horizon.
func listed(m *acts.Months, sums map[string][]MonthSum) []string {
	months := map[string]bool{}
	for month := range sums {
		months[month] = true
	}
	for _, all := range [][]events.Closing{m.Closed, m.Reopened} {
		for i := range all {
			months[all[i].Month] = true
		}
	}
	if m.Horizon.IsZero() {
		return slices.Sorted(maps.Keys(months))
	}
	first, last := m.First.Format(events.MonthForm), m.Horizon.Format(events.MonthForm)
	for month := range months {
		first = min(first, month)
	}
	for i := range m.Closed {
		first = max(first, m.Closed[i].Month)
	}
	at, err := time.Parse(events.MonthForm, first)
	for ; err == nil && at.Format(events.MonthForm) <= last; at = at.AddDate(0, 1, 0) {
		months[at.Format(events.MonthForm)] = true
	}
	return slices.Sorted(maps.Keys(months))
}
