package events

import "time"

// Observation is what a reconciliation found on a platform where the record says something else. It
// is the content of an act: input like any fact, that a later event of the platform replaces.
type Observation struct {
	Finding string // FindingRunning, FindingGone or FindingReverted
	// Plan is the id of the construction plan with it. A reversion has no other field: it takes all
	// observations of the plan back.
	Plan    string
	Remodel string // the type of the difference: missing_start, missing_stop, footprint_drift

	Kind      string // KindApp, KindTask, KindService, KindInstance or KindVolume
	Resource  string // id of the timeline, as in Usage
	App       string
	Tenant    string
	Space     string
	SpaceName string
	Name      string
	Footprint Footprint // of FindingRunning

	// At is when it begins to count: the beginning of the run or of the size, or the end of the
	// run.
	At time.Time
	// Exact is set where the platform tells the time; else it lies in [NotBefore, NotAfter].
	Exact               bool
	NotBefore, NotAfter time.Time
	// Seen is when the platform was looked at. An event of before it, read later, wins.
	Seen time.Time
	// AfterSequence is the newest fact in USAGE at the time of the look: the observation counts
	// directly behind it.
	AfterSequence uint64
	// Hold says that what follows is held for a decision, and not billed.
	Hold bool
	// Evidence is the JSON of both sides, verbatim but for removed secrets.
	Evidence []byte
}

// Findings of an Observation.
const (
	FindingRunning  = "running"  // it runs with the footprint
	FindingGone     = "gone"     // it does not run
	FindingReverted = "reverted" // the observations of the plan count no longer
)

// ActObservation is the kind of the acts of reconciliations.
const ActObservation = "observation"
