package events

import (
	"fmt"
	"time"
)

// Act is the envelope of everything that people decide: the body of a message on
// usage.act.<kind>.<source>.<foundation>, with "all" where an act is about no one source or no one
// foundation. Its kind says which one of the contents is there. It is input like any fact: what is
// derived with it can be derived again.
type Act struct {
	ID         string
	Kind       string // one of the Act… constants
	Source     string // empty: about no one source
	Foundation string // empty: about no one foundation
	By         string // the person
	Note       string // the reason
	Time       time.Time
	// Expectation is the sequence in USAGE behind which the act was given: it is refused behind any
	// other. 0 stands for none.
	Expectation uint64

	Catalogue   Catalogue
	Decision    Decision
	Retirement  Retirement
	Replay      Replay
	Input       Input
	Month       Month
	Statement   []byte // the JSON of a statement.Statement with its number, or of a part of one
	Erasure     Erasure
	Observation Observation
}

// Kinds of acts.
const (
	ActCatalogue  = "catalogue"  // puts a version in force
	ActDecision   = "decision"   // about a hold
	ActRetirement = "retirement" // of one of several collectors of a foundation, or of the foundation
	ActReplay     = "replay"     // of a projection
	ActDiscard    = "discard"    // of an input in QUARANTINE
	ActClosing    = "closing"    // of a month of a foundation
	ActReopening  = "reopening"  // of the last closed month of a foundation
	ActMode       = "mode"       // of closing, for months that are open
	ActGrace      = "grace"      // before a month closes by itself, for months that are open
	ActSeal       = "seal"       // of a statement: the pricer's own, once a month is closed
	ActErasure    = "erasure"    // of a tenant's names
)

// Misplaced tells why the act does not count on a subject; nil where it does. It counts on the
// subject that its content names alone; a catalogue and a replay name no source and no foundation.
func (x *Act) Misplaced(subject string) error {
	if (x.Kind == ActCatalogue || x.Kind == ActReplay) && x.Source+x.Foundation != "" {
		return fmt.Errorf("it is an act of kind %q, which names no source and no foundation", x.Kind)
	}
	if own := ActSubject(x.Kind, x.Source, x.Foundation); subject != own {
		return fmt.Errorf("it is an act of kind %q, which belongs on %s", x.Kind, own)
	}
	return nil
}

// Decision is an operator's word on a hold.
type Decision struct {
	Kind     string // of the subject, as in the Metered message with the hold
	Resource string // last token of the subject
	Hold     string // id of the hold
	Action   string // ActionRelease or ActionDiscard
	// Footprint completes the hold's: the size of a volume, a flavour.
	Footprint Footprint
}

// Actions of a Decision.
const (
	ActionRelease = "release" // bill what is held
	ActionDiscard = "discard" // never bill it
)

// Retirement ends a collector, until its next horizon, or, with a time, a foundation that is gone.
type Retirement struct {
	Collector string
	At        time.Time // the end of a foundation that is gone; zero for a collector's retirement
}

// Replay begins the replay of a projection: the id of the act is the cause of the difference that
// the replay publishes.
type Replay struct {
	Projection string // name of its stage: projector or pricer
	Logic      string // of the program that replays, with its settings
	Input      uint64 // last message of the input stream that the replay covers
	Output     uint64 // last message of the projection's stream before the replay
}

// Input is the last word on an input in QUARANTINE, which counts no longer. "discarded" is that of
// a person, in USAGE. The others are outcomes of a resubmission, an act of the kind ActResubmission
// on the subject SettledSubject of QUARANTINE.
type Input struct {
	ID      string // of the Quarantined
	Outcome string // "discarded", "stored", "known" or "ignored"
}

// Month is what is decided about the months of a foundation or, with the mode or the grace, of all
// foundations.
type Month struct {
	Month        string // of a closing or a reopening, YYYY-MM
	Mode         string // of closing: ModeAutomatic or ModeManual
	GraceSeconds uint32 // from a month's end to its closing
}

// Erasure ends the use of a tenant's names: every later answer has guids in their places.
type Erasure struct {
	Tenant string // guid
}

// Modes of closing.
const (
	ModeAutomatic = "automatic" // when the horizon has passed the end of the month by the grace
	ModeManual    = "manual"    // by an act alone
)

// ActResubmission is the kind of an act that only QUARANTINE has.
const ActResubmission = "resubmission"
