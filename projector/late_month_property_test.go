package projector_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/internal/noise"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// overMonths spreads a history over months.
func overMonths(t *rapid.T, history []any) (items []any) {
	past := time.Duration(0)
	known := heard{}
	for _, item := range history {
		if rapid.IntRange(0, 3).Draw(t, "a month passes") == 0 {
			past += 25 * 24 * time.Hour
		}
		switch x := item.(type) {
		case *events.Usage:
			u := *x
			u.Time = u.Time.Add(past)
			if known.fact(&u) {
				items = append(items, &u)
			}
		case *events.Gap:
			g := *x
			g.From, g.To = g.From.Add(past), g.To.Add(past)
			items = append(items, &g)
		}
	}
	return items
}

// findable reports whether a fact may be found late: facts on either side of a gap must be told
// apart by their times.
func findable(items []any, i int) bool {
	u, fact := items[i].(*events.Usage)
	if _, first := items[0].(*events.Usage); !fact || i == 0 || !first {
		return false
	}
	for j, item := range items {
		if g, ok := item.(*events.Gap); ok && u.Time.Before(g.To) != (i < j) {
			return false
		}
	}
	return true
}

// TestLateOrder: whenever late facts are found, in whatever order, and whichever months are closed
// and folded by then, the spans and holds are those of a bill with full knowledge, wherever the
// projector restarts. A fact that cannot be derived is held.
func TestLateOrder(t *testing.T) {
	runs, held, reread := 0, 0, 0
	check(t, 60, func(t *rapid.T) {
		items := overMonths(t, drawHistory(t))
		if len(items) == 0 {
			return
		}
		settings := projector.Config{Cut: rapid.SampledFrom([]timeline.Cut{timeline.CutDay, timeline.CutMonth}).Draw(t,
			"cut")}
		open, closed := newAccount(settings), newAccount(settings)
		neverClose(open.meter)
		grace(closed.meter, time.Hour)
		closed.remembering()
		accounts := []*account{open, closed}
		sequences := make([][2]uint64, len(items))
		tell := func(i int, after [2]uint64) {
			for n, a := range accounts {
				sequences[i][n] = a.tell(items[i], after[n])
			}
		}
		var waiting []int
		find := func() {
			at := rapid.IntRange(0, len(waiting)-1).Draw(t, "found")
			i := waiting[at]
			waiting = slices.Delete(waiting, at, at+1)
			after := i - 1
			for ; after >= 0; after-- {
				if _, fact := items[after].(*events.Usage); fact && sequences[after][0] != 0 {
					break
				}
			}
			tell(i, sequences[after])
		}
		end := began
		for i, item := range items {
			if u, fact := item.(*events.Usage); fact {
				end = later(end, u.Time)
			} else if g, ok := item.(*events.Gap); ok {
				end = later(end, g.To)
			}
			if findable(items, i) && rapid.IntRange(0, 2).Draw(t, "late") == 0 {
				waiting = append(waiting, i)
			} else {
				tell(i, [2]uint64{})
			}
			switch rapid.IntRange(0, 4).Draw(t, "then") {
			case 0, 1:
				for _, a := range accounts {
					a.tell(end.Add(-2*time.Hour), 0)
				}
			case 2:
				closed.restart(t, settings)
			case 3:
				if len(waiting) > 0 {
					find()
				}
			}
		}
		end = end.Add(70 * 24 * time.Hour)
		for _, a := range accounts {
			a.tell(end, 0)
		}
		for len(waiting) > 0 {
			find()
		}
		for _, a := range accounts {
			a.tell(end.Add(48*time.Hour), 0)
		}
		runs++
		if slices.Contains(closed.codes(), events.AnomalyClosedPeriod) {
			held++
			return
		}
		if len(closed.again) > 0 {
			reread++
		}
		want, got := open.lines(), closed.lines()
		if !slices.Equal(got, want) || closed.wrong != nil || open.wrong != nil {
			t.Fatalf("found\n%q\nwith full knowledge\n%q\nwrong: %q %q", got, want, closed.wrong, open.wrong)
		}
	})
	t.Logf("%d runs, %d with a fact that was held, %d with facts read again and none held", runs, held, reread)
}

// TestLateOrderOfDatabases: the same of databases that were forgotten, with messages in any order.
func TestLateOrderOfDatabases(t *testing.T) {
	runs, held, reread := 0, 0, 0
	check(t, 100, func(t *rapid.T) {
		messages := rapid.Permutation(noise.Databases(t)).Draw(t, "order")
		settings := projector.Config{Cut: timeline.CutDay, AbsenceWindows: -1}
		open, closed := newAccount(settings), newAccount(settings)
		neverClose(open.meter)
		closed.remembering()
		reach := func(at time.Time) {
			for _, a := range []*account{open, closed} {
				a.sequence++
				collected(a.meter, &events.Horizon{
					ID: fmt.Sprint("h", a.sequence), Source: events.SourceTrove, Foundation: "eu", Time: at,
				}, a.sequence, a.take)
				a.horizon[events.SourceTrove] = at
			}
		}
		until := rapid.IntRange(0, len(messages)).Draw(t, "before the months close")
		for i, m := range messages {
			if i == until {
				reach(clock("05-10 00:00"))
			}
			if u, fact := m.(*events.Usage); fact {
				open.tell(u, 0)
				closed.tell(u, 0)
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				closed.restart(t, settings)
			}
		}
		reach(clock("05-12 00:00"))
		runs++
		if slices.Contains(closed.codes(), events.AnomalyClosedPeriod) {
			held++
			return
		}
		if len(closed.again) > 0 {
			reread++
		}
		// The reports of one that is not forgotten are thinned, and a late one may differ.
		others := func(line string) bool { return !closed.again[strings.Fields(line)[0]] }
		want, got := slices.DeleteFunc(open.lines(), others), slices.DeleteFunc(closed.lines(), others)
		if !slices.Equal(got, want) || closed.wrong != nil {
			t.Fatalf("found\n%q\nwith full knowledge\n%q\nwrong: %q", got, want, closed.wrong)
		}
	})
	t.Logf("%d runs, %d with a fact that was held, %d with facts read again and none held", runs, held, reread)
}
