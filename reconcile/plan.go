package reconcile

import (
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Sums add up materials of a Cloud Foundry, as its usage summary does.
type Sums struct{ Instances, MemoryMB, Services, Tasks int64 }

// Add adds a material so many times.
func (s *Sums) Add(m *Material, times int64) {
	memory := times * int64(m.Footprint.MemoryMB.Or(0))
	switch m.Kind {
	case events.KindApp:
		n := int64(m.Footprint.Instances.Or(1))
		s.Instances, s.MemoryMB = s.Instances+times*n, s.MemoryMB+memory*n
	case events.KindTask:
		s.Tasks, s.MemoryMB = s.Tasks+times, s.MemoryMB+memory
	case events.KindService:
		s.Services += times
	}
}

// Plus adds other sums so many times.
func (s Sums) Plus(o Sums, times int64) Sums {
	return Sums{
		s.Instances + times*o.Instances, s.MemoryMB + times*o.MemoryMB, s.Services + times*o.Services,
		s.Tasks + times*o.Tasks,
	}
}

// Age is the least age of a difference.
type Age struct {
	Name  string
	Least time.Duration
}

// Ages are the ages of differences, the greatest first.
func Ages() []Age {
	return []Age{{"week", 7 * 24 * time.Hour}, {"day", 24 * time.Hour}, {"hour", time.Hour}, {"new", 0}}
}

// AgeOf is the name of the age of a difference.
func AgeOf(d time.Duration) string {
	all := Ages()
	for _, age := range all {
		if d >= age.Least {
			return age.Name
		}
	}
	return all[len(all)-1].Name
}

// Type is the type of a difference between blueprint and floorplan.
type Type string

// The types of remodels.
const (
	MissingStart   Type = "missing_start"   // it runs, and is not billed
	MissingStop    Type = "missing_stop"    // it is billed, and gone
	FootprintDrift Type = "footprint_drift" // it is billed with another size
	TenantDrift    Type = "tenant_drift"    // it is billed to another tenant: reported only
	Unknown        Type = "unknown"         // no type fits: reported only
)

// Act is the way in which a remodel is enacted.
type Act string

// The acts, by how much they change.
const (
	Report Act = "report" // nothing
	Hold   Act = "hold"   // what is in doubt is held for a decision
	Settle Act = "settle" // it becomes spans, or ends them
)

// Resolution is a way out of a difference that a person may take.
type Resolution string

// The resolutions.
const (
	AdoptFrom      Resolution = "adopt from" // with a time
	EndAt          Resolution = "end at"     // with a time
	HoldIt         Resolution = "hold"
	IgnoreUntil    Resolution = "ignore until"    // with a time
	ReportUpstream Resolution = "report upstream" // it is a fault of the platform
)

// Stage is a step of a plan. A stage is enacted when those before it are.
type Stage string

// The stages, in their order.
const (
	Starts  Stage = "starts"
	Changes Stage = "changes"
	Stops   Stage = "stops"
	Reports Stage = "report"
)

// Money is an amount per day in one currency, net of VAT, as exact decimals.
type Money struct{ Currency, Amount, VAT string }

// Remodel is one difference, and the change of the record that settles it.
type Remodel struct {
	ID    string // of its plan, kind and resource
	Type  Type
	Stage Stage
	Act   Act
	Key   Key
	// Why says why it is enacted in another way than the rules say; empty where it is not.
	Why string `json:",omitempty"`
	// Told is set where the platform's own word about the resource is the proof, for its listing
	// proves nothing.
	Told bool `json:",omitempty"`
	// Silent is set where METERED has ended it already, for its notifications are missing. Stake is
	// the price of a day of it, in no sum of the plan.
	Silent bool `json:",omitempty"`
	// Billed is the material of the blueprint, There of the floorplan; nil where there is none.
	Billed, There *Material
	// The change took place in [NotBefore, NotAfter]; Exact: at At, as the platform tells. At is
	// the time at which the record changes.
	At, NotBefore, NotAfter time.Time
	Exact                   bool
	// First is when a reconciliation saw the difference first.
	First time.Time
	// Stake is the money at stake per day, what is billed less what should be: negative for a
	// missing start. Unrated says that no plan in force has a price for one of the sides.
	Stake       []Money
	Unrated     bool
	Resolutions []Resolution
}

// Refusal is a group of remodels that is not enacted, as a whole.
type Refusal struct {
	Kind   string
	Type   Type
	Count  int    // --allow takes this very number of the kind
	Billed int    // how many of the kind are billed
	Why    string // for a person, with what to do
}

// Note is a difference that needs no act, or none yet.
type Note struct {
	Key  Key // empty for what is left out
	Code string
	Text string
}

// Codes of notes.
const (
	NoteLimited = "limited" // a limitation leaves it alone
	NoteEarly   = "early"   // the next time
	NoteDoubt   = "doubt"   // the platform does not tell
	NoteProof   = "proof"   // it is not proven
	NoteWaits   = "waits"   // another listing is to agree
	NoteEpoch   = "epoch"   // nothing is billed yet
	NotePrice   = "price"   // no plan in force prices it differently
	NoteHeld    = "held"    // a person decides
	NoteMore    = "more"    // further notes are left out
)

// Plan is a construction plan: what a reconciliation would change.
type Plan struct {
	ID                 string // of its position, floorplan and rules
	Source, Foundation string
	Made, Expires      time.Time
	Seen               time.Time // of the floorplan
	Horizon            time.Time // of the blueprint
	Usage, Metered     uint64    // position of the blueprint
	// AfterSequence is the newest message of USAGE that was known of: that before the floorplan, or
	// a later one with an effect on the blueprint. Nothing of it came behind the floorplan, for
	// what changed meanwhile is left alone; what is read behind it and happened earlier wins.
	AfterSequence    uint64
	Floorplan, Rules string // digests
	Listings         []Listing
	Remodels         []Remodel // in the order of stages, then keys
	Refused          []Refusal
	Notes            []Note
	// Explained is what is there and not billed, less what is billed and not there, of the
	// differences that stay as they are: limited, doubtful, without a price.
	Explained Sums
}
