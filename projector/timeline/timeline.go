// Package timeline is the contract between the projector's meter and the platforms: a platform
// makes timelines of its resources, and the meter makes METERED of their changes.
//
// A platform is a package beside this one with a type that implements Platform and one or more that
// implement Timeline. It is entered in the table of projector/platforms.go. The meter owns all
// subjects, horizons and messages, and never asks which platform a timeline is of.
//
// Everything here and in the platforms is pure: no clock, no I/O, no order of maps reaches a
// result.
package timeline

import (
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Rules are the rules of one foundation that its platform and the meter share. The meter moves
// Horizon and Closed; a platform reads them.
type Rules struct {
	Source, Foundation string
	Cut                Cut
	Epoch              time.Time // nothing is billed before it; zero for none
	Horizon            Moment    // everything up to it is known; MinMoment before the first
	Closed             Moment    // the months before it are closed; MinMoment while none is
}

// Platform is one platform's share of one foundation: everything that its timelines have in common.
type Platform interface {
	// Observe takes note of a fact, before the timeline does. It reports whether the fact is about
	// usage; known says that the resource has a timeline already.
	Observe(u *events.Usage, sequence uint64, known bool) bool
	// New returns the timeline of a resource, without facts.
	New(kind, resource string) Timeline
	// Gap takes note of a gap. It reports whether the gap is new; if it is, the meter calls Miss or
	// Lose of every timeline.
	Gap(g *events.Gap, sequence uint64) bool
	// Advance takes note that Rules.Horizon has moved. It reports whether every timeline has to be
	// asked whether it has expired, and not only the timelines that Expire by themselves.
	Advance() bool
	// Close ends the closing of the months before Rules.Closed, after Close of every timeline.
	Close()
	// Pack and Unpack write and read the state, without the timelines.
	Pack(p *Packer)
	Unpack(r *Reader)
}

// Timeline is what ran of one resource, derived from its facts. The methods with a Change put out
// the difference to what had been put out before.
type Timeline interface {
	// Add adds a fact. It sets Change.Tenant if the fact changes it.
	Add(u *events.Usage, sequence uint64, ch *Change)
	// Miss is Lose for a timeline that is not listed. It puts nothing out, and reports whether the
	// timeline has to be listed, and Lose to be called.
	Miss() bool
	// Lose puts out the effect of the newest gap.
	Lose(ch *Change)
	// Decide applies an operator's decision. It reports whether the timeline has, or had, the hold.
	Decide(d *events.Decision, ch *Change) bool
	// Decided reports whether a timeline that is not listed keeps decisions, so that another one
	// may replace them.
	Decided() bool
	// Expire puts out what the move of the horizon from `before` to Rules.Horizon changed beside
	// Advance.
	Expire(before Moment, ch *Change)
	// Expires reports whether each move of the horizon may change the timeline. It never changes.
	Expires() bool
	// Advance puts out the spans that go on, up to the boundary.
	Advance(boundary Moment, ch *Change)
	// Close folds the facts of closed months, which changes no span and no hold. It reports whether
	// the timeline is over and can be forgotten.
	Close() bool
	// Shrink drops memory that can be derived again. The meter calls it when the timeline is not
	// listed any more.
	Shrink()
	// Listed reports whether a message about the subject says anything of the timeline.
	Listed() bool
	// Running appends the spans that go on, from the last cut on.
	Running(out []events.Span) []events.Span
	// Held appends the holds, in the order of CompareHolds.
	Held(out []events.Hold) []events.Hold
	// Accrued appends the spans that go on as if they ended at the horizon.
	Accrued(out []events.Span) []events.Span
	// Anomalies returns the anomalies of all facts together, of a platform whose anomalies are
	// state.
	Anomalies() []events.Anomaly
	// Pack and Unpack write and read the state. Unpack is called on a timeline without facts.
	Pack(p *Packer)
	Unpack(r *Reader)
}

// Accrued appends the spans that go on as if they ended at the horizon.
func (r *Rules) Accrued(out, running []events.Span) []events.Span {
	for _, span := range running {
		if span.End = r.Horizon.Time(); span.Start.Before(span.End) {
			out = append(out, span)
		}
	}
	return out
}

// HoldID is the id of the hold that a cause has on a resource.
func (r *Rules) HoldID(kind, resource, code, cause string) string {
	return events.ID("hold", r.Source, r.Foundation, kind, resource, code, cause)
}
