// Package timeline is the contract between the projector's meter and the platforms: a platform
// makes timelines of its resources, and the meter makes METERED of their changes.
//
// A platform is a package beside this one. It has a type that implements Platform and one or more
// types that implement Timeline, and a line in the table of projector/platforms.go. The meter owns
// all subjects, horizons and messages, and never asks for the platform of a timeline.
//
// Everything here and in the platforms is pure: no clock, no I/O, no order of maps reaches a
// result.
package timeline

import (
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Rules are the rules of one foundation, common to its platform and the meter. The meter moves
// Horizon, Closed, Folded and Settled; a platform reads them.
type Rules struct {
	Source, Foundation string
	Cut                Cut
	Epoch              time.Time // nothing is billed before it; zero for none
	Horizon            Moment    // everything up to it is known; MinMoment before the first
	Closed             Moment    // the months before it are closed; MinMoment while none is
	Folded             Moment    // the facts before it are folded; MinMoment for none
	Settled            Moment    // no late fact of before it is looked for any more; MinMoment before the first horizon
}

// Platform is one platform's share of one foundation: the common state of its timelines.
type Platform interface {
	// Observe takes note of a fact, before the timeline does. It reports whether the fact is about
	// usage; known says that the resource has a timeline already.
	Observe(u *events.Usage, sequence uint64, known bool) bool
	// New returns the timeline of a resource, without facts.
	New(kind, resource string) Timeline
	// Gap takes note of a gap. It reports whether the gap is new; if it is, the meter calls Miss or
	// Lose of every timeline.
	Gap(g *events.Gap, sequence uint64) bool
	// Doubts reports whether there are gaps: folding then needs every timeline.
	Doubts() bool
	// Gaps are all gaps so far, in order.
	Gaps() []Gap
	// Advance takes note of a move of Rules.Horizon. It reports whether every timeline may have
	// expired, and not only the timelines that Expire by themselves.
	Advance() bool
	// Close ends the folding of the facts before Rules.Folded, after Close of every timeline.
	Close()
	// Pack and Unpack write and read the state, without the timelines.
	Pack(p *Packer)
	Unpack(r *Reader)
}

// Timeline is the run of one resource, derived from its facts. The methods with a Change put out
// the difference to the output before.
type Timeline interface {
	// Add adds a fact. It sets Change.Tenant if the fact changes it.
	Add(u *events.Usage, sequence uint64, ch *Change)
	// TooLate reports whether a fact belongs into folded time, where nothing can be derived from
	// it. Add holds it then, for the reason Change.Lacks.
	TooLate(u *events.Usage, sequence uint64) bool
	// Presumes reports whether a fact would be the first one, and says something of the time before
	// it: of a resource that was forgotten, its past is to be known.
	Presumes(u *events.Usage, sequence uint64) bool
	// Observe adds an observation of a reconciliation: it stands behind the facts up to its
	// AfterSequence, or by time.
	Observe(o *Observation, ch *Change)
	// Revert takes the observations of a plan back. It reports whether there were any.
	Revert(plan string, ch *Change) bool
	// Miss is Lose for an unlisted timeline. It puts nothing out, and reports whether the timeline
	// must be listed, and Lose be called.
	Miss() bool
	// Lose puts out the effect of the newest gap.
	Lose(ch *Change)
	// Decide applies an operator's decision. It reports whether the timeline has, or had, the hold.
	Decide(d *events.Act, ch *Change) bool
	// Decided reports whether an unlisted timeline keeps decisions for later ones to replace.
	Decided() bool
	// Expire puts out the effect of the move of the horizon from `before` to Rules.Horizon, beside
	// Advance.
	Expire(before Moment, ch *Change)
	// Expires reports whether each move of the horizon may change the timeline. It never changes.
	Expires() bool
	// Advance puts out the open spans, up to the boundary.
	Advance(boundary Moment, ch *Change)
	// Close folds the facts before Rules.Folded; no span and no hold changes. It reports whether
	// the timeline is over and can be forgotten.
	Close() bool
	// Final returns the time before which no published span begins that may still be retracted.
	Final() Moment
	// Shrink drops memory to be derived again. The meter calls it when it takes the timeline off
	// the list.
	Shrink()
	// Listed reports whether a message about the subject says anything of the timeline.
	Listed() bool
	// Running appends the open spans, from the last cut on.
	Running(out []events.Span) []events.Span
	// Held appends the holds, in the order of CompareHolds.
	Held(out []events.Hold) []events.Hold
	// Accrued appends the open spans as if they ended at the horizon.
	Accrued(out []events.Span) []events.Span
	// Anomalies returns the anomalies of all facts together, if the platform keeps them as state.
	Anomalies() []events.Anomaly
	// Pack and Unpack write and read the state. Unpack is called on a timeline without facts.
	Pack(p *Packer)
	Unpack(r *Reader)
}

// Gap is a gap with its sequence in USAGE. From is zero where nothing was known before.
type Gap struct {
	events.Gap
	Sequence uint64
}

// Accrued appends the open spans as if they ended at the horizon.
func (r *Rules) Accrued(out, running []events.Span) []events.Span {
	for _, span := range running {
		if span.End = r.Horizon.Time(); span.Start.Before(span.End) {
			out = append(out, span)
		}
	}
	return out
}

// HoldID is the id of a cause's hold on a resource.
func (r *Rules) HoldID(kind, resource, code, cause string) string {
	return events.ID("hold", r.Source, r.Foundation, kind, resource, code, cause)
}
