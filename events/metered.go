package events

import (
	"slices"
	"time"
)

// Count is a whole number or absent: a footprint with 0 instances is not one without a
// number of instances. The zero value is absent. Counts compare with ==.
type Count struct {
	n  uint32
	ok bool
}

// Some returns a present count.
func Some(n uint32) Count { return Count{n, true} }

// Get returns the number and whether it is present.
func (c Count) Get() (uint32, bool) { return c.n, c.ok }

// Or returns the number, or n where it is absent.
func (c Count) Or(n uint32) uint32 {
	if c.ok {
		return c.n
	}
	return n
}

// Known reports whether the number is present.
func (c Count) Known() bool { return c.ok }

// Footprint is the size of a resource at one moment: the variables of a price. Fields of other
// kinds are absent or empty. Footprints compare with ==.
//
//	app, task, staging  Instances MemoryMB ProcessType Buildpack BuildpackGUID
//	service             Plan PlanGUID Offering OfferingGUID Broker BrokerGUID
//	instance            Flavor FlavorID MemoryMB Datastore DatastoreID Region AvailabilityZone
//	volume              VolumeGB Datastore DatastoreID Region AvailabilityZone
type Footprint struct {
	Instances Count
	MemoryMB  Count // MiB an instance
	VolumeGB  Count // GiB

	ProcessType   string
	Buildpack     string // name or redacted URL
	BuildpackGUID string
	Plan          string
	PlanGUID      string
	Offering      string
	OfferingGUID  string
	Broker        string
	BrokerGUID    string
	Flavor        string
	FlavorID      string

	Datastore        string // name, such as mysql, or Trove's service_id where it is not one of Trove's own
	DatastoreID      string // Trove's service_id, where Datastore is a name for it
	Region           string
	AvailabilityZone string
}

// Flags qualify a span's ends.
type Flags uint8

// The flags; Names gives their wire names.
const (
	InferredStart  Flags = 1 << iota // the true start was not reported
	InferredEnd                      // the end was deduced from later evidence
	ProvisionalEnd                   // the resource went silent; the end may still move
)

type flagName struct {
	flag Flags
	name string
}

func flagNames() [3]flagName {
	return [3]flagName{
		{InferredStart, "inferred_start"},
		{InferredEnd, "inferred_end"},
		{ProvisionalEnd, "provisional_end"},
	}
}

// Names returns the wire names of the flags, in a fixed order.
func (f Flags) Names() []string {
	var names []string
	for _, n := range flagNames() {
		if f&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// FlagsOf are the flags with these wire names. Other names belong to a newer version.
func FlagsOf(names []string) (f Flags) {
	for _, n := range flagNames() {
		if slices.Contains(names, n.name) {
			f |= n.flag
		}
	}
	return f
}

// Span is a half-open interval [Start, End) UTC of one resource with one footprint.
type Span struct {
	// ID identifies this publication of the span; empty while the span is running.
	ID       string
	Kind     string
	Resource string // process guid, task guid, app guid (staging), service instance guid, Trove instance id
	App      string
	Tenant   string
	Space    string
	// SpaceName and Name are labels: a change of them alone does not end a span.
	SpaceName string
	Name      string
	Start     time.Time
	End       time.Time // zero while running
	// Since is when the footprint was taken up: Start, or earlier where a cut divided the span.
	// Rounded prices (a started hour) count from here: cuts cost nothing.
	Since     time.Time
	Footprint Footprint
	Flags     Flags
	Evidence  []uint64 // sequences in USAGE of the facts behind the span, ascending
	// Publication and Correction are of a retracted span: the id of the Metered message that
	// published it, and that message's Correction. They are empty in other spans.
	Publication string
	Correction  string
	// Earlier is what the run had up to Since, where only guids were others, the latest first. A
	// price that asks for none of them counts from the last Since.
	Earlier []Stretch
}

// Stretch is a part of a run: since when, and with which guids in the footprint.
type Stretch struct {
	Since     time.Time
	Footprint Footprint
}

// Running reports whether the span has no end yet.
func (x *Span) Running() bool { return x.End.IsZero() }

// Anomaly codes.
const (
	AnomalyOrphanEnding        = "orphan_ending"         // an ending without a beginning
	AnomalyLostChange          = "lost_change"           // a later fact shows an unreported change
	AnomalyBuildWithoutEnd     = "build_without_end"     // not billed
	AnomalyDeleteWithoutCreate = "delete_without_create" // held, not billed
	AnomalyFailedBuild         = "failed_build"          // not billed
	AnomalyUnknownVolume       = "unknown_volume"        // held, not billed
	// AnomalySilent: not seen any more while others are; ended where it was seen last, for now
	AnomalySilent      = "silent"
	AnomalyAfterDelete = "after_delete" // evidence of life after the deletion
	// AnomalyClosedPeriod: about a closed and folded month; held for an operator
	AnomalyClosedPeriod = "closed_period"
	// AnomalyInconsistent: METERED contradicts itself; nothing was charged twice or reversed
	AnomalyInconsistent = "inconsistent"
	// AnomalyClock: a time long before an earlier fact's, or a deletion before the creation
	AnomalyClock = "clock"
	// AnomalyReplicaResize: a resize, perhaps of another volume than it names; a replica may be
	// larger than billed
	AnomalyReplicaResize = "replica_resize"
	AnomalyUnknownHold   = "unknown_hold"  // a decision about a hold that is not listed
	AnomalyUnreadable    = "unreadable"    // neither a fact nor a catalogue, or damaged
	AnomalyLongLabel     = "long_label"    // names beyond 1 KiB, cut
	AnomalyTooLong       = "too_long"      // a message that no server surely takes; left out
	AnomalyRefusedMonth  = "refused_month" // an act about a month that can not be closed or opened
	AnomalyUnknownPlan   = "unknown_plan"  // a reversion of a plan without an observation
	AnomalyRefusedSeal   = "refused_seal"  // a seal of another statement than the next one
	AnomalyManyHolds     = "many_holds"    // more of one resource is held than a message lists
)

// Anomaly is a fact in conflict with others, with the projector's answer to it.
type Anomaly struct {
	Code     string
	Resource string
	Time     time.Time
	Message  string
}

// Cause names the input behind a published message.
type Cause struct {
	ID       string
	Sequence uint64 // in the stage's input stream
	Event    string
	Time     time.Time
	// Usage is, in BILLING, the sequence in USAGE of the last fact behind the message. It is 0 in
	// METERED, where Sequence is it, and in the messages of a replay.
	Usage uint64
}

// Metered is the changes of the facts of one window, or of one cut, on one subject. It is the body
// of a message on metered.<source>.<foundation>.<tenant>.<kind>.<resource>.
//
// If RunningOmitted and HeldOmitted are 0, Running and Held are everything that runs and is held
// under the subject. Else they are everything of the resources that they list, Ended lists
// resources without anything, and the other resources stand as earlier messages list them. The last
// message of a subject with few resources is its state; of a subject with many, the messages since
// ListedFrom. A long list goes on in further messages of the same cause: each counts what the
// others list as omitted.
type Metered struct {
	ID         string
	Source     string
	Foundation string
	Tenant     string
	Kind       string
	Resource   string
	Cause      Cause  // the last fact of the window with an effect on the subject
	Retracted  []Span // published earlier, no longer true: each as it was published
	Closed     []Span // new, final unless retracted later
	Running    []Span // by kind, resource and start
	// RunningOmitted is how many more spans run under the subject.
	RunningOmitted uint32
	Anomalies      []Anomaly
	// Held is holds under the subject, by kind, resource and start: usage that is neither billed
	// nor dropped until a later fact settles it or an operator decides.
	Held        []Hold
	HeldOmitted uint32 // how many more are held under the subject
	// Ended are the resources that the message changes and of which nothing runs or is held any
	// more, where something is omitted; else empty.
	Ended []string
	// ListedFrom is set where something is omitted: the messages on this subject whose input has
	// this sequence in USAGE or a later one list everything that runs and is held.
	ListedFrom uint64
	// Correction is set when the message changes spans of closed months: the first open month
	// (YYYY-MM). The difference is posted there.
	Correction string
}

// Hold is a part of a timeline that is possible, but not proven: an unknown size, a gap in the
// facts. It is not billed.
type Hold struct {
	ID       string // the same as long as the cause is the same, wherever the part begins and ends
	Kind     string
	Resource string
	Code     string // one of the Hold or Anomaly codes
	Start    time.Time
	End      time.Time // zero while it goes on
	// Footprint is the size to be billed on release, as far as it is known.
	Footprint Footprint
	Reason    string // for a person
	// Lower is the other bound, where Footprint is one of two: the least that may have been in use
	// (0 instances: it did not run), while Footprint is the most. Of a service it is the other
	// plan.
	Lower Footprint
}

// Codes of holds, beside AnomalyUnknownVolume, AnomalyDeleteWithoutCreate, AnomalyClosedPeriod and
// AnomalyLostChange.
const (
	HoldGap           = "gap"            // facts may be missing, and nothing proves the usage meanwhile
	HoldUnknownFlavor = "unknown_flavor" // the flavour before the first known one
	HoldRetired       = "retired"        // proven up to a horizon before the end of the foundation
	// HoldUnprovenBaseline: a fact contradicts a baseline, which may have been stale
	HoldUnprovenBaseline = "unproven_baseline"
	HoldObservedGone     = "observed_gone"    // a reconciliation saw that it does not run any more
	HoldObservedRunning  = "observed_running" // one saw it run, and no fact says since when
	HoldObservedDrift    = "observed_drift"   // one saw another size
)

// MaxOthers is how many resources a Metered message lists at the most beside those that it changes:
// all others under the subject, or none where there are more.
const MaxOthers = 20

// AnomalyNotice is an anomaly of no resource, on
// metered.<source>.<foundation>.anomaly.
type AnomalyNotice struct {
	ID         string
	Source     string
	Foundation string
	Cause      Cause
	Anomaly    Anomaly
}

// Catalogue is a version of the price catalogue: the content of an act, and on metered.catalogue
// the version that is in force from there on.
type Catalogue struct {
	Version string
	YAML    string
	Reprice []string // closed months to be priced by this version, YYYY-MM: the difference is posted as corrections
}

// Closing ends a month of a foundation, on metered.<source>.<foundation>.closing, or opens the last
// closed one again. Months close in order: with one all earlier months are closed.
type Closing struct {
	ID         string
	Source     string
	Foundation string
	Month      string // YYYY-MM
	Reopened   bool   // the month is open again
	Cause      Cause  // the horizon, the act
	By         string // the person; empty: the month closed by itself
	Note       string
	Time       time.Time // of the act, else of the horizon
}
