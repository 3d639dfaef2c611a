package proof_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/redact"
)

// outcome is the content of METERED about one foundation, without retracted spans.
type outcome struct {
	spans   map[string]events.Span
	running map[string][]events.Span // by subject
	held    map[string][]events.Hold // by subject
	lost    []events.Anomaly         // the contradictions
	gaps    []events.Gap
	horizon time.Time
	wrong   []string // contradictions in METERED itself
}

func newOutcome() *outcome {
	return &outcome{
		spans: map[string]events.Span{}, running: map[string][]events.Span{},
		held: map[string][]events.Hold{},
	}
}

// apply applies a message of METERED.
func (o *outcome) apply(m *events.Metered) {
	for i := range m.Retracted {
		id := m.Retracted[i].ID
		if _, published := o.spans[id]; !published {
			o.wrong = append(o.wrong, fmt.Sprintf("message %s (%s) retracts %s, which is not published", m.ID,
				m.Cause.Event, show(&m.Retracted[i])))
		}
		delete(o.spans, id)
	}
	for _, s := range m.Closed {
		if _, published := o.spans[s.ID]; published {
			o.wrong = append(o.wrong, fmt.Sprintf("message %s (%s) closes %s once more", m.ID, m.Cause.Event, show(&s)))
		}
		if !s.Start.Before(s.End) {
			o.wrong = append(o.wrong, fmt.Sprintf("message %s (%s) closes the empty span %s", m.ID, m.Cause.Event,
				show(&s)))
		}
		o.spans[s.ID] = s
	}
	for _, a := range m.Anomalies {
		if a.Code == events.AnomalyLostChange {
			o.lost = append(o.lost, a)
		}
	}
	subject := m.Tenant + "." + m.Kind + "." + m.Resource
	o.running[subject] = slices.Clone(m.Running)
	o.held[subject] = slices.Clone(m.Held)
	if m.RunningOmitted+m.HeldOmitted > 0 {
		o.wrong = append(o.wrong, fmt.Sprintf("message %s leaves out what runs: the world is too large for this test",
			m.ID))
	}
}

func show(s *events.Span) string {
	return fmt.Sprintf("%s %s [%s, %s) %+v", s.Kind, s.Resource, events.FormatTime(s.Start), events.FormatTime(s.End),
		s.Footprint)
}

// resource is a timeline.
type resource struct{ kind, id string }

// stretch is a part of a timeline in the truth, on the bill or held; a zero end goes on.
type stretch struct {
	start, end time.Time
	footprint  sim.Footprint
}

func (s *stretch) covers(t time.Time) bool {
	return !t.Before(s.start) && (s.end.IsZero() || t.Before(s.end))
}

// judgement compares truth and outcome, moment by moment.
type judgement struct {
	truth, billed, held map[resource][]stretch
	gaps                []events.Gap
	horizon             time.Time
	exact               bool // nothing was lost at the API: the bill must be complete
	// lossy tells resources of which no more may be billed than ran, because something is held.
	lossy func(resource) bool
	// unseen is the resource of a lost row that no later row shows: nothing is judged of it.
	unseen resource

	found      []string
	mismatches []mismatch
	// ran is the compared time of resources, right its correctly billed part.
	ran, right time.Duration
}

// mismatch is a moment of a difference between truth and bill.
type mismatch struct {
	at            resource
	from, to      time.Time
	truth, billed []stretch
	text          string
}

// judge compares the outcome with the truth. The rules:
//
//   - a billed span ran then, with this footprint: always
//   - a true span is billed; where facts were lost, it is held or lies in a gap instead, or began
//     or changed in one
func judge(truth []sim.Span, o *outcome, exact bool, more ...func(*judgement)) *judgement {
	j := &judgement{
		truth: map[resource][]stretch{}, billed: map[resource][]stretch{}, held: map[resource][]stretch{},
		gaps: o.gaps, horizon: o.horizon, exact: exact, found: slices.Clone(o.wrong),
		lossy: func(resource) bool { return false },
	}
	for _, set := range more {
		set(j)
	}
	for _, s := range truth {
		s.Footprint.Buildpack = redact.URL(s.Footprint.Buildpack)
		at := resource{s.Kind, s.Resource}
		j.truth[at] = append(j.truth[at], stretch{s.Start, s.End, s.Footprint})
	}
	bill := func(s *events.Span) {
		at := resource{s.Kind, s.Resource}
		j.billed[at] = append(j.billed[at], stretch{s.Start, s.End, inWordsOfSim(s.Footprint)})
	}
	for _, s := range o.spans {
		bill(&s)
	}
	for _, spans := range o.running {
		for i := range spans {
			bill(&spans[i])
		}
	}
	for _, holds := range o.held {
		for _, h := range holds {
			at := resource{h.Kind, h.Resource}
			j.held[at] = append(j.held[at], stretch{start: h.Start, end: h.End})
		}
	}
	all := map[resource]bool{}
	for at := range j.truth {
		all[at] = true
	}
	for at := range j.billed {
		all[at] = true
	}
	for at := range all {
		j.timeline(at)
	}
	slices.Sort(j.found)
	return j
}

// timeline judges one resource.
func (j *judgement) timeline(at resource) {
	if at == j.unseen {
		return
	}
	var bounds []time.Time
	for _, list := range [][]stretch{j.truth[at], j.billed[at], j.held[at]} {
		for _, s := range list {
			bounds = append(bounds, s.start)
			if !s.end.IsZero() {
				bounds = append(bounds, s.end)
			}
		}
	}
	for _, g := range j.gaps {
		bounds = append(bounds, g.From, g.To)
	}
	bounds = append(bounds, j.horizon)
	slices.SortFunc(bounds, time.Time.Compare)
	bounds = slices.CompactFunc(bounds, time.Time.Equal)
	for i, from := range bounds[:len(bounds)-1] {
		if to := bounds[i+1]; !to.After(j.horizon) {
			j.moment(at, from, to)
		}
	}
}

// moment judges an interval without changes on any side.
func (j *judgement) moment(at resource, from, to time.Time) {
	truth, billed := covering(j.truth[at], from), covering(j.billed[at], from)
	wrong := func(format string, args ...any) {
		where := fmt.Sprintf("%s %s from %s to %s ", at.kind, at.id, events.FormatTime(from), events.FormatTime(to))
		text := where + fmt.Sprintf(format, args...)
		j.found = append(j.found, text)
		j.mismatches = append(j.mismatches, mismatch{at, from, to, truth, billed, text})
	}
	if len(truth) > 1 {
		wrong("ran twice at once, says the truth: mend the simulator")
		return
	}
	switch {
	case len(billed) > 1:
		wrong("is billed %d times", len(billed))
	case len(billed) == 1 && len(truth) == 0:
		wrong("did not run, and is billed as %s", brief(billed[0].footprint))
	case len(billed) == 1 && j.lossy(at) && noMore(billed[0].footprint, truth[0].footprint):
	case len(billed) == 1 && !j.exact && j.ahead(at, from, billed[0].footprint):
	case len(billed) == 1 && !j.same(truth[0].footprint, billed[0].footprint):
		wrong("ran as %s, and is billed as %s", brief(truth[0].footprint), brief(billed[0].footprint))
	case len(billed) == 0 && len(truth) == 1:
		// between contradicting rows at most a minute apart the smaller size is billed: perhaps
		// nothing
		near := j.lossy(at) && to.Sub(from) <= time.Minute
		if excused := near || len(covering(j.held[at], from)) > 0 || j.inGap(at, from) ||
			j.inGap(at, truth[0].start); j.exact && !j.lossy(at) || !excused {
			wrong("ran as %s, and is neither billed nor held, nor in a gap", brief(truth[0].footprint))
		}
	}
	if len(truth) == 1 {
		j.ran += to.Sub(from)
		if len(billed) == 1 && j.same(truth[0].footprint, billed[0].footprint) {
			j.right += to.Sub(from)
		}
	}
}

// noMore reports whether a process is billed with no more than ran.
func noMore(billed, truth sim.Footprint) bool {
	less := billed.Instances <= truth.Instances && billed.MemoryMB <= truth.MemoryMB
	billed.Instances, billed.MemoryMB = truth.Instances, truth.MemoryMB
	return less && billed == truth
}

// same reports whether a footprint is billed as it was. A reseeded row does not tell the type of
// its process, and the droplet's buildpack instead of the URL of a custom one beside it: whoever
// never saw the process before cannot know them.
func (j *judgement) same(truth, billed sim.Footprint) bool {
	if !j.exact && billed.ProcessType == "" {
		truth.ProcessType = ""
	}
	if !j.exact && billed.Buildpack != "" && billed.BuildpackGUID == truth.BuildpackGUID {
		truth.Buildpack = billed.Buildpack
	}
	return truth == billed
}

// ahead reports whether a resource is billed behind a gap with what it ran as at most a spread of
// the clocks later: a reseed by a server with a slow clock is older than the change that it shows,
// of which it has purged the event by a server with a fast one.
func (j *judgement) ahead(at resource, from time.Time, billed sim.Footprint) bool {
	spread := slices.Max(clocks) - slices.Min(clocks)
	later := covering(j.truth[at], from.Add(spread))
	return !j.inGap(at, from) && j.inGap(at, from.Add(-spread)) && len(later) == 1 && j.same(later[0].footprint, billed)
}

func brief(f sim.Footprint) string {
	if f.PlanGUID != "" {
		return f.Offering + "/" + f.Plan
	}
	return fmt.Sprintf("%s %d × %d MB with %q (%s)", f.ProcessType, f.Instances, f.MemoryMB, f.Buildpack,
		f.BuildpackGUID)
}

func (j *judgement) inGap(at resource, t time.Time) bool {
	return slices.ContainsFunc(j.gaps, func(g events.Gap) bool {
		return (g.List == "" || g.List == events.ListOf(at.kind)) && !t.Before(g.From) && t.Before(g.To)
	})
}

func covering(list []stretch, t time.Time) []stretch {
	var out []stretch
	for _, s := range list {
		if s.covers(t) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b stretch) int { return cmp.Or(a.start.Compare(b.start), a.end.Compare(b.end)) })
	return out
}

// inWordsOfSim is a footprint in the words of the simulator.
func inWordsOfSim(f events.Footprint) sim.Footprint {
	return sim.Footprint{
		Instances: int(f.Instances.Or(0)), MemoryMB: int(f.MemoryMB.Or(0)), VolumeGB: int(f.VolumeGB.Or(0)),
		ProcessType: f.ProcessType, Buildpack: f.Buildpack, BuildpackGUID: f.BuildpackGUID,
		Plan: f.Plan, PlanGUID: f.PlanGUID, Offering: f.Offering, OfferingGUID: f.OfferingGUID, Broker: f.Broker,
		BrokerGUID: f.BrokerGUID,
		Flavor:     f.Flavor, FlavorID: f.FlavorID, Datastore: f.Datastore, DatastoreID: f.DatastoreID,
		Region:           f.Region,
		AvailabilityZone: f.AvailabilityZone,
	}
}
