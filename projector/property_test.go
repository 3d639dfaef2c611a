package projector_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/internal/noise"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// began is before all drawn times; minute n is n minutes later.
var began = noise.Began

func minute(n int) time.Time { return noise.Minute(n) }

// check is rapid.Check with at least so many runs.
func check(t *testing.T, runs int, property func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks").Value
	was := checks.String()
	if n, err := strconv.Atoi(was); err == nil && n < runs && !testing.Short() {
		if err := checks.Set(strconv.Itoa(runs)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Set(was) }() // which it held
	}
	rapid.Check(t, property)
}

func cuts() *rapid.Generator[timeline.Cut] {
	return rapid.SampledFrom([]timeline.Cut{
		timeline.CutNone, timeline.CutHour, timeline.CutDay,
		timeline.CutMonth,
	})
}

// drawLife draws facts of a few processes, tasks and services in the order of an API whose clocks
// are not monotonic.
func drawLife(t *rapid.T) []*events.Usage {
	var facts []*events.Usage
	now, plan := 0, "small"
	for i := range rapid.IntRange(1, 25).Draw(t, "facts") {
		now = max(0, now+rapid.SampledFrom([]int{0, 0, 1, 7, 45, 60, 200, 700, -3}).Draw(t, "passed"))
		var u *events.Usage
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0, 1:
			event := rapid.SampledFrom([]string{
				"STARTED", "STARTED", "STOPPED", "WAS_RUNNING",
				"BUILDPACK_SET",
			}).Draw(t, "event")
			u = app(event, "10:00", process(rapid.SampledFrom([]string{"P", "Q"}).Draw(t, "process")),
				size(rapid.Uint32Range(0, 2).Draw(t, "instances"), 512),
				buildpack(rapid.SampledFrom([]string{"", "java", "ruby"}).Draw(t, "buildpack")))
		case 2:
			event := rapid.SampledFrom([]string{"TASK_STARTED", "TASK_STOPPED", "TASK_WAS_RUNNING"}).Draw(t, "event")
			u = task(event, "10:00", process(rapid.SampledFrom([]string{"T", "U"}).Draw(t, "task")))
		case 3:
			event := rapid.SampledFrom([]string{"CREATED", "UPDATED", "DELETED"}).Draw(t, "event")
			if event != "DELETED" { // which names the plan at the end
				plan = rapid.SampledFrom([]string{"small", "large"}).Draw(t, "plan")
			}
			u = service(event, "10:00", plan)
		}
		u.ID, u.Time = fmt.Sprint("fact", i), minute(now)
		facts = append(facts, u)
	}
	return facts
}

// TestSlowImplementation: whatever the cut, however horizons come between the facts, even ahead of
// them, the net spans are those of a slow reading of the facts, no two of a timeline overlap, and
// only published spans are retracted.
func TestSlowImplementation(t *testing.T) {
	check(t, 2000, func(t *rapid.T) {
		facts := drawLife(t)
		settings := projector.Config{Cut: cuts().Draw(t, "cut")}
		epoch := time.Time{}
		if rapid.Bool().Draw(t, "has epoch") {
			epoch = minute(rapid.IntRange(0, 600).Draw(t, "epoch"))
			settings.Epoch = map[string]time.Time{events.SourceCF: epoch}
		}
		b := newBooks(settings)
		end := minute(0)
		for _, u := range facts {
			if u.Time.After(end) {
				end = u.Time
			}
			b.tell(u)
			if rapid.Bool().Draw(t, "horizon moves") { // but not so far that an ended timeline is forgotten
				b.reachTime(events.SourceCF, u.Time.Add(time.Duration(rapid.IntRange(-600, 600).Draw(t,
					"to"))*time.Minute))
			}
		}
		end = end.Add(11 * time.Hour)
		b.reachTime(events.SourceCF, end)
		want, got := slowSpans(facts, epoch, end), shown(b)
		if !slices.Equal(got, want) || b.wrong != nil {
			t.Fatalf("found\n%q\nwant\n%q\nwrong: %q", got, want, b.wrong)
		}
	})
}

// slowBuilds counts an app's open builds minute by minute. Endings go to the oldest open build; a
// build of an hour is none.
func slowBuilds(facts []*events.Usage, end int) []string {
	type interval struct{ from, to int }
	var done, open []interval
	expire := func(now int) { open = slices.DeleteFunc(open, func(b interval) bool { return now-b.from >= 60 }) }
	for _, u := range facts {
		now := int(u.Time.Sub(began) / time.Minute)
		expire(now)
		if u.Event == "STAGING_STARTED" {
			open = append(open, interval{from: now})
		} else if len(open) > 0 {
			done = append(done, interval{open[0].from, now})
			open = open[1:]
		}
	}
	expire(end)
	for _, b := range open {
		done = append(done, interval{b.from, end})
	}
	counts := make([]uint32, end+1)
	for _, b := range done {
		for m := b.from; m < b.to; m++ {
			counts[m]++
		}
	}
	var out []string
	from := 0
	for m := 1; m <= end; m++ {
		if counts[m] == counts[from] && m < end {
			continue
		}
		if counts[from] > 0 {
			out = append(out, fmt.Sprintf("A %s-%s %dx1024", short(minute(from)), short(minute(m)), counts[from]))
		}
		from = m
	}
	return out
}

// TestBuildsAddUp compares the builds of an app with a count by the minute. Two adjoining builds
// may be one span or two.
func TestBuildsAddUp(t *testing.T) {
	check(t, 2000, func(t *rapid.T) {
		b := newBooks(projector.Config{Cut: cuts().Draw(t, "cut")})
		var facts []*events.Usage
		now := 0
		for i := range rapid.IntRange(1, 20).Draw(t, "facts") {
			now += rapid.SampledFrom([]int{0, 1, 5, 20, 61, 300}).Draw(t, "passed")
			u := build(rapid.SampledFrom([]string{"STAGING_STARTED", "STAGING_STOPPED"}).Draw(t, "event"), "10:00")
			u.ID, u.Time = fmt.Sprint("fact", i), minute(now)
			if rapid.Bool().Draw(t, "horizon moves") {
				b.reachTime(events.SourceCF, minute(max(0, now-rapid.IntRange(0, 30).Draw(t, "behind"))))
			}
			b.tell(u)
			facts = append(facts, u)
		}
		end := now + rapid.IntRange(1, 90).Draw(t, "after")
		b.reachTime(events.SourceCF, minute(end))
		var spans []events.Span
		for _, s := range b.whole() {
			s.Since, s.Flags = s.Start, 0
			if n := len(spans) - 1; n >= 0 && spans[n].End.Equal(s.Start) && spans[n].Footprint == s.Footprint {
				spans[n].End = s.End
				continue
			}
			spans = append(spans, s)
		}
		want := slowBuilds(facts, end)
		if got := lines(spans); !slices.Equal(got, want) || b.wrong != nil {
			t.Fatalf("found\n%q\nwant\n%q\nwrong: %q", got, want, b.wrong)
		}
	})
}

// drawDatabase draws the life of one database and its messages: a change lost here and there,
// reports, some twice. Each change is to a size new to the database. It also returns the spans of a
// complete account, and whether the account is complete.
func drawDatabase(t *rapid.T) (facts []*events.Usage, truth []string, complete bool) {
	complete = true
	at := rapid.IntRange(0, 600).Draw(t, "created")
	born := minute(at)
	flavor, gb := 1, uint32(1)
	since := [2]time.Time{born, born}
	var flavours, volumes []events.Span
	snapshot := func(event string, time, observed time.Time) *events.Usage {
		u := database(event, "10:00", flavour(fmt.Sprint("f", flavor), uint32(flavor)*512), volume(gb))
		u.Time, u.Observed, u.Created = time, observed, born
		u.ID = fmt.Sprint(event, observed)
		return u
	}
	tell := func(u *events.Usage) {
		if rapid.IntRange(0, 7).Draw(t, "lost") == 0 {
			complete = false
			return
		}
		facts = append(facts, u)
		if rapid.IntRange(0, 4).Draw(t, "twice") == 0 {
			facts = append(facts, u)
		}
	}
	closeFlavour := func(end time.Time) {
		flavours = append(flavours, events.Span{
			Kind: events.KindInstance, Resource: "I", Start: since[0], Since: since[0], End: end,
			Footprint: events.Footprint{
				Flavor:   fmt.Sprint("m1.f", flavor),
				MemoryMB: events.Some(uint32(flavor) * 512),
			},
		})
		since[0] = end
	}
	closeVolume := func(end time.Time) {
		volumes = append(volumes, events.Span{
			Kind: events.KindVolume, Resource: "I", Start: since[1], Since: since[1], End: end,
			Footprint: events.Footprint{VolumeGB: events.Some(gb)},
		})
		since[1] = end
	}
	tell(snapshot("create", born, born.Add(90*time.Second)))
	for range rapid.IntRange(0, 8).Draw(t, "messages") {
		at += rapid.IntRange(3, 400).Draw(t, "passed")
		now := minute(at)
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			closeFlavour(now)
			flavor++
			tell(snapshot("modify_flavor", now, now.Add(time.Second)))
		case 1:
			closeVolume(now)
			gb++
			u := snapshot("modify_volume", now, now.Add(time.Second))
			u.OldVolumeGB = events.Some(gb - 1)
			tell(u)
		case 2, 3:
			u := snapshot("exists", now, now)
			u.Footprint = events.Footprint{FlavorID: u.Footprint.FlavorID}
			tell(u)
		}
	}
	end := minute(at + 200)
	if rapid.Bool().Draw(t, "deleted") {
		end = minute(at + 5)
		tell(snapshot("delete", end, end.Add(4*time.Second)))
	}
	closeFlavour(end)
	closeVolume(end)
	return facts, slices.Concat(lines(flavours), lines(volumes)), complete
}

// TestTroveOrderFree: an instance's messages give the same spans in whatever order they arrive,
// wherever horizons come between; the spans of a complete account are the truth.
func TestTroveOrderFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts, truth, complete := drawDatabase(t)
		settings := projector.Config{Cut: cuts().Draw(t, "cut")}
		end := newest(facts).Add(200 * time.Minute)
		in := newBooks(settings).tell(facts...).reachTime(events.SourceTrove, end)
		b := newBooks(settings)
		for _, u := range rapid.Permutation(facts).Draw(t, "order") {
			if rapid.Bool().Draw(t, "horizon moves") {
				b.reachTime(events.SourceTrove, minute(rapid.IntRange(0, 3000).Draw(t, "to")))
			}
			b.tell(u)
		}
		if end.Before(b.horizon[events.SourceTrove]) {
			end = b.horizon[events.SourceTrove]
			in.reachTime(events.SourceTrove, end)
		}
		b.reachTime(events.SourceTrove, end)
		got, want := lines(b.whole()), lines(in.whole())
		if !slices.Equal(got, want) || b.wrong != nil || in.wrong != nil {
			t.Fatalf("found\n%q\nin order\n%q\nwrong: %q %q", got, want, b.wrong, in.wrong)
		}
		if !complete || !slices.ContainsFunc(facts, func(u *events.Usage) bool { return u.Event == "delete" }) {
			return
		}
		if !slices.Equal(want, truth) {
			t.Fatalf("found\n%q\nthe truth is\n%q", want, truth)
		}
	})
}

// newest is the time of the newest fact.
func newest(facts []*events.Usage) time.Time {
	latest := began
	for _, u := range facts {
		if u.Time.After(latest) {
			latest = u.Time
		}
	}
	return latest
}

// stored is a body as it stands in USAGE.
func stored(kind string, body stage.Body, sequence uint64) *bus.Stored {
	m := bus.NewStored(bus.Message{
		Subject: "usage.cf.eu.x", Header: []events.Header{{Key: events.HeaderType, Value: kind}, {
			Key:   events.HeaderID,
			Value: fmt.Sprint(sequence),
		}},
		Data: body.AppendJSON(nil),
	}, sequence, began, 0)
	return &m
}

// TestSnapshots: a processor that is stored and restored at any point puts out the same as one at
// rest, byte for byte; and so does one from the start. A restored timeline derives its state from
// all of its facts, the others have it from one step after the other: so this holds the fast path
// to the pure function, too.
func TestSnapshots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var inputs []*bus.Stored
		databases, _, _ := drawDatabase(t)
		items := drawHistory(t)
		for _, u := range databases {
			items = append(items, u)
		}
		for _, item := range items {
			sequence := uint64(len(inputs) + 1)
			h := events.Horizon{ID: fmt.Sprint("h", sequence), Source: events.SourceCF, Foundation: "eu"}
			switch x := item.(type) {
			case *events.Usage:
				u := *x
				if sequence > 3 && rapid.IntRange(0, 5).Draw(t, "late") == 0 {
					u.AfterGUID, u.AfterSequence = "guid", rapid.Uint64Range(1, sequence-1).Draw(t, "after")
				}
				inputs = append(inputs, stored(events.TypeUsage, &u, sequence))
				h.Source, h.Time = u.Source, u.Time
			case *events.Gap:
				inputs = append(inputs, stored(events.TypeGap, x, sequence))
				h.Time = x.To
			}
			h.Time = h.Time.Add(time.Duration(rapid.SampledFrom([]int{-90, -30, 0, 10, 30, 90, 60 * 24 * 20}).Draw(t,
				"horizon")) * time.Minute)
			inputs = append(inputs, stored(events.TypeHorizon, &h, sequence+1))
		}
		settings := projector.Config{Cut: cuts().Draw(t, "cut"), BuildTimeout: time.Hour}
		run := func(p stage.Processor, inputs []*bus.Stored) []byte {
			var out []byte
			for _, in := range inputs {
				if err := p.Step(in, func(o stage.Output) {
					out = fmt.Appendf(out, "%s %s %s ", o.Subject, o.Type, o.ID)
					out = append(o.Body.AppendJSON(out), '\n')
				}); err != nil {
					t.Fatal(err)
				}
			}
			return out
		}
		undisturbed := projector.NewProcessor(settings)
		whole := run(undisturbed, inputs)
		at := rapid.IntRange(0, len(inputs)).Draw(t, "stored at")
		first := projector.NewProcessor(settings)
		out := run(first, inputs[:at])
		snapshot, err := first.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		second := projector.NewProcessor(settings)
		run(second, inputs) // Restore forgets everything before
		if err := second.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		if out = append(out, run(second, inputs[at:])...); !bytes.Equal(out, whole) {
			t.Fatalf("restored at %d of %d: %s", at, len(inputs), firstDifference(out, whole))
		}
		if err := undisturbed.Restore(nil); err != nil {
			t.Fatal(err)
		}
		if again := run(undisturbed, inputs); !bytes.Equal(again, whole) {
			t.Fatalf("again: %s", firstDifference(again, whole))
		}
	})
}

// firstDifference shows the first line with a difference, from the difference on.
func firstDifference(a, b []byte) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	show := func(x []byte) []byte { return x[max(0, at-300):min(len(x), at+300)] }
	return fmt.Sprintf("at byte %d\n%s\nand\n%s", at, show(a), show(b))
}

// TestOrderOfMaps: many subjects at once come out in one order.
func TestOrderOfMaps(t *testing.T) {
	run := func() []byte {
		b := newBooks(projector.Config{Cut: timeline.CutHour})
		for i := range 50 {
			u := task("TASK_STARTED", "10:00", process(fmt.Sprint("T", i)))
			u.App = fmt.Sprint("A", i*7919%50)
			b.tell(u)
		}
		return b.reach("12:00").stream
	}
	outputs := map[string]bool{}
	for range 5 {
		outputs[string(run())] = true
	}
	if len(outputs) != 1 {
		t.Fatalf("%d different outputs: %q", len(outputs), slices.Collect(maps.Keys(outputs)))
	}
}
