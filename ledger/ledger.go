package ledger

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// Positions are the sequences of the last posted messages, by stream. They are stored in the same
// step as the postings.
type Positions struct {
	Metered uint64
	Billing uint64
}

// Batch is the content of messages for one step, in stream order. Slices may be empty. The ledger
// must not keep them.
type Batch struct {
	Positions Positions // after the batch
	Charges   []events.Charge
	Unrated   []Unrated
	// Settled are the ids of unrated entries to drop, entries of this batch included: an id is
	// never used again.
	Settled []string
	Running []Running
	Metered []events.Horizon // metered through
	Billed  []events.Horizon // charged through
	Gaps    []events.Gap
	// Closings are of BILLING: months that close, or are opened again, behind their charges.
	Closings []events.Closing
}

// Unrated is an unrated part of a span with where it comes from.
type Unrated struct {
	events.Unrated
	Source, Foundation string
}

// Running tells what runs and is held under one subject, as a message does, with its anomalies: see
// events.Metered for what it leaves out. Without a subject it is anomalies of no resource.
type Running struct {
	Subject            string // METERED subject
	Horizons           int    // of Batch.Metered that stand before the message
	Anomalies          []anomalies.Anomaly
	Source, Foundation string
	Tenant             string
	Spans              []events.Span
	SpansOmitted       uint32
	Held               []events.Hold
	HeldOmitted        uint32
	Ended              []string // resources
}

// Ledger keeps postings from METERED and BILLING, and answers questions about their sums.
//
// Post MUST apply a batch wholly or not at all, and MUST refuse one with positions not beyond the
// ledger's own (ErrPosted): posting again after an unanswered Post must not count anything twice.
// Readers MUST see whole batches only.
type Ledger interface {
	Positions(ctx context.Context) (Positions, error)
	Post(ctx context.Context, batch Batch) error
	// Bill returns the selected lines, sorted by period, tenant, original month, kind, group, plan,
	// component and unit.
	Bill(ctx context.Context, q Query) (Bill, error)
	// Days returns the selected sums by day, resource and component, sorted by day, tenant, kind,
	// resource, plan, component and period.
	Days(ctx context.Context, q Query) ([]Day, error)
	// Anomalies returns the selected anomalies that stand, as anomalies.Standing does, and how many
	// more of them there are.
	Anomalies(ctx context.Context, f anomalies.Filter) (all []anomalies.Entry, omitted int, err error)
	// Running returns the running spans of a tenant, of everybody if tenant is empty, sorted by
	// kind, resource and start.
	Running(ctx context.Context, tenant string) ([]events.Span, error)
}

// Saver is a Ledger whose whole state can be saved as bytes, its positions included.
type Saver interface {
	Ledger
	Snapshot(ctx context.Context) ([]byte, error)
	// Restore replaces the state by a snapshot, in one step; nil is the empty state. It fails for a
	// damaged snapshot, and then changes nothing.
	Restore(ctx context.Context, snapshot []byte) error
}

// Query selects charges, and what is said about their completeness. Empty fields select everything.
type Query struct {
	Tenant string
	Period string // month, YYYY-MM
	// By are the dimensions by which a Bill sums; none stands for kind, plan, component and unit.
	// Days are always divided by all of them.
	By []Dimension
}

// Within returns the beginning and the end of the query's month (UTC); zero times without one.
func (q *Query) Within() (from, to time.Time) {
	return events.MonthTime(q.Period)
}

// Dimension is a property of charges by which a bill can be divided. Its value is empty where
// charges have none.
type Dimension string

// The dimensions.
const (
	ByKind             Dimension = "kind"
	BySpace            Dimension = "space" // guid
	ByApp              Dimension = "app"   // guid
	ByResource         Dimension = "resource"
	ByPlan             Dimension = "plan"
	ByComponent        Dimension = "component"
	ByDay              Dimension = "day" // on which a charge begins, YYYY-MM-DD
	ByDatastore        Dimension = "datastore"
	ByRegion           Dimension = "region"
	ByAvailabilityZone Dimension = "availability_zone"
)

// Dimensions are all dimensions.
func Dimensions() []Dimension {
	return []Dimension{
		ByApp, BySpace, ByResource, ByPlan, ByComponent, ByDay, ByKind, ByDatastore, ByRegion, ByAvailabilityZone,
	}
}

// Bill is the sum of the charges of a query, and all that may still change it: of the query's month
// and tenant alone, where it has one.
type Bill struct {
	Query     Query
	Lines     []Line
	Totals    []Total // of the charges of all lines, sorted by period, tenant, currency and VAT rate
	Unrated   int
	Running   int            // running spans, charged up to their Start only
	Held      int            // parts without proof, not billed
	Anomalies map[string]int // those that stand, by code; those of no tenant are everybody's
	Gaps      []events.Gap
	Horizons  []Horizon
	// Final are the months of the bill that are closed in every foundation of their tenants and
	// charged, the newest first: they change no more. Preliminary are the others.
	Final, Preliminary []string
	Missing            []string // sentences about messages that the streams lack, as CatchUp returns them
}

// Line is a sum of charges. By default it is over those of one component, else over those with the
// same Group.
type Line struct {
	Period string
	// Of is the month that a correction is of, YYYY-MM: its charges begin in an earlier month than
	// the one that they are posted to. It is empty for all others.
	Of        string
	Tenant    string
	Kind      string // empty with a Group, as are Plan and Component
	Plan      string
	Component string
	Unit      string // empty where charges have none, or not all the same one
	Currency  string
	Charges   int // entries, reversals included
	Quantity  events.Decimal
	Amount    events.Decimal // net of VAT
	VAT       events.Decimal
	Group     []string // the values of Query.By; nil without
}

// Total is the exact sum over the charges of a tenant's month in one currency at one VAT rate. On
// paper each is rounded by itself, so a bill adds up as a statement does.
type Total struct {
	Period   string
	Tenant   string
	Currency string
	VATRate  string // a decimal; empty for no VAT
	Amount   events.Decimal
	VAT      events.Decimal
}

// Counted reports whether Quantity says something: a formula gives no unit, and sums of different
// units have none.
func (l *Line) Counted() bool { return l.Unit != "" }

// Vain reports whether a line says nothing: no amount and no quantity.
func (l *Line) Vain() bool {
	return l.Amount.IsZero() && l.VAT.IsZero() && (!l.Counted() || l.Quantity.IsZero())
}

// Add adds a line with the same key to this one.
func (l *Line) Add(o *Line) {
	if l.Unit != o.Unit {
		l.Unit = ""
	}
	l.Charges += o.Charges
	l.Quantity, l.Amount, l.VAT = l.Quantity.Add(o.Quantity), l.Amount.Add(o.Amount), l.VAT.Add(o.VAT)
}

// Day is the sum over the charges of one component of one resource that begin on one day (UTC). The
// resource of tasks is their app, as in the subject: tasks are as many as events.
type Day struct {
	Line // of the resource and the day
	Day  time.Time

	Space, App, Resource                string
	Datastore, Region, AvailabilityZone string
}

// Value is the day's value of a dimension.
func (d *Day) Value(by Dimension) string {
	switch by {
	case ByKind:
		return d.Kind
	case BySpace:
		return d.Space
	case ByApp:
		return d.App
	case ByResource:
		return d.Resource
	case ByPlan:
		return d.Plan
	case ByComponent:
		return d.Component
	case ByDay:
		return d.Day.Format(time.DateOnly)
	case ByDatastore:
		return d.Datastore
	case ByRegion:
		return d.Region
	case ByAvailabilityZone:
		return d.AvailabilityZone
	}
	return ""
}

// Horizon is how far a source has been metered, and charged: running spans are charged at each cut,
// so Billed is never beyond the start of one.
type Horizon struct {
	Source, Foundation string
	Metered, Billed    time.Time
	Ended              time.Time // of a foundation that an operator has retired; zero for one at work
}
