package trace

import "github.com/daybook-billing/daybook/events"

// Answer is what became of an event.
type Answer string

// The answers. There is no other.
const (
	Charged     Answer = "charged"     // a span that names it has charges, and none was reversed for good
	Corrected   Answer = "corrected"   // a span that names it is of a closed month: what it changed is a correction
	Unrated     Answer = "unrated"     // a span that names it has no price
	Running     Answer = "running"     // a running span names it: charged at the next cut, or at its end
	Unpriced    Answer = "unpriced"    // a span that names it is metered, and the pricer has not come to it
	Held        Answer = "held"        // usage at its time is held, and not billed
	Replaced    Answer = "replaced"    // every span that named it was retracted for what came later
	NoEffect    Answer = "no_effect"   // see Because
	Unmetered   Answer = "unmetered"   // the projector has not come to it
	Quarantined Answer = "quarantined" // no collector understood it
	Control     Answer = "control"     // no event of a platform: a horizon, a gap, an act, a marker
	Unreadable  Answer = "unreadable"  // a message of USAGE that is no fact, or a damaged one
	Unknown     Answer = "unknown"     // neither USAGE nor QUARANTINE has it
)

// Answers are all answers.
func Answers() []Answer {
	return []Answer{
		Charged, Corrected, Unrated, Running, Unpriced, Held, Replaced, NoEffect, Unmetered, Quarantined, Control,
		Unreadable, Unknown,
	}
}

// Because is why an event has no effect.
type Because string

// The reasons. There is no other.
const (
	Repeated   Because = "repeated"     // the same event was stored before
	NoUsage    Because = "no_usage"     // it tells nothing about usage
	Refused    Because = "refused"      // it is in conflict with other facts: an anomaly says how
	Known      Because = "known"        // other facts prove the usage at its time already
	Discarded  Because = "discarded"    // usage at its time was held, and settled without a bill
	Ended      Because = "ended"        // an ending, and nothing of its resource ran
	NoTime     Because = "no_time"      // the state that it began or ended lasted no time
	NoCharge   Because = "no_charge"    // its spans are priced, and no component charges anything
	Overruled  Because = "overruled"    // an observation: an event of the platform, or a reversion, took its place
	OutOfScope Because = "out_of_scope" // nothing of its resource is metered at its time
)

// Reasons are all reasons.
func Reasons() []Because {
	return []Because{Repeated, NoUsage, Refused, Known, Discarded, Ended, NoTime, NoCharge, Overruled, OutOfScope}
}

// Sentence is a reason for people, behind "no effect, because".
func (b Because) Sentence() string {
	switch b {
	case Repeated:
		return "the same event was stored before, and counts once"
	case NoUsage:
		return "it tells nothing about usage (a build's buildpack, a service without a plan)"
	case Refused:
		return "it is in conflict with other facts, as the anomaly says"
	case Known:
		return "other facts prove the usage at its time already"
	case Discarded:
		return "the usage at its time was held, and was settled without a bill"
	case Ended:
		return "it is an ending, and nothing of its resource ran"
	case NoTime:
		return "the state that it began or ended lasted no time: another event is of the same instant"
	case NoCharge:
		return "no component of its plan charges anything for it"
	case Overruled:
		return "an event of the platform says otherwise, or its plan was reverted"
	case OutOfScope:
		return "nothing of its resource is metered at its time: it is before the epoch, in an excluded space, or " +
			"of a build that was given up"
	}
	return ""
}

// Sentence is an answer for people.
func (o *Outcome) Sentence() string {
	switch o.Answer {
	case Charged:
		return "charged: the spans that name it have charges"
	case Corrected:
		return "corrected: it is about a closed month, and what it changed there is posted as corrections"
	case Unrated:
		return "unrated: no plan prices the spans that name it; daybook unrated list shows what to do"
	case Running:
		return "running: what it began goes on, and is charged at the next cut or at its end"
	case Unpriced:
		return "unpriced: the spans that name it are metered, and the pricer has not come to them; daybook status"
	case Held:
		return "held: usage at its time is not billed until it is settled; daybook holds list shows what to do"
	case Replaced:
		return "replaced: every span that named it was taken back for what came later"
	case NoEffect:
		return "no effect, because " + o.Because.Sentence()
	case Unmetered:
		return "unmetered: the projector has not come to it; daybook status shows how far it is"
	case Quarantined:
		return "quarantined: no collector understood it; daybook quarantine list shows why"
	case Control:
		return "no event of a platform: a message of Daybook's own, a horizon, a gap, an act or a marker"
	case Unreadable:
		return "unreadable: this message of USAGE is no fact; daybook anomalies list shows what to do"
	case Unknown:
		return "unknown: neither USAGE nor QUARANTINE has it: it was not collected, or is no id of an event"
	}
	return ""
}

// Outcome is what became of one event: the answer, and everything that it rests on.
type Outcome struct {
	Answer  Answer
	Because Because // of NoEffect alone

	Spans     []Span           // those that name it, by start and message
	Running   []events.Span    // those that name it
	Charges   []Charge         // of Spans, as they stand in BILLING, and corrections of their months
	Unrated   []UnratedPart    // of Spans, those without a price
	Holds     []events.Hold    // of its resource, that touch its time and stand
	Anomalies []events.Anomaly // of its resource and its time
}

// Span is a span as METERED has published it.
type Span struct {
	events.Span
	Sequence  uint64 // in METERED
	Retracted uint64 // in METERED; 0: it stands
	// Corrected is set where a message that published it, or took it back, changes a closed month.
	Corrected bool
}

// Charge is an entry of BILLING.
type Charge struct {
	events.Charge
	Sequence uint64 // in BILLING
	Reversed bool
}

// UnratedPart is a part of a span without a price.
type UnratedPart struct {
	events.Unrated
	Sequence uint64 // in BILLING
}
