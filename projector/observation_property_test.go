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

// TestObservationsReverted holds METERED with observations, and the reversion of all of them, to
// METERED without them; and a meter that is saved and restored after every message to one that is
// not.
func TestObservationsReverted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		plain, observed, restored := newObserving(r), newObserving(r), newObserving(r)
		at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		sequence, running := uint64(0), false
		horizon := func() {
			h := events.Horizon{ID: fmt.Sprint("h", sequence), Source: "cf", Foundation: "f", Time: at}
			for _, m := range []*observing{plain, observed, restored} {
				m.meter.Horizon(&h, sequence, m.take)
			}
		}
		act := func(o events.Observation) {
			a := events.Act{
				ID: fmt.Sprint("act", sequence), Kind: events.ActObservation, Source: "cf", Foundation: "f", Time: at,
				Observation: o,
			}
			for _, m := range []*observing{observed, restored} {
				m.meter.Observed(&a, sequence, m.take)
			}
		}
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			sequence++
			before := at
			at = at.Add(time.Duration(rapid.IntRange(2, 40*60).Draw(r, "minutes")) * time.Minute)
			switch rapid.IntRange(0, 4).Draw(r, "what") {
			case 0, 1:
				u := events.Usage{
					ID: fmt.Sprint("u", sequence), Source: "cf", Foundation: "f", Tenant: "O", Kind: events.KindApp,
					Resource: "A", App: "A", Event: events.EventStarted, Previous: events.EventStopped, Time: at,
					Footprint: events.Footprint{
						Instances: events.Some(1), MemoryMB: events.Some(512), ProcessType: "web",
					},
				}
				if running {
					u.Event, u.Previous = events.EventStopped, events.EventStarted
				}
				running = !running
				for _, m := range []*observing{plain, observed, restored} {
					m.meter.Fact(&u, sequence, m.take)
				}
			case 2:
				horizon()
			default:
				o := events.Observation{
					Finding: rapid.SampledFrom([]string{events.FindingRunning, events.FindingGone}).Draw(r, "finding"),
					Plan:    fmt.Sprint(rapid.IntRange(0, 2).Draw(r, "plan")), Kind: events.KindApp, Resource: "A",
					App: "A", Tenant: "O", At: before.Add(at.Sub(before) / 2), Seen: at, AfterSequence: sequence - 1,
					Hold: rapid.Bool().Draw(r, "hold"),
					Footprint: events.Footprint{
						Instances:   events.Some(rapid.Uint32Range(1, 2).Draw(r, "instances")),
						MemoryMB:    events.Some(512),
						ProcessType: "web",
					},
				}
				act(o)
			}
			restored.restore(r)
		}
		if got, want := restored.lines(), observed.lines(); !slices.Equal(got, want) {
			r.Fatalf("restored\n%q\nnot restored\n%q", got, want)
		}
		for plan := range 3 {
			sequence++
			act(events.Observation{Finding: events.FindingReverted, Plan: fmt.Sprint(plan)})
		}
		sequence++
		at = at.Add(48 * time.Hour)
		horizon()
		for _, m := range []*observing{observed, restored} {
			if got, want := m.lines(), plain.lines(); !slices.Equal(got, want) {
				r.Fatalf("reverted\n%q\nnever observed\n%q", got, want)
			}
		}
	})
}

// observing is a meter with the spans that stand.
type observing struct {
	meter *projector.Meter
	spans map[string]events.Span
}

func newObserving(r *rapid.T) *observing {
	m, err := projector.NewMeter(projector.Config{})
	if err != nil {
		r.Fatal(err)
	}
	return &observing{m, map[string]events.Span{}}
}

func (o *observing) take(m *events.Metered) {
	for i := range m.Retracted {
		delete(o.spans, m.Retracted[i].ID)
	}
	for i := range m.Closed {
		o.spans[m.Closed[i].ID] = m.Closed[i]
	}
}

func (o *observing) restore(r *rapid.T) {
	m, err := projector.RestoreMeter(projector.Config{}, o.meter.Snapshot())
	if err != nil {
		r.Fatal(err)
	}
	o.meter = m
}

// lines are the spans that stand, and what accrues, in order.
func (o *observing) lines() (out []string) {
	line := func(s *events.Span) {
		n, _ := s.Footprint.Instances.Get()
		out = append(out, fmt.Sprintf("%s..%s %d %v", events.FormatTime(s.Start), events.FormatTime(s.End), n, s.Flags))
	}
	for _, s := range o.spans {
		line(&s)
	}
	for _, s := range o.meter.Accrued("cf", "f") {
		line(&s)
	}
	slices.Sort(out)
	return out
}
