package posted_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/posted"
)

func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 20).Draw(t, "early") == 0 {
			return time.Time{}
		}
		ns := rapid.SampledFrom([]int64{0, 0, 0, 1, 123_456_000, 999_999_999}).Draw(t, "ns")
		return time.Unix(rapid.Int64Range(1_400_000_000, 1_900_000_000).Draw(t, "s"), ns).UTC()
	})
}

func ids() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{
		"", "x", strings.Repeat("0", 36), "00000000-0000-0000-0000-00000000000G",
		"ABCDEF01-0000-0000-0000-000000000000",
	}), rapid.Map(rapid.IntRange(0, 30), func(n int) string { return events.ID("id", fmt.Sprint(n)) }))
}

func spans() *rapid.Generator[posted.Span] {
	words := rapid.SampledFrom([]string{"", "a", "shop", "ü\x00", strings.Repeat("l", 300)})
	counts := rapid.SampledFrom([]events.Count{{}, events.Some(0), events.Some(7), events.Some(1<<32 - 1)})
	kinds := rapid.SampledFrom([]string{events.KindApp, events.KindTask, events.KindVolume})
	return rapid.Custom(func(t *rapid.T) posted.Span {
		s := posted.Span{
			Source: words.Draw(t, "source"), Foundation: words.Draw(t, "foundation"), Subject: words.Draw(t, "subject"),
			Cause: ids().Draw(t, "cause"), Version: rapid.IntRange(-1, 3).Draw(t, "version"),
			Correction: rapid.SampledFrom([]string{"", "", "2026-02"}).Draw(t, "correction"),
		}
		s.ID, s.Kind, s.Resource = ids().Draw(t, "id"), kinds.Draw(t, "kind"), ids().Draw(t, "resource")
		s.App, s.Tenant, s.Space, s.Name = words.Draw(t, "app"), words.Draw(t, "tenant"), words.Draw(t, "space"),
			words.Draw(t, "name")
		s.Start, s.End, s.Since = moments().Draw(t, "start"), moments().Draw(t, "end"), moments().Draw(t, "since")
		if rapid.Bool().Draw(t, "begins") {
			s.Since = s.Start
		}
		s.Flags = events.Flags(rapid.IntRange(0, 7).Draw(t, "flags"))
		s.Footprint = events.Footprint{
			Instances: counts.Draw(t, "instances"), MemoryMB: counts.Draw(t, "memory"), VolumeGB: counts.Draw(t,
				"volume"),
			ProcessType: words.Draw(t, "type"), Buildpack: words.Draw(t, "buildpack"), FlavorID: words.Draw(t,
				"flavor"),
		}
		if rapid.IntRange(0, 5).Draw(t, "guids changed") == 0 {
			s.Earlier = []events.Stretch{{
				Since: moments().Draw(t, "earlier"), Footprint: events.Footprint{PlanGUID: words.Draw(t, "guid")},
			}}
		}
		return s
	})
}

// same holds a set against a model of it.
func same(t *rapid.T, set *posted.Spans, want map[string]posted.Span) {
	if set.Len() != len(want) {
		t.Fatalf("%d spans, not %d", set.Len(), len(want))
	}
	for id, w := range want {
		got, ok := set.Find(id)
		if !ok {
			t.Fatalf("span %q is lost", id)
		}
		if diff := cmp.Diff(w, got, cmp.AllowUnexported(events.Count{})); diff != "" {
			t.Fatal(diff)
		}
	}
	var order []posted.Span
	for _, address := range set.Sorted() {
		order = append(order, set.At(address))
	}
	if len(order) != len(want) || !slices.IsSortedFunc(order, func(a, b posted.Span) int {
		a.ID, b.ID = "", ""
		return posted.Compare(&a, &b)
	}) {
		t.Fatal("the order is not that of subject and start")
	}
}

// Whatever is put in and taken out, the set has what stands, before and after a snapshot.
func TestSpansAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, want := posted.New(), map[string]posted.Span{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				id := ids().Draw(t, "gone")
				_, had := want[id]
				if set.Remove(id) != had {
					t.Fatalf("%q was there: %v", id, had)
				}
				delete(want, id)
			case 1:
				restored, err := posted.Restore(set.Pieces(), set.Tail(), 4)
				if err != nil {
					t.Fatal(err)
				}
				set = restored
			default:
				s := spans().Draw(t, "span")
				set.Put(&s)
				want[s.ID] = s
			}
		}
		same(t, set, want)
	})
}

// month is the spans of a month of apps and tasks, as they come: each day's last to first.
func month(put func(*posted.Span)) (n int) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for day := range 30 {
		for app := range 1000 {
			guid := events.ID("app", fmt.Sprint(app))
			s := posted.Span{
				Source: "cf", Foundation: "prod", Subject: guid,
				Cause: events.ID("metered", fmt.Sprint(day, app)), Version: 0,
			}
			s.Kind, s.Resource, s.App, s.Tenant = events.KindApp, events.ID("process", guid), guid, events.ID("org")
			s.Space, s.Name = events.ID("space", fmt.Sprint(app%50)), fmt.Sprint("app-", app)
			s.ID = events.ID("span", guid, fmt.Sprint(day))
			s.Start = begin.Add(time.Duration(day) * 24 * time.Hour)
			s.End, s.Since = s.Start.Add(24*time.Hour), begin
			s.Footprint = events.Footprint{
				Instances: events.Some(2), MemoryMB: events.Some(512), ProcessType: "web", Buildpack: "java_buildpack",
				BuildpackGUID: events.ID("buildpack"),
			}
			put(&s)
			n++
		}
	}
	return n
}

// A span costs a few dozen bytes; the log has several pieces, and stays in proportion to what
// stands however often that changes.
func TestSpansAreSmall(t *testing.T) {
	set := posted.New()
	n := month(set.Put)
	if perSpan := set.Size() / n; perSpan > 96 {
		t.Errorf("%d bytes a span", perSpan)
	}
	if len(set.Pieces()) == 0 {
		t.Error("the log is in one piece")
	}
	size := set.Size()
	for range 3 {
		before := slices.Clone(set.Pieces())
		month(func(s *posted.Span) {
			s.Version = 1
			set.Put(s)
		})
		for i := range before {
			if before[i].Digest != set.Pieces()[i].Digest {
				t.Fatal("a piece has changed")
			}
		}
		set.Tidy()
		if set.Size() > 5*size/2 {
			t.Fatalf("%d bytes, after %d at first", set.Size(), size)
		}
	}
	restored, err := posted.Restore(set.Pieces(), set.Tail(), 2)
	if err != nil || restored.Len() != n {
		t.Fatal(restored.Len(), err)
	}
	for _, address := range restored.All() {
		if s := restored.At(address); s.Version != 1 {
			t.Fatalf("%+v", s)
		}
	}
}

// No bytes make a panic, and those of a set give the set.
func FuzzRestore(f *testing.F) {
	set := posted.New()
	for i := range 4 {
		s := spans().Example(i)
		set.Put(&s)
		set.Remove(events.ID("id", fmt.Sprint(i)))
	}
	f.Add(set.Tail())
	f.Fuzz(func(t *testing.T, log []byte) {
		set, err := posted.Restore(nil, log, 4)
		if err != nil {
			return
		}
		again := posted.New()
		for _, address := range set.Sorted() {
			s := set.At(address)
			again.Put(&s)
		}
		if again.Len() != set.Len() {
			t.Fatalf("%d spans, %d when they are put in anew", set.Len(), again.Len())
		}
	})
}
