package projector_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// label draws a string as long as labels and ids can be, or short. A control character takes six
// bytes in JSON.
func label(t *rapid.T, what string) string {
	return strings.Repeat(rapid.SampledFrom([]string{"a", "\x01", "é", `"`}).Draw(t, what),
		rapid.SampledFrom([]int{1, 500, 512}).Draw(t, what+" length"))
}

// crowd draws the facts of many tasks of one app, and a service with many holds, with long labels.
func crowd(t *rapid.T) []*events.Usage {
	org, space, name, of, buildpack := label(t, "org"), label(t, "space"), label(t, "name"), label(t, "app"),
		label(t, "buildpack")
	var facts []*events.Usage
	add := func(u *events.Usage, resource string) {
		u.Tenant, u.Space, u.SpaceName, u.Name = org, space, space, name
		u.Footprint.Buildpack, u.Footprint.BuildpackGUID = buildpack, buildpack
		u.Resource = resource
		facts = append(facts, u)
	}
	tasks := rapid.SampledFrom([]int{1, 5, 40}).Draw(t, "tasks")
	for i := range tasks {
		u := task("TASK_STARTED", "10:00")
		u.App = of
		add(u, fmt.Sprint(of[:min(len(of), 1000)], i))
	}
	for i := range rapid.IntRange(0, 40).Draw(t, "ended") {
		u := task("TASK_STOPPED", "10:30")
		u.App = of
		add(u, fmt.Sprint(of[:min(len(of), 1000)], i))
	}
	return facts
}

// few runs a property whose runs write some 10 MB each.
func few(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks").Value
	was := checks.String()
	if err := checks.Set("8"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checks.Set(was) }() // which it held
	rapid.Check(t, property)
}

func TestNoMeteredMessageIsTooLong(t *testing.T) {
	few(t, func(t *rapid.T) {
		b := newBooks(projector.Config{Cut: rapid.SampledFrom([]timeline.Cut{timeline.CutDay, timeline.CutHour}).Draw(t,
			"cut")})
		post := func(m *events.Metered) {
			size := len(m.AppendJSON(nil))
			if size > events.MaxBody {
				t.Fatalf("a message has %d bytes", size)
			}
			if len(m.Running)+len(m.Held)+int(m.RunningOmitted+m.HeldOmitted) > 0 &&
				len(m.Running)+len(m.Held)+len(m.Ended) == 0 {
				t.Fatal("a message lists nothing of what runs")
			}
			b.post(m)
		}
		for _, u := range crowd(t) {
			b.sequence++
			u.ID = events.ID("test", fmt.Sprint(b.sequence))
			b.meter.Fact(u, b.sequence, post)
		}
		days := rapid.SampledFrom([]int{0, 1, 4}).Draw(t, "days")
		h := events.Horizon{Source: "cf", Foundation: "eu", Time: clock("10:00").AddDate(0, 0, days)}
		b.sequence++
		collected(b.meter, &h, b.sequence, post)
		g := events.Gap{
			ID: "gap", Source: "cf", Foundation: "eu", List: events.ListApp, From: clock("11:00"),
			To: clock("12:00").AddDate(0, 0, days), Reason: label(t, "reason"),
		}
		b.sequence++
		b.meter.Gap(&g, b.sequence, post)
		if b.spans(); len(b.wrong) > 0 {
			t.Fatalf("%.2000s", strings.Join(b.wrong, "\n"))
		}
	})
}

// A replay publishes differences in messages of the same size.
func TestNoMessageOfAReplayIsTooLong(t *testing.T) {
	few(t, func(t *rapid.T) {
		facts := crowd(t)
		b := newBooks(projector.Config{Cut: timeline.CutDay})
		c := projector.NewComparer()
		derive := func(side func(m *events.Metered)) {
			for i, u := range facts {
				u.ID = events.ID("test", fmt.Sprint(i))
				b.meter.Fact(u, uint64(i+1), side)
			}
			h := events.Horizon{Source: "cf", Foundation: "eu", Time: clock("10:00").AddDate(0, 0, 30)}
			collected(b.meter, &h, uint64(len(facts)+1), side)
		}
		var all []stage.Output
		derive(func(m *events.Metered) {
			text := m.AppendJSON(nil)
			kept := new(events.Metered)
			if err := kept.DecodeJSON(text); err != nil {
				t.Fatal(err)
			}
			all = append(all, stage.Output{
				Subject: events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource),
				Type:    events.TypeMetered, ID: m.ID, Body: kept,
			})
		})
		for range 2 { // the comparer reads everything twice
			for i := range all {
				if err := c.Derived(&all[i]); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Compare(); err != nil {
				t.Fatal(err)
			}
		}
		published := 0
		_, posted, err := c.Difference(events.Cause{ID: "replay"}, func(out stage.Output) {
			if size := len(out.Body.AppendJSON(nil)); size > events.MaxBody {
				t.Fatalf("a message has %d bytes", size)
			}
			if m, ok := out.Body.(*events.Metered); ok {
				published += len(m.Closed)
			}
		})
		if err != nil || posted != published {
			t.Fatal(err, posted, published)
		}
	})
}
