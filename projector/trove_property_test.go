package projector_test

import (
	"fmt"
	"maps"
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

// cloud feeds a meter with messages of databases, and keeps METERED.
type cloud struct {
	meter    *projector.Meter
	sequence uint64
	net      map[string]events.Span
	holds    map[string][]events.Hold
	wrong    []string
}

func newCloud(s projector.Config) *cloud {
	return &cloud{meter: newMeter(s), net: map[string]events.Span{}, holds: map[string][]events.Hold{}}
}

func (c *cloud) post(m *events.Metered) {
	for i := range m.Retracted {
		if _, ok := c.net[m.Retracted[i].ID]; !ok {
			c.wrong = append(c.wrong, "retracted but not published: "+line(&m.Retracted[i]))
		}
		delete(c.net, m.Retracted[i].ID)
	}
	for _, s := range m.Closed {
		if _, ok := c.net[s.ID]; ok {
			c.wrong = append(c.wrong, "published twice: "+line(&s))
		}
		if !s.Start.Before(s.End) || s.Since.After(s.Start) || len(s.Evidence) == 0 || !slices.IsSorted(s.Evidence) {
			c.wrong = append(c.wrong, "malformed: "+line(&s))
		}
		s.Evidence = slices.Clone(s.Evidence)
		c.net[s.ID] = s
	}
	c.holds[m.Resource] = slices.Clone(m.Held)
}

// step gives the meter a fact, a horizon or a decision.
func (c *cloud) step(message any) {
	c.sequence++
	switch m := message.(type) {
	case *events.Usage:
		c.meter.Fact(m, c.sequence, c.post)
	case *events.Act:
		c.meter.Decide(m, c.sequence, c.post)
	case time.Time:
		collected(c.meter, &events.Horizon{
			ID: fmt.Sprint("h", c.sequence), Source: events.SourceTrove, Foundation: "eu",
			Time: m,
		}, c.sequence, c.post)
	}
}

// account is all published and accrued spans, pieces of one span joined, and all holds.
func (c *cloud) account() []string {
	spans := slices.Collect(maps.Values(c.net))
	spans = append(spans, c.meter.Accrued(events.SourceTrove, "eu")...)
	sortSpans(spans)
	var joined []events.Span
	for _, s := range spans {
		if n := len(joined) - 1; n >= 0 {
			p := &joined[n]
			if p.Kind == s.Kind && p.Resource == s.Resource && p.End.After(s.Start) {
				c.wrong = append(c.wrong, "overlap: "+line(p)+" and "+line(&s))
			}
			if p.Kind == s.Kind && p.Resource == s.Resource && p.End.Equal(s.Start) && p.Since.Equal(s.Since) &&
				p.Footprint == s.Footprint {
				p.End, p.Flags = s.End, p.Flags|s.Flags
				continue
			}
		}
		joined = append(joined, s)
	}
	out := lines(joined)
	for _, resource := range slices.Sorted(maps.Keys(c.holds)) {
		for _, h := range c.holds[resource] {
			out = append(out, heldLine(&h))
		}
	}
	return out
}

func heldLine(h *events.Hold) string {
	text := fmt.Sprintf("%s held %s %s %s-", h.Resource, h.Kind, h.Code, short(h.Start))
	if !h.End.IsZero() {
		text += short(h.End)
	}
	return text + strings.TrimRight(fmt.Sprintf(" %s %s", h.Footprint.FlavorID, count(h.Footprint.VolumeGB)), " ")
}

func count(c events.Count) string {
	if n, ok := c.Get(); ok {
		return fmt.Sprint(n)
	}
	return ""
}

// plainly is the account of the cloud in the words of the second implementation: without flags and
// run.
func (c *cloud) plainly() (spans, holds []string) {
	all := slices.Collect(maps.Values(c.net))
	all = append(all, c.meter.Accrued(events.SourceTrove, "eu")...)
	sortSpans(all)
	var joined []events.Span
	for _, s := range all {
		if n := len(joined) - 1; n >= 0 && joined[n].Kind == s.Kind && joined[n].Resource == s.Resource &&
			joined[n].End.Equal(s.Start) && joined[n].Footprint == s.Footprint {
			joined[n].End = s.End
			continue
		}
		joined = append(joined, s)
	}
	for i := range joined {
		s := joined[i]
		text := line(&events.Span{Kind: s.Kind, Footprint: s.Footprint, Start: s.Start, Since: s.Start, End: s.End})
		spans = append(spans, s.Resource+" "+s.Kind+text)
	}
	for _, list := range c.holds {
		for _, h := range list {
			h.Footprint = events.Footprint{}
			holds = append(holds, heldLine(&h))
		}
	}
	slices.Sort(spans)
	slices.Sort(holds)
	return spans, holds
}

// shuffled gives the messages in any order with horizons between, and the last horizon at the end.
// Decisions come in their order, when something is known of the database.
func shuffled(t *rapid.T, settings projector.Config, messages []any, horizon int) *cloud {
	c := newCloud(settings)
	var decisions []any
	for _, m := range messages {
		if d, ok := m.(*events.Act); ok {
			decisions = append(decisions, d)
		}
	}
	for _, m := range rapid.Permutation(messages).Draw(t, "order") {
		if rapid.IntRange(0, 3).Draw(t, "horizon moves") == 0 {
			c.step(minute(rapid.IntRange(0, horizon-1).Draw(t, "to")))
		}
		if _, ok := m.(*events.Act); ok {
			continue
		}
		c.step(m)
		if rapid.Bool().Draw(t, "decide") {
			for _, d := range decisions {
				c.step(d)
			}
		}
	}
	for _, d := range decisions {
		c.step(d)
	}
	c.step(minute(horizon))
	return c
}

// TestTroveConverges: in whatever order messages and decisions come, wherever horizons come
// between, some twice: spans, flags and holds are the same in the end, and only published spans are
// retracted.
func TestTroveConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := noise.Databases(t)
		settings := projector.Config{Cut: cuts().Draw(t, "cut")}
		horizon := rapid.IntRange(3400, 5900).Draw(t, "horizon")
		one, two := shuffled(t, settings, messages, horizon), shuffled(t, settings, messages, horizon)
		if a, b := one.account(), two.account(); !slices.Equal(a, b) || one.wrong != nil || two.wrong != nil {
			t.Fatalf("one order gives\n%s\nanother\n%s\nwrong: %q %q", strings.Join(a, "\n"), strings.Join(b, "\n"),
				one.wrong, two.wrong)
		}
	})
}

// TestTrovePainted: METERED is a minute by minute account of all messages.
func TestTrovePainted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := noise.Databases(t)
		settings, epoch := projector.Config{Cut: cuts().Draw(t, "cut")}, time.Time{}
		if rapid.IntRange(0, 3).Draw(t, "has epoch") == 0 {
			epoch = minute(rapid.IntRange(0, 3000).Draw(t, "epoch"))
			settings.Epoch = map[string]time.Time{events.SourceTrove: epoch}
		}
		horizon := rapid.IntRange(3400, 5900).Draw(t, "horizon")
		c := shuffled(t, settings, messages, horizon)
		c.account()
		wantSpans, wantHolds := paintAll(messages, epoch, horizon)
		gotSpans, gotHolds := c.plainly()
		if !slices.Equal(gotSpans, wantSpans) || !slices.Equal(gotHolds, wantHolds) || c.wrong != nil {
			t.Fatalf("found\n%s\n%s\npainted\n%s\n%s\nwrong: %q", strings.Join(gotSpans, "\n"), strings.Join(gotHolds,
				"\n"),
				strings.Join(wantSpans, "\n"), strings.Join(wantHolds, "\n"), c.wrong)
		}
	})
}

// BenchmarkTroveExists is one more report of a database that runs.
func BenchmarkTroveExists(b *testing.B) {
	m := newMeter(projector.Config{Cut: timeline.CutDay})
	emit := func(*events.Metered) {}
	m.Fact(created(), 1, emit)
	u := exists("10:00", by("r/a"))
	at := 0
	b.ReportAllocs()
	for b.Loop() {
		at++
		u.Time = clock("10:05").Add(time.Duration(at) * time.Second)
		u.Observed = u.Time
		m.Fact(u, uint64(at)+1, emit)
	}
}
