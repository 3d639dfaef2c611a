package projector_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// TestFootprintsOfNoTime: changes there and back within one second, put between any facts, change
// no price: the time of each footprint, and since when it is in use, stay as they are.
func TestFootprintsOfNoTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{events.KindApp, events.KindService, events.KindStaging}).Draw(t, "kind")
		cut := rapid.SampledFrom([]timeline.Cut{timeline.CutNone, timeline.CutHour}).Draw(t, "cut")
		var plain, noisy []*events.Usage
		now, size := 60, 0 // 0: it does not run
		for range rapid.IntRange(2, 12).Draw(t, "facts") {
			next := drawSize(t, kind, size)
			fact := change(kind, now, size, next)
			plain, noisy, size = append(plain, fact), append(noisy, again(fact)), next
			passed := rapid.IntRange(1, 90).Draw(t, "passed")
			if size > 0 && rapid.Bool().Draw(t, "noise") {
				at := now + rapid.IntRange(0, passed).Draw(t, "at")
				was := size
				for range rapid.IntRange(1, 3).Draw(t, "changes") {
					there := rapid.IntRange(1, size+2).Draw(t, "there")
					noisy, was = append(noisy, changes(kind, at, was, there)...), there
				}
				noisy = append(noisy, changes(kind, at, was, size)...)
			}
			now += passed
		}
		plain, noisy = append(plain, changes(kind, now, size, 0)...), append(noisy, changes(kind, now, size, 0)...)
		want, got := inUse(cut, plain), inUse(cut, noisy)
		if !slices.Equal(want, got) {
			t.Fatalf("without them\n%q\nwith them\n%q", want, got)
		}
	})
}

// drawSize draws the next size of a resource: another one, and none only where it runs.
func drawSize(t *rapid.T, kind string, size int) int {
	if kind == events.KindStaging { // one build more or less
		if size == 0 || rapid.Bool().Draw(t, "begins") {
			return size + 1
		}
		return size - 1
	}
	next := rapid.IntRange(0, 2).Draw(t, "size")
	if next >= size {
		next++
	}
	return next
}

// changes are the facts of a way from a size to another; of builds each begins or ends one.
func changes(kind string, at, from, to int) (facts []*events.Usage) {
	step := to - from
	if kind == events.KindStaging {
		step = max(-1, min(step, 1))
	}
	for ; from != to; from += step {
		facts = append(facts, change(kind, at, from, from+step))
	}
	return facts
}

// change is the fact of a step from a size to another at a minute: instances of a process, the plan
// of a service, the builds of an app.
func change(kind string, at, from, to int) *events.Usage {
	var u *events.Usage
	switch kind {
	case events.KindApp:
		event := "STARTED"
		if to == 0 {
			event, to = "STOPPED", from
		}
		u = app(event, "10:00", size(uint32(to), 1024))
		if from > 0 {
			scaledFrom(uint32(from))(u)
		}
	case events.KindService:
		plans := []string{"", "small", "medium", "large", "huge", "vast", "p6", "p7", "p8", "p9"}
		switch {
		case to == 0:
			u = service("DELETED", "10:00", plans[from])
		case from == 0:
			u = service("CREATED", "10:00", plans[to])
		default:
			u = service("UPDATED", "10:00", plans[to])
		}
	default:
		event := "STAGING_STARTED"
		if to < from {
			event = "STAGING_STOPPED"
		}
		u = build(event, "10:00")
	}
	u.Time = minute(at)
	return u
}

func again(u *events.Usage) *events.Usage {
	same := *u
	return &same
}

// inUse tells the footprints in use, by time, with the time since when prices count.
func inUse(cut timeline.Cut, facts []*events.Usage) []string {
	b := newBooks(projector.Config{Cut: cut, BuildTimeout: 100 * time.Hour})
	for _, u := range facts {
		b.tell(u)
	}
	var joined []events.Span
	for _, s := range b.spans() {
		if n := len(joined) - 1; n >= 0 && joined[n].End.Equal(s.Start) && joined[n].Footprint == s.Footprint &&
			joined[n].Since.Equal(s.Since) {
			joined[n].End = s.End
			continue
		}
		joined = append(joined, s)
	}
	out := make([]string, 0, len(joined))
	for i := range joined {
		out = append(out, line(&joined[i]))
	}
	return out
}
