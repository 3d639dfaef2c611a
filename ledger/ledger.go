package ledger

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Positions are the last messages that a ledger has posted, by stream. They are stored in the same
// step as the postings.
type Positions struct {
	Metered uint64
	Billing uint64
}

// Batch is what a ledger posts in one step, in stream order. Slices may be empty. The ledger must
// not keep them.
type Batch struct {
	Positions Positions // after the batch
	Charges   []events.Charge
	Unrated   []Unrated
	// ids of unrated entries that are no longer, those of this batch included: an id is never used
	// again
	Settled   []string
	Running   []Running
	Metered   []events.Horizon // metered through
	Billed    []events.Horizon // charged through
	Gaps      []events.Gap
	Anomalies []events.Anomaly
}

// Unrated is an unrated part of a span with where it comes from.
type Unrated struct {
	events.Unrated
	Source, Foundation string
}

// Running replaces the running spans and the held parts of one subject.
type Running struct {
	Subject            string // METERED subject
	Source, Foundation string
	Tenant             string
	Spans              []events.Span
	Held               []events.Hold
	HeldOmitted        uint32 // held parts that Held leaves out
}

// Ledger is what is posted from METERED and BILLING, and what it can be asked.
//
// Post MUST apply a batch wholly or not at all, and MUST refuse one whose positions are not beyond
// its own (ErrPosted): posting again after an unanswered Post must not count anything twice.
// Readers MUST see whole batches only.
type Ledger interface {
	Positions(ctx context.Context) (Positions, error)
	Post(ctx context.Context, batch Batch) error
	// Bill returns the lines that match, sorted by period, tenant, kind, plan, component and unit.
	Bill(ctx context.Context, q Query) (Bill, error)
	// Running returns the running spans of a tenant, of everybody if tenant is empty, sorted by
	// kind, resource and start.
	Running(ctx context.Context, tenant string) ([]events.Span, error)
}

// Query selects charges. Empty fields select everything.
type Query struct {
	Tenant string
	Period string // month, YYYY-MM
}

// Bill is the sum of the charges that a query selects, and what stands between it and being final.
type Bill struct {
	Lines     []Line
	Unrated   int
	Running   int            // running spans, charged up to their Start only
	Held      int            // parts that may have run and are not billed
	Anomalies map[string]int // by code, over all tenants
	Gaps      []events.Gap
	Horizons  []Horizon
}

// Line is the sum over the charges of one component.
type Line struct {
	Period    string
	Tenant    string
	Kind      string
	Plan      string
	Component string
	Unit      string
	Currency  string
	Charges   int // entries, reversals included
	Quantity  events.Decimal
	Amount    events.Decimal // net of VAT
	VAT       events.Decimal
}

// Horizon is how far a source has been metered, and charged: what runs is charged at each cut, so
// Billed is never beyond the start of a running span.
type Horizon struct {
	Source, Foundation string
	Metered, Billed    time.Time
}
