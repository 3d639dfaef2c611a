package trove

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file keeps the reports of databases by task manager. Trove never says that a deletion was
// lost: silence shows it. A task manager reports every database that it knows, again and again. A
// database is gone when it is missing while others are reported, and not when the task manager says
// nothing at all.

// maxAbsenceWindows bounds the setting, and so the memory of a group.
const maxAbsenceWindows = 1000

// Limits of the memory of groups. A group beyond maxGroups is left out, and its databases are never
// judged. An hour beyond maxPendingHours, counted from the horizon, is left out, too: the group is
// then judged late.
const (
	maxGroups       = 4096
	maxPendingHours = 4096
)

// windowHours are the widths of windows. A group's window is the narrowest that holds the audit
// period of its exists notifications: they come once a period.
func windowHours() [3]int64 { return [3]int64{1, 24, 7 * 24} }

// groups are the task managers of one foundation, by Usage.Publisher. Their state is the same in
// whatever order the notifications came: for each the newest windows before the horizon with a
// report.
type groups struct {
	windows int // how many windows decide
	horizon time.Time
	by      map[string]*group
	moved   bool // since the last reach
}

type group struct {
	width int // index of its window in windowHours
	// by width the newest windows with a report, ascending, at most groups.windows
	reported [3][]int64
	pending  []int64 // hours with a report, not before the horizon, ascending
}

// newGroups returns groups without reports. A database is gone when it is missing from `windows`
// windows.
func newGroups(windows int) *groups {
	return &groups{windows: min(windows, maxAbsenceWindows), by: map[string]*group{}}
}

// hour is the number of the hour of t.
func hour(t time.Time) int64 { return floorDiv(t.Unix(), 3600) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// observe takes note of an exists notification, of whatever database. Hearing it again changes
// nothing.
func (g *groups) observe(u *events.Usage) {
	if u.Event != events.EventTroveExists || u.Publisher == "" || g.windows <= 0 {
		return
	}
	of := g.by[u.Publisher]
	if of == nil {
		if len(g.by) >= maxGroups {
			return
		}
		of = &group{}
		g.by[u.Publisher] = of
	}
	for of.width+1 < len(of.reported) && int64(u.AuditSeconds.Or(0)) > 3600*windowHours()[of.width] {
		of.width++
		g.moved = true
	}
	at := hour(reported(u))
	if g.passed(at) {
		g.moved = of.count(at, g.windows) || g.moved
		return
	}
	where, found := slices.BinarySearch(of.pending, at)
	if !found && where < maxPendingHours {
		of.pending = slices.Insert(of.pending, where, at)
		of.pending = of.pending[:min(len(of.pending), maxPendingHours)]
	}
}

// reported is when a fact was reported.
func reported(u *events.Usage) time.Time {
	if u.Observed.IsZero() {
		return u.Time
	}
	return u.Observed
}

// passed reports whether the horizon is beyond an hour.
func (g *groups) passed(hour int64) bool {
	return !g.horizon.IsZero() && (hour+1)*3600 <= g.horizon.Unix()
}

// count adds an hour to the windows and reports whether any is new.
func (of *group) count(hour int64, keep int) bool {
	changed := false
	for i, width := range windowHours() {
		window := floorDiv(hour, width)
		at, found := slices.BinarySearch(of.reported[i], window)
		switch {
		case found:
			continue
		case len(of.reported[i]) < keep:
			of.reported[i] = slices.Insert(of.reported[i], at, window)
		case at == 0:
			continue
		default: // the oldest makes room
			copy(of.reported[i], of.reported[i][1:at])
			of.reported[i][at-1] = window
		}
		changed = true
	}
	return changed
}

// reach moves the horizon and reports whether databases may have to be judged anew.
func (g *groups) reach(horizon time.Time) bool {
	g.horizon = timeline.Later(g.horizon, horizon)
	for _, of := range g.by {
		n := 0
		for n < len(of.pending) && g.passed(of.pending[n]) {
			g.moved = of.count(of.pending[n], g.windows) || g.moved
			n++
		}
		of.pending = slices.Delete(of.pending, 0, n)
	}
	moved := g.moved
	g.moved = false
	return moved
}

// missing reports whether a database is gone: one of its publishers went on reporting others for so
// many windows after `last`, and nobody has reported it since. The window after the window of
// `last` does not count: one round of reports may run over its edge.
func (g *groups) missing(publishers []reporter, last time.Time) bool {
	for i := range publishers {
		of := g.by[publishers[i].publisher]
		if of == nil || len(of.reported[of.width]) < g.windows {
			continue
		}
		if of.reported[of.width][0] > floorDiv(hour(last), windowHours()[of.width])+1 {
			return true
		}
	}
	return false
}
