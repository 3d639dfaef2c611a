package projector_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
)

// drawHistory draws the lists of a foundation in the order of the API, with gaps where some of it
// is missing: facts and gaps.
func drawHistory(t *rapid.T) []any {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	var history []any
	now := 60
	kinds := []int{0, 0, 0, 1, 2, 3, 4}
	if rapid.IntRange(0, 3).Draw(t, "builds above all") == 0 {
		kinds = []int{1, 3, 3, 3, 3, 4}
	}
	for i := range rapid.IntRange(1, 30).Draw(t, "facts") {
		now = max(0, now+rapid.SampledFrom([]int{0, 0, 1, 7, 45, 60, 200, 700, -3}).Draw(t, "passed"))
		var u *events.Usage
		switch rapid.SampledFrom(kinds).Draw(t, "kind") {
		case 0:
			u = app(pick("event", "STARTED", "STARTED", "STOPPED", "STOPPED", "WAS_RUNNING", "BUILDPACK_SET"), "10:00",
				process(pick("process", "P", "Q")),
				size(rapid.Uint32Range(0, 2).Draw(t, "instances"), 512), buildpack(pick("buildpack", "", "java",
					"ruby")),
				previous(pick("previous", "STARTED", "STARTED", "STOPPED", "", "WAS_RUNNING")))
			if rapid.Bool().Draw(t, "had another size") {
				was(rapid.Uint32Range(0, 2).Draw(t, "had"), 512)(u)
			} else if rapid.Bool().Draw(t, "says its size") {
				u.NoPreviousInstances, u.NoPreviousMemory = false, false
			}
			if rapid.IntRange(0, 7).Draw(t, "reseeded") == 0 && u.Event == "STARTED" {
				reseeded(u)
			}
		case 1:
			u = task(pick("event", "TASK_STARTED", "TASK_STOPPED", "TASK_STOPPED", "TASK_WAS_RUNNING"), "10:00",
				process(pick("task", "T", "U")),
				previous(pick("previous", "RUNNING", "PENDING")))
		case 2:
			u = service(pick("event", "CREATED", "UPDATED", "DELETED", "WAS_RUNNING"), "10:00", pick("plan", "small",
				"large"))
		case 3:
			u = build(pick("event", "STAGING_STARTED", "STAGING_STOPPED"), "10:00")
		case 4:
			from := max(0, now-rapid.IntRange(0, 60).Draw(t, "overlap"))
			now += rapid.IntRange(1, 300).Draw(t, "missing")
			history = append(history, &events.Gap{
				ID: fmt.Sprint("gap", i), Source: "cf", Foundation: "eu", From: minute(from), To: minute(now),
				List: pick("list", "app", "app", "service", ""),
			})
			continue
		}
		u.ID, u.Time = fmt.Sprint("fact", i), minute(now)
		history = append(history, u)
		if rapid.IntRange(0, 5).Draw(t, "listed again") == 0 && len(history) > 1 {
			if old, ok := history[rapid.IntRange(0, len(history)-2).Draw(t, "which")].(*events.Usage); ok &&
				old.Kind != events.KindStaging && old.Listed.IsZero() {
				again := *old
				again.ID, again.Listed = fmt.Sprint("listed", i), minute(now+rapid.IntRange(0, 5).Draw(t, "rescan"))
				history = append(history, &again)
			}
		}
	}
	return history
}

// account is a foundation's account: its net spans with the accrued ones, and its holds.
type account struct {
	*books
	holds map[string][]events.Hold // by subject
}

func newAccount(s projector.Config) *account {
	return &account{newBooks(s), map[string][]events.Hold{}}
}

func (a *account) take(m *events.Metered) {
	a.post(m)
	a.holds[m.Kind+" "+m.Resource] = a.last.Held
}

// tell tells the meter a fact or a gap, and returns its sequence.
func (a *account) tell(item any, after uint64) uint64 {
	a.sequence++
	switch x := item.(type) {
	case *events.Usage:
		u := *x
		if after > 0 {
			u.AfterSequence, u.AfterGUID = after, "guid"
		}
		a.fact(&u, a.take)
	case *events.Gap:
		a.meter.Gap(x, a.sequence, a.take)
	case time.Time:
		collected(a.meter, &events.Horizon{ID: fmt.Sprint("h", a.sequence), Source: "cf", Foundation: "eu", Time: x},
			a.sequence, a.take)
		a.horizon["cf"] = x
	}
	return a.sequence
}

// decide makes the decision on every hold that its id stands for.
func (a *account) decide(t *rapid.T) {
	for _, subject := range slices.Sorted(maps.Keys(a.holds)) {
		for _, h := range slices.Clone(a.holds[subject]) {
			if events.ListOf(h.Kind) == "" {
				continue
			}
			a.sequence++
			d := events.Act{
				ID: h.ID, Kind: events.ActDecision, Source: "cf", Foundation: "eu", Time: minute(0),
				Decision: events.Decision{
					Kind: h.Kind, Resource: h.Resource, Hold: h.ID, Action: events.ActionRelease,
				},
			}
			if h.Kind == events.KindApp || h.Kind == events.KindTask {
				d.Decision.Resource = "A"
			}
			switch h.ID[0] % 3 {
			case 0:
				d.Decision.Action = events.ActionDiscard
			case 1:
				continue
			}
			if !a.word(&d, a.take) {
				t.Fatalf("no hold %s of %s", h.ID, subject)
			}
		}
	}
}

func (a *account) lines() []string {
	out := lines(a.whole())
	for _, subject := range slices.Sorted(maps.Keys(a.holds)) {
		for _, h := range a.holds[subject] {
			out = append(out, heldPart(&h))
		}
	}
	return out
}

func (a *account) restart(t *rapid.T, s projector.Config) {
	meter, err := projector.RestoreMeter(s, a.meter.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	a.meter = meter
}

// TestLatePlacement: late facts, each with the fact before it, give the same spans and holds as the
// API's order: whatever the cut, wherever horizons come between, however often facts are repeated,
// wherever the projector restarts, and whenever an operator decides. No two spans of a timeline
// overlap, and only published spans are retracted.
func TestLatePlacement(t *testing.T) {
	check(t, 1000, func(t *rapid.T) {
		history := drawHistory(t)
		settings := projector.Config{Cut: cuts().Draw(t, "cut")}
		ordered := newAccount(settings)
		grace(ordered.meter, 60*24*time.Hour) // no month is closed
		for _, item := range history {
			ordered.tell(item, 0)
		}
		b := newAccount(settings)
		grace(b.meter, 60*24*time.Hour)
		sequences := make([]uint64, len(history)) // of the facts so far
		var waiting []int
		tellLate := func(i int) {
			after := i - 1
			for ; after >= 0; after-- {
				if _, fact := history[after].(*events.Usage); fact && sequences[after] != 0 {
					break
				}
			}
			sequences[i] = b.tell(history[i], sequences[after])
		}
		canWait := func(i int) bool {
			u, fact := history[i].(*events.Usage)
			if !fact || i == 0 || !u.Listed.IsZero() {
				return false
			}
			if _, first := history[0].(*events.Usage); !first {
				return false
			}
			for j, item := range history { // the facts on either side of a gap must be told apart by their times
				if g, ok := item.(*events.Gap); ok && u.Time.Before(g.To) != (i < j) {
					return false
				}
			}
			return true
		}
		end := began
		for i, item := range history {
			if u, fact := item.(*events.Usage); fact {
				end = later(end, u.Time)
			} else if g, ok := item.(*events.Gap); ok {
				end = later(end, g.To)
			}
			if canWait(i) && rapid.IntRange(0, 2).Draw(t, "late") == 0 {
				waiting = append(waiting, i)
			} else {
				sequences[i] = b.tell(item, 0)
			}
			switch rapid.IntRange(0, 7).Draw(t, "then") {
			case 0:
				b.tell(end.Add(time.Duration(rapid.IntRange(-600, 600).Draw(t, "horizon"))*time.Minute), 0)
			case 1:
				b.restart(t, settings)
			case 2:
				if j := rapid.IntRange(0, i).Draw(t, "again"); sequences[j] != 0 {
					b.tell(history[j], 0)
				}
			case 3:
				b.decide(t)
			case 4:
				if len(waiting) > 0 {
					at := rapid.IntRange(0, len(waiting)-1).Draw(t, "found")
					tellLate(waiting[at])
					waiting = slices.Delete(waiting, at, at+1)
				}
			}
		}
		for len(waiting) > 0 {
			at := rapid.IntRange(0, len(waiting)-1).Draw(t, "found")
			tellLate(waiting[at])
			waiting = slices.Delete(waiting, at, at+1)
		}
		end = end.Add(11 * time.Hour)
		for _, a := range []*account{ordered, b} {
			a.tell(end, 0)
			a.decide(t)
			a.decide(t) // the effect of a decision on a hold
		}
		want, got := ordered.lines(), b.lines()
		if !slices.Equal(got, want) || b.wrong != nil || ordered.wrong != nil {
			t.Fatalf("found\n%q\nin order\n%q\nwrong: %q %q", got, want, b.wrong, ordered.wrong)
		}
	})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// TestClosedMonths: folding the facts of closed months changes nothing in METERED but the
// correction months, whatever comes back after it, wherever the projector restarts, and whenever an
// operator decides; nor does it with late facts, but for one that cannot be derived, and is held.
func TestClosedMonths(t *testing.T) {
	check(t, 600, func(t *rapid.T) {
		history := drawHistory(t)
		cut := cuts().Draw(t, "cut")
		open, closed := newAccount(projector.Config{Cut: cut}), newAccount(projector.Config{Cut: cut})
		grace(open.meter, 300*24*time.Hour)
		grace(closed.meter, time.Hour)
		closed.remembering()
		accounts := []*account{open, closed}
		past := time.Duration(0)
		known := heard{}
		var waiting *events.Usage     // a late fact, directly after the message
		var follows, newest [2]uint64 // by account: decisions count in each for themselves
		find := func() {
			if waiting != nil {
				last := newest == follows // of the API's order, too
				for i, a := range accounts {
					if sequence := a.tell(waiting, follows[i]); last {
						newest[i] = sequence
					}
				}
				waiting = nil
			}
		}
		for _, item := range history {
			if u, fact := item.(*events.Usage); fact && !known.fact(u) {
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, "a month passes") == 0 {
				find()
				past += 20 * 24 * time.Hour
			}
			var at time.Time
			switch x := item.(type) {
			case *events.Usage:
				u := *x
				u.Time = u.Time.Add(past)
				item, at = &u, u.Time
				if waiting == nil && newest[0] != 0 && rapid.IntRange(0, 3).Draw(t, "late") == 0 {
					waiting, follows = &u, newest
					continue
				}
			case *events.Gap:
				g := *x
				g.From, g.To = g.From.Add(past), g.To.Add(past)
				item, at = &g, g.To
			}
			_, fact := item.(*events.Usage)
			for i, a := range accounts {
				if sequence := a.tell(item, 0); fact {
					newest[i] = sequence
				}
				a.tell(at.Add(-2*time.Hour), 0)
				if at.Minute()%3 == 0 {
					a.decide(t)
				}
			}
			if rapid.Bool().Draw(t, "found") {
				find()
			}
			if rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
				closed.restart(t, projector.Config{Cut: cut})
			}
		}
		find()
		if slices.Contains(closed.codes(), events.AnomalyClosedPeriod) {
			return // a late fact is held
		}
		want, got := open.lines(), closed.lines()
		if !slices.Equal(got, want) || closed.wrong != nil {
			t.Fatalf("found\n%q\nwithout closing\n%q\nwrong: %q", got, want, closed.wrong)
		}
	})
}

// heard are the resources of a history that a fact was about, by kind.
type heard map[[2]string]bool

// fact reports whether a fact may come. The first one of a resource begins it, or is a baseline:
// what is first heard of behind the closing of a gap's month is held from the gap on.
func (h heard) fact(u *events.Usage) bool {
	key := [2]string{u.Kind, u.Resource}
	if h[key] {
		return true
	}
	switch u.Event {
	case "STARTED", "CREATED", "TASK_STARTED":
		u.Previous = "STOPPED"
	case "STOPPED", "DELETED", "TASK_STOPPED", "UPDATED", "BUILDPACK_SET":
		return false
	}
	h[key] = u.Listed.IsZero()
	return h[key]
}
