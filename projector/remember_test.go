package projector_test

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/internal/rederive"
)

// fact tells a fact. The meter may keep nothing of it.
func (b *books) fact(u *events.Usage, emit func(*events.Metered)) {
	kept := *u
	if b.remembers && b.meter.NeedsPast(u, b.sequence) {
		b.meter.FactWithPast(u, b.sequence, b.past(u), emit)
	} else {
		b.meter.Fact(u, b.sequence, emit)
	}
	b.inputs = append(b.inputs, rederive.Input{Sequence: b.sequence, Fact: &kept})
}

// word tells a decision.
func (b *books) word(d *events.Act, emit func(*events.Metered)) bool {
	b.inputs = append(b.inputs, rederive.Input{Sequence: b.sequence, Decision: d})
	return b.meter.Decide(d, b.sequence, emit)
}

// remembering has the meter read again what it has folded.
func (b *books) remembering() *books {
	b.remembers, b.again = true, map[string]bool{}
	return b
}

// past is what the projector's shell reads for a late fact.
func (b *books) past(of *events.Usage) *rederive.Past {
	b.again[of.Resource] = true
	out := &rederive.Past{Lacks: b.lacks}
	for _, in := range b.inputs {
		switch {
		case in.Decision != nil && (in.Decision.Decision.Kind != of.Kind ||
			in.Decision.Decision.Resource != of.SubjectResource()):
		case in.Fact != nil && (in.Fact.Kind != of.Kind || in.Fact.Resource != of.Resource) &&
			in.Fact.AfterSequence == 0:
		default:
			out.Inputs = append(out.Inputs, in)
		}
	}
	for _, s := range b.net {
		if s.Resource == of.Resource && (s.Kind == of.Kind || of.Kind == events.KindInstance &&
			s.Kind == events.KindVolume) {
			out.Published = append(out.Published, s)
		}
	}
	sortSpans(out.Published)
	return out
}
