// Package rederive derives the timeline of one resource from all its facts again, where a fact is
// about months whose facts are folded. It is pure, as the platforms are.
package rederive

import (
	"cmp"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Past is the messages of USAGE and METERED about a resource before a fact.
type Past struct {
	Inputs    []Input       // in order
	Published []events.Span // and not retracted, with their publications
	// Lacks is the reason why nothing can be derived, the end of a sentence; empty for none.
	Lacks string
}

// Input is a message of USAGE: a fact, a decision or an observation about the resource, or a late
// fact of another one with the place of a fact.
type Input struct {
	Sequence    uint64
	Fact        *events.Usage
	Decision    *events.Act
	Observation *events.Act // or the reversion of one
}

// Resource is a resource to be derived, on a platform without facts.
type Resource struct {
	Platform   timeline.Platform
	Rules      *timeline.Rules // of the platform
	Gaps       []timeline.Gap  // of the foundation
	Kind, Name string
}

// At is where the derivation stands: the horizon, the time before which facts are folded, and the
// boundary of the published part of running spans, MinMoment for none.
type At struct{ Horizon, Folded, Shown timeline.Moment }

// Derivation is a timeline and its spans.
type Derivation struct {
	Timeline timeline.Timeline
	Heard    bool // a fact of the resource was among the inputs
	of       Resource
	at       At
	spans    map[place]events.Span
}

// place tells the spans of a timeline apart: they do not overlap.
type place struct {
	kind  string
	start int64
}

// Derive derives a resource from the inputs and the gaps, in their order, without folding anything.
func Derive(of Resource, at At, inputs []Input) *Derivation {
	d := &Derivation{of: of, at: at, spans: map[place]events.Span{}}
	of.Rules.Horizon, of.Rules.Closed, of.Rules.Folded = timeline.MinMoment, timeline.MinMoment, timeline.MinMoment
	var ch timeline.Change
	gaps := of.Gaps
	for i := range inputs {
		in := &inputs[i]
		for len(gaps) > 0 && gaps[0].Sequence < in.Sequence {
			d.gap(&gaps[0], &ch)
			gaps = gaps[1:]
		}
		if in.Decision != nil {
			if d.Timeline != nil {
				ch.Reset("")
				d.Timeline.Decide(in.Decision, &ch)
				d.take(&ch)
			}
			continue
		}
		if in.Observation != nil {
			d.observe(in.Observation, in.Sequence, &ch)
			continue
		}
		ch.Reset(in.Fact.Tenant)
		d.fact(in.Fact, in.Sequence, &ch)
		d.take(&ch)
	}
	for i := range gaps {
		d.gap(&gaps[i], &ch)
	}
	if of.Rules.Horizon = at.Horizon; d.Timeline == nil {
		d.Timeline = of.Platform.New(of.Kind, of.Name)
	}
	ch.Reset("")
	d.Timeline.Expire(timeline.MinMoment, &ch)
	if at.Shown != timeline.MinMoment {
		d.Timeline.Advance(at.Shown, &ch)
	}
	d.take(&ch)
	return d
}

// observe adds an observation, or takes one back, as the meter does.
func (d *Derivation) observe(a *events.Act, sequence uint64, ch *timeline.Change) {
	o := timeline.ObservationOf(a, sequence)
	ch.Reset(o.Said.Tenant)
	switch {
	case o.Said.Finding == events.FindingReverted && d.Timeline != nil:
		d.Timeline.Revert(o.Said.Plan, ch)
	case o.Said.Finding == events.FindingReverted || d.Timeline == nil && o.Gone():
		return
	default:
		if d.Timeline == nil {
			d.Timeline, d.Heard = d.of.Platform.New(d.of.Kind, d.of.Name), true
		}
		d.Timeline.Observe(o, ch)
	}
	d.take(ch)
}

func (d *Derivation) gap(g *timeline.Gap, ch *timeline.Change) {
	if d.of.Platform.Gap(&g.Gap, g.Sequence) && d.Timeline != nil {
		ch.Reset("")
		d.Timeline.Lose(ch)
		d.take(ch)
	}
}

// fact adds a fact of the resource; of another one the platform alone takes note.
func (d *Derivation) fact(u *events.Usage, sequence uint64, ch *timeline.Change) {
	own := u.Kind == d.of.Kind && u.Resource == d.of.Name
	if !d.of.Platform.Observe(u, sequence, d.Timeline != nil && own) || !own {
		return
	}
	if d.Timeline == nil {
		d.Timeline, d.Heard = d.of.Platform.New(d.of.Kind, d.of.Name), true
	}
	d.Timeline.Add(u, sequence, ch)
}

// take applies a change to the spans.
func (d *Derivation) take(ch *timeline.Change) {
	for i := range ch.Retracted {
		delete(d.spans, placeOf(&ch.Retracted[i]))
	}
	for i := range ch.Closed {
		d.spans[placeOf(&ch.Closed[i])] = ch.Closed[i]
	}
}

func placeOf(s *events.Span) place { return place{s.Kind, s.Start.UnixNano()} }

// Spans are the spans put out by the timeline and not taken back, by kind and time.
func (d *Derivation) Spans() []events.Span {
	out := make([]events.Span, 0, len(d.spans))
	for _, s := range d.spans {
		out = append(out, s)
	}
	Sort(out)
	return out
}

// Sort orders spans of one timeline.
func Sort(spans []events.Span) {
	slices.SortFunc(spans, func(a, b events.Span) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Start.Compare(b.Start))
	})
}

// Add adds the fact, and puts out the difference. Then it folds as far as the meter.
func (d *Derivation) Add(u *events.Usage, sequence uint64, ch *timeline.Change) {
	d.fact(u, sequence, ch)
	d.of.Rules.Folded = d.at.Folded
	d.Timeline.Close()
}

// Move returns the timeline as one of another platform of the same kind, as a snapshot would.
func (d *Derivation) Move(to timeline.Platform) (timeline.Timeline, error) {
	p := timeline.NewPacker("", 0)
	p.Alone = true
	d.Timeline.Pack(p)
	t, r := to.New(d.of.Kind, d.of.Name), timeline.NewReader(p.Bytes)
	t.Unpack(r)
	return t, r.End()
}
