package projector_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
)

// running is the run of a resource of a small, consistent platform.
type running struct {
	on    bool
	size  uint32
	plan  string
	first *events.Usage // beginning of its run
	last  *events.Usage // newest beginning
}

// lived is a platform's history: its facts in order, and its runs minute for minute.
type lived struct {
	facts []*events.Usage
	truth map[string][]string // footprint by resource and minute, "" for nothing
	now   map[string]running
	after []map[string]running // the runs after each fact
}

const lifetime = 600 // minutes

// drawLived draws the history of two processes, a task and a service of a platform that reports
// everything, in order, and truly.
func drawLived(t *rapid.T) *lived {
	l := &lived{truth: map[string][]string{}, now: map[string]running{}}
	at := 0
	taskOver := false
	for i := range rapid.IntRange(3, 25).Draw(t, "facts") {
		at += rapid.SampledFrom([]int{0, 1, 5, 20, 60}).Draw(t, "passed")
		if at >= lifetime-1 {
			break
		}
		id := rapid.SampledFrom([]string{"P", "Q", "T", "D"}).Draw(t, "resource")
		x := l.now[id]
		var u *events.Usage
		switch {
		case id == "T" && taskOver:
			continue
		case id == "T" && !x.on:
			u = task("TASK_STARTED", "10:00", previous("PENDING"))
			x = running{on: true, size: 1, first: u, last: u}
		case id == "T":
			u = task("TASK_STOPPED", "10:00", previous("RUNNING"))
			x, taskOver = running{}, true
		case id == "D" && !x.on && x.plan != "":
			continue // deleted
		case id == "D" && !x.on:
			x = running{on: true, plan: "small"}
			u = service("CREATED", "10:00", x.plan)
			x.first, x.last = u, u
		case id == "D" && rapid.Bool().Draw(t, "updated"):
			x.plan = rapid.SampledFrom([]string{"small", "large"}).Draw(t, "plan")
			u = service("UPDATED", "10:00", x.plan)
			x.last = u
		case id == "D":
			u = service("DELETED", "10:00", x.plan)
			x.on = false
		case !x.on:
			x = running{on: true, size: rapid.Uint32Range(1, 3).Draw(t, "size")}
			u = app("STARTED", "10:00", process(id), size(x.size, 512), previous("STOPPED"))
			x.first, x.last = u, u
		case rapid.Bool().Draw(t, "scaled"):
			before := x.size
			x.size = before%3 + 1
			u = app("STARTED", "10:00", process(id), size(x.size, 512), was(before, 512), previous("STARTED"))
			x.last = u
		default:
			u = app("STOPPED", "10:00", process(id), size(x.size, 512), unchanged)
			x = running{}
		}
		u.ID, u.Time = fmt.Sprint("fact", i), minute(at)
		l.fill(at)
		l.now[id] = x
		l.facts = append(l.facts, u)
		seen := map[string]running{}
		for id, x := range l.now {
			seen[id] = x
		}
		l.after = append(l.after, seen)
	}
	l.fill(lifetime)
	return l
}

// fill enters the runs up to minute `at`.
func (l *lived) fill(at int) {
	for _, id := range []string{"P", "Q", "T", "D"} {
		what := ""
		if x := l.now[id]; x.on {
			what = fmt.Sprint(x.size, x.plan)
		}
		for len(l.truth[id]) < at {
			l.truth[id] = append(l.truth[id], what)
		}
	}
}

func minutesOf(from, to time.Time) (first, after int) {
	after = lifetime
	if !to.IsZero() {
		after = min(lifetime, int(to.Sub(began)/time.Minute))
	}
	return int(from.Sub(began) / time.Minute), after
}

// TestLostFacts: a part of the list is lost, and a gap stands in its place. Everything billed ran,
// in the very size. A run that is neither billed nor held is unknown, or lies within the gap.
func TestLostFacts(t *testing.T) {
	check(t, 2000, func(t *rapid.T) {
		world := drawLived(t)
		n := len(world.facts)
		from := rapid.IntRange(0, n-1).Draw(t, "first lost")
		to := rapid.IntRange(from, n-1).Draw(t, "first after")
		gapTo := world.facts[to].Time
		gapFrom := began
		if from > 0 {
			gapFrom = world.facts[from-1].Time
		}
		gapFrom = gapFrom.Add(-time.Duration(rapid.IntRange(0, 30).Draw(t, "overlap")) * time.Minute)
		b := newAccount(projector.Config{Cut: cuts().Draw(t, "cut")})
		for _, u := range world.facts[:from] {
			b.tell(u, 0)
		}
		gap := &events.Gap{ID: "gap", Source: "cf", Foundation: "eu", From: gapFrom, To: gapTo, Reason: "lost"}
		if from == 0 && rapid.Bool().Draw(t, "first collection") {
			gap.From = time.Time{}
		}
		b.tell(gap, 0)
		known := map[string]bool{}
		if to > 0 && rapid.Bool().Draw(t, "the table keeps what runs") {
			for _, id := range []string{"P", "Q", "T", "D"} {
				x := world.after[to-1][id]
				for _, u := range []*events.Usage{x.first, x.last} {
					if !x.on || u == nil || u == x.last && x.first == x.last && u != x.first {
						continue
					}
					again := *u
					if at := slices.Index(world.facts, u); at >= from {
						b.tell(&again, 0) // it was lost, and is found now
					} else {
						again.ID, again.Listed = u.ID+" listed", gapTo
						b.tell(&again, 0)
					}
					known[id] = true
					if x.first == x.last {
						break
					}
				}
			}
		}
		for _, u := range world.facts[to:] {
			b.tell(u, 0)
		}
		b.tell(minute(lifetime), 0)
		for _, u := range world.facts[to:] {
			known[u.Resource] = true
		}
		for id := range world.truth { // a run that began in the gap, without a fact since, is unknown
			known[id] = known[id] || from > 0 && world.after[from-1][id].on
		}
		covered := map[string][]bool{}
		for id := range world.truth {
			covered[id] = make([]bool, lifetime)
		}
		for _, s := range b.whole() {
			first, after := minutesOf(s.Start, s.End)
			for m := first; m < after; m++ {
				covered[s.Resource][m] = true
				what := fmt.Sprint(s.Footprint.Instances.Or(0), s.Footprint.Plan)
				if truth := world.truth[s.Resource][m]; truth != what {
					t.Fatalf("%s is billed, but at minute %d (%s) there ran %q; gap %s-%s", line(&s), m,
						short(minute(m)), truth, short(gapFrom), short(gapTo))
				}
			}
		}
		for _, held := range b.holds {
			for _, h := range held {
				first, after := minutesOf(h.Start, h.End)
				for m := max(first, 0); m < after; m++ {
					covered[h.Resource][m] = true
				}
			}
		}
		firstMissing, firstComplete := minutesOf(gapFrom, gapTo)
		for id, minutes := range world.truth {
			for m, what := range minutes {
				within := firstMissing <= m && m < firstComplete
				if what != "" && !covered[id][m] && known[id] && !within {
					t.Fatalf("%s ran at minute %d (%s) and is neither billed nor held; gap %s-%s:\n%q", id, m,
						short(minute(m)), short(gapFrom), short(gapTo), b.lines())
				}
			}
		}
		if b.wrong != nil {
			t.Fatalf("%q", b.wrong)
		}
	})
}

// TestLostBuilds: of the facts of some times any part is lost, and gaps stand in their place. No
// more builds are billed than were open, at any time, and all builds open outside of a single gap
// are billed or held.
func TestLostBuilds(t *testing.T) {
	check(t, 3000, func(t *rapid.T) {
		type event struct {
			at    int
			began bool
		}
		var all []event
		truth := make([]int, lifetime)
		at := 0
		for range rapid.IntRange(1, 8).Draw(t, "builds") {
			at += rapid.SampledFrom([]int{0, 1, 5, 20, 61}).Draw(t, "passed")
			end := at + rapid.SampledFrom([]int{1, 5, 30, 59}).Draw(t, "lasts")
			all = append(all, event{at, true}, event{end, false})
			for m := at; m < end; m++ {
				truth[m]++
			}
		}
		slices.SortStableFunc(all, func(a, b event) int { return a.at - b.at })
		var gaps []*events.Gap
		to := 0
		for i := range rapid.IntRange(1, 3).Draw(t, "gaps") {
			from := to + rapid.IntRange(0, at+60).Draw(t, "from")
			to = from + rapid.SampledFrom([]int{1, 10, 40, 90}).Draw(t, "missing")
			gaps = append(gaps, &events.Gap{
				ID: fmt.Sprint("gap", i), Source: "cf", Foundation: "eu",
				From: minute(from), To: minute(to), Reason: "lost",
			})
		}
		b := newAccount(projector.Config{Cut: cuts().Draw(t, "cut")})
		waiting := gaps
		for i, e := range all {
			for len(waiting) > 0 && !minute(e.at).Before(waiting[0].To) {
				b.tell(waiting[0], 0)
				waiting = waiting[1:]
			}
			if len(waiting) > 0 && !minute(e.at).Before(waiting[0].From) && rapid.Bool().Draw(t, "lost") {
				continue
			}
			u := build("STAGING_STOPPED", "10:00")
			if e.began {
				u = build("STAGING_STARTED", "10:00")
			}
			u.ID, u.Time = fmt.Sprint("fact", i), minute(e.at)
			b.tell(u, 0)
			if rapid.Bool().Draw(t, "horizon moves") {
				b.tell(minute(e.at), 0)
			}
		}
		for _, g := range waiting {
			b.tell(g, 0)
		}
		if rapid.Bool().Draw(t, "horizon moves on") {
			b.tell(minute(lifetime), 0)
		}
		billed, held := make([]int, lifetime), make([]int, lifetime)
		for _, s := range b.whole() {
			first, after := minutesOf(s.Start, s.End)
			for m := first; m < after; m++ {
				billed[m] += int(s.Footprint.Instances.Or(0))
			}
		}
		for _, h := range b.holds["staging A"] {
			first, after := minutesOf(h.Start, h.End)
			for m := max(first, 0); m < after; m++ {
				held[m]++
			}
		}
		firstMissing, firstComplete := minutesOf(gaps[0].From, gaps[0].To)
		known, _ := minutesOf(b.horizon["cf"], time.Time{}) // open builds are billed up to the horizon
		for m := range lifetime {
			sure := len(gaps) == 1 && (m < firstMissing || firstComplete <= m) && m < known
			if billed[m] > truth[m] || sure && billed[m]+held[m] < truth[m] {
				t.Fatalf("at minute %d (%s) %d builds were open, %d are billed and %d held; first gap %s-%s:\n%q\n%v",
					m, short(minute(m)), truth[m], billed[m],
					held[m], short(gaps[0].From), short(gaps[0].To), b.lines(), all)
			}
		}
		if b.wrong != nil {
			t.Fatalf("%q", b.wrong)
		}
	})
}

// TestLostWithoutAGap: one fact is lost and nothing says so. If a later fact of the resource
// follows, it contradicts the timeline, and nothing is billed beyond what ran. A complete history
// has no contradiction.
func TestLostWithoutAGap(t *testing.T) {
	check(t, 2000, func(t *rapid.T) {
		world := drawLived(t)
		lost := rapid.IntRange(-1, len(world.facts)-1).Draw(t, "lost") // -1: nothing
		b := newAccount(projector.Config{Cut: cuts().Draw(t, "cut")})
		var gone, next *events.Usage
		known := false // the resource had a fact before the lost one
		for i, u := range world.facts {
			switch {
			case i == lost:
				gone = u
				continue
			case gone == nil && lost >= 0:
				known = known || u.Resource == world.facts[lost].Resource
			case gone != nil && next == nil && u.Resource == gone.Resource:
				next = u
			}
			b.tell(u, 0)
			if rapid.IntRange(0, 3).Draw(t, "horizon moves") == 0 {
				b.tell(u.Time, 0)
			}
		}
		b.tell(minute(lifetime), 0)
		seen := gone != nil && next != nil && known &&
			(gone.Kind == events.KindApp || gone.Kind == events.KindService && gone.Event == "UPDATED" &&
				next.Event == "DELETED" && planOf(world, gone) != next.Footprint.Plan)
		if want := seen && farApart(world, gone, next); want != slices.Contains(b.codes(), events.AnomalyLostChange) {
			t.Fatalf("lost: %+v; want lost_change: %v; anomalies %v\n%q", gone, want, b.anomalies, b.lines())
		}
		for _, s := range b.whole() {
			if gone != nil && !seen && s.Resource == gone.Resource {
				continue // nothing can show it
			}
			first, after := minutesOf(s.Start, s.End)
			for m := first; m < after; m++ {
				var most uint32
				var plan string
				_, _ = fmt.Sscan(world.truth[s.Resource][m], &most, &plan)
				if s.Footprint.Instances.Or(0) > most || s.Footprint.Plan != plan {
					t.Fatalf("%s is billed, but at minute %d (%s) there ran %q:\n%q", line(&s), m, short(minute(m)),
						world.truth[s.Resource][m], b.lines())
				}
			}
		}
		if b.wrong != nil {
			t.Fatalf("%q", b.wrong)
		}
	})
}

// before is the last fact of the same resource before one.
func before(world *lived, u *events.Usage) (last *events.Usage) {
	for _, x := range world.facts {
		if x == u {
			return last
		}
		if x.Resource == u.Resource {
			last = x
		}
	}
	return nil
}

// planOf is the plan of a service before a fact.
func planOf(world *lived, u *events.Usage) string {
	if x := before(world, u); x != nil {
		return x.Footprint.Plan
	}
	return ""
}

// farApart reports whether the facts around a lost one are more than a minute apart.
func farApart(world *lived, gone, next *events.Usage) bool {
	return next.Time.Sub(before(world, gone).Time) > time.Minute
}
