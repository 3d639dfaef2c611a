package projector

import (
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/internal/forgotten"
	"github.com/daybook-billing/daybook/projector/internal/rederive"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file adds facts that are about folded months: it derives their resource from all its facts
// again.

// NeedsPast reports whether a fact belongs into folded time, or is the first one of a resource that
// may have been forgotten, and presumes more than a beginning. FactWithPast takes it. Of the state
// NeedsPast changes no more than Fact.
func (m *Meter) NeedsPast(u *events.Usage, sequence uint64) bool {
	f, presumes := m.foundation(u.Source, u.Foundation), platforms[u.Source].presumes
	if f.rules.Folded == timeline.MinMoment || presumes != nil && u.AfterSequence == 0 &&
		(!presumes(u) || f.peek(entryKey{u.Kind, u.Resource}) != nil ||
			!f.forgotten.May(forgotten.KeyOf(u.Kind, u.Resource))) {
		return false
	}
	e := f.observe(u, sequence)
	return e != nil && (e.TooLate(u, sequence) || e.Presumes(u, sequence))
}

// FactWithPast is Fact for one that needs its past: past is its resource before it.
func (m *Meter) FactWithPast(u *events.Usage, sequence uint64, past *rederive.Past, emit func(*events.Metered)) {
	m.past = past
	m.Fact(u, sequence, emit)
	m.past = nil
}

// late adds a fact to its timeline, derived again, and puts the difference to the published spans
// into the meter's change. Where that cannot be derived, the timeline holds a fact of folded time,
// for the reason in the change, and takes another one as the first of its resource. So it does
// where nothing was heard of the resource: it has come through the gaps of folded months.
func (m *Meter) late(f *foundation, e *entry, u *events.Usage, sequence uint64) {
	ch, published := &m.ch, m.past.Published
	if ch.Lacks = m.past.Lacks; ch.Lacks == "" {
		d := m.derive(f, e)
		kept, all := e.sub.pending.standing(e, published)
		if (d.Heard || e.TooLate(u, sequence)) && f.agree(d.Spans(), all) {
			d.Add(u, sequence, ch)
			t, err := d.Move(f.platform)
			if err == nil {
				e.Timeline = t
				f.renote(e, kept, sequence)
				return
			}
			ch.Reset(e.sub.tenant)
		}
		ch.Lacks = "what was published of it is not what its facts give today"
	}
	e.Add(u, sequence, ch)
}

// derive derives a resource as it is without the fact.
func (m *Meter) derive(f *foundation, e *entry) *rederive.Derivation {
	at := rederive.At{Horizon: f.rules.Horizon, Folded: f.rules.Folded, Shown: timeline.MinMoment}
	for _, s := range e.Running(nil) { // running spans begin at the last cut
		if f.rules.Cut.Floor(s.Start).Equal(s.Start) {
			at.Shown = max(at.Shown, timeline.MomentOf(s.Start))
		}
	}
	rules := f.rules
	return rederive.Derive(rederive.Resource{
		Platform: platforms[rules.Source].open(&rules, &m.cfg), Rules: &rules, Gaps: f.platform.Gaps(),
		Kind: e.key.kind, Name: e.key.resource,
	}, at, m.past.Inputs)
}

// standing are the published spans of a timeline without those retracted by the window, and these
// with its new ones.
func (p *pending) standing(e *entry, published []events.Span) (kept, all []events.Span) {
	if p == nil {
		return published, published
	}
	kept = slices.DeleteFunc(slices.Clone(published), func(s events.Span) bool {
		return slices.ContainsFunc(p.retracted, func(r retraction) bool { return r.of == e && r.span.ID == s.ID })
	})
	all = slices.Clone(kept)
	for i := range p.closed {
		if p.closed[i].of == e {
			all = append(all, p.closed[i].span)
		}
	}
	rederive.Sort(all)
	return kept, all
}

// agree reports whether derived spans are the published ones. An id covers everything charged.
func (f *foundation) agree(derived, published []events.Span) bool {
	return slices.EqualFunc(derived, published, func(d, p events.Span) bool {
		f.identify(&d)
		return d.ID == p.ID
	})
}

// renote keeps the published spans of a timeline in place of those kept before.
func (f *foundation) renote(e *entry, published []events.Span, sequence uint64) {
	e.published = nil
	for i := range published {
		s := &published[i]
		by := publication{sequence: sequence, correction: events.MonthNumber(s.Correction)}
		by.id, _ = events.ParseID(s.Publication)
		f.note(e, s, by)
	}
}
