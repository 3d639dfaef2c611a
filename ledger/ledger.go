package ledger

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/names"
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
	From      Positions // before the batch
	Positions Positions // after it
	Charges   []Charge
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
	// Details and Marks are empty but for a Detailed ledger.
	Details Details
	Marks   Marks
}

// Marks say how far the streams were read, and of which messages, in bytes for the next reader. One
// is nil where nothing of its stream is posted.
type Marks struct{ Metered, Billing []byte }

// Follows reports whether a ledger at some positions may post the batch.
func (b *Batch) Follows(at Positions) bool {
	to := b.Positions
	return b.From == at && to.Metered >= at.Metered && to.Billing >= at.Billing && to != at
}

// Details is the content of a batch for ledgers with single entries.
type Details struct {
	Changes    []Change
	Statements []Issued
	Catalogues []Catalogue
}

// Change is the retracted spans of a message of METERED, and then the closed ones.
type Change struct {
	Source, Foundation string
	Sequence           uint64   // in METERED
	Retracted          []string // ids
	Closed             []events.Span
}

// Issued is a message with a part of a statement.
type Issued struct {
	statement.Statement
	Sequence uint64 // in BILLING
	Usage    uint64 // of its seal, in USAGE; 0: not known any more
}

// Catalogue is a version of the price catalogue, in force from its message on.
type Catalogue struct {
	events.Catalogue
	Sequence uint64 // in METERED
	Usage    uint64 // of its act, in USAGE
}

// Place is where an entry stands in BILLING. Places are ordered as the entries were posted.
type Place struct {
	Sequence uint64 // of its message
	Index    uint32 // in the message, from 0
}

// Compare is negative where p is before o, and positive where it is behind.
func (p Place) Compare(o Place) int {
	return cmp.Or(cmp.Compare(p.Sequence, o.Sequence), cmp.Compare(p.Index, o.Index))
}

// Charge is an entry of BILLING with where it comes from.
type Charge struct {
	events.Charge
	Source, Foundation string
	Place              Place
	// Usage is the sequence in USAGE of the last fact behind it. It is 0 where a replay published
	// it.
	Usage uint64
}

// AppendCharges appends the entries of a message with its sequence in BILLING.
func AppendCharges(to []Charge, m *events.Billing, sequence uint64) []Charge {
	for i := range m.Charges {
		to = append(to, Charge{
			Charge: m.Charges[i], Source: m.Source, Foundation: m.Foundation, Usage: m.Cause.Usage,
			Place: Place{Sequence: sequence, Index: uint32(i)},
		})
	}
	return to
}

// SummedBy is the resource of the entry in sums: the resource, and of a task its app, as in
// the subject. Tasks are as many as events.
func (c *Charge) SummedBy() string {
	if c.Kind == events.KindTask {
		return c.App
	}
	return c.Resource
}

// Of is the month in which the entry begins, YYYY-MM, where that is before the one that it is
// posted to: the month that a correction is of. It is empty for all others.
func (c *Charge) Of() string {
	if c.Start.IsZero() {
		return ""
	}
	if month := c.Start.Format(events.MonthForm); month < c.Period {
		return month
	}
	return ""
}

// Unrated is an unrated part of a span with where it comes from.
type Unrated struct {
	events.Unrated
	Source, Foundation string
}

// PostedTo is the month of posting of a charge for it, YYYY-MM.
func (u *Unrated) PostedTo() string { return cmp.Or(u.Period, u.Start.Format(events.MonthForm)) }

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

// Sums answers questions about the sums of all postings up to its positions. Its answers are about
// whole batches only.
type Sums interface {
	Positions(ctx context.Context) (Positions, error)
	// Bill returns the selected lines, sorted by period, tenant, original month, kind, group, plan,
	// component and unit.
	Bill(ctx context.Context, q Query) (Bill, error)
	// Horizons returns the horizons of a Bill of the query, without adding anything up.
	Horizons(ctx context.Context, q Query) ([]Horizon, error)
	// Totals returns the sums of the selected charges by the query's dimensions, in their order. It
	// fails with ErrTooMany beyond MaxSums of them.
	Totals(ctx context.Context, q Query) ([]Sum, error)
	// Anomalies returns the selected anomalies that stand, as anomalies.Standing does, and how many
	// more of them there are.
	Anomalies(ctx context.Context, f anomalies.Filter) (all []anomalies.Entry, omitted int, err error)
	// Running returns the running spans of a query's foundations, tenants, spaces, apps, resources
	// and kinds, sorted by kind, resource, foundation and start.
	Running(ctx context.Context, q Query) ([]Span, error)
	// Held returns the holds of such a query, in the same order, and how many more there are that
	// messages only count.
	Held(ctx context.Context, q Query) (held []Held, omitted int, err error)
}

// Ledger keeps postings from METERED and BILLING.
//
// Post MUST apply a batch wholly or not at all, and MUST refuse one from other positions than the
// ledger's own, or to none beyond them (ErrPosted): posting again after an unanswered Post, or
// beside another poster, must not count anything twice, nor leave anything out.
type Ledger interface {
	Sums
	Post(ctx context.Context, batch Batch) error
}

// Detailed is a Ledger that keeps Batch.Details and Batch.Marks, too. They are made for it alone.
type Detailed interface {
	Ledger
	// Marks returns the positions with the last marks of both streams.
	Marks(ctx context.Context) (Positions, Marks, error)
}

// Reader answers all questions, those about single entries too. Queries may have Upto and Known.
type Reader interface {
	Sums
	// Charges returns the selected entries behind a place, in the order of BILLING, and at most
	// limit of them.
	Charges(ctx context.Context, q Query, after Place, limit int) ([]Charge, error)
	// Charge returns the entry with an id, where the query selects it. Error: ErrNone.
	Charge(ctx context.Context, q Query, id string) (Charge, error)
	// Spans returns the standing spans, running ones too, of a query's foundations, tenants,
	// spaces, apps, resources and kinds, where they touch [from, to): by start, resource and id. It
	// fails with ErrTooMany beyond MaxSpans of them.
	Spans(ctx context.Context, q Query, from, to time.Time) ([]Span, error)
	// Unrated returns the parts without a price of a query's foundations, tenants, spaces,
	// resources, kinds and months, by tenant, kind, foundation, resource and start.
	Unrated(ctx context.Context, q Query) ([]Unrated, error)
	// MonthSums returns the money of the months of one foundation or, where it is empty, of all, by
	// source, foundation, month and currency, with the corrections since the last words about them.
	MonthSums(ctx context.Context, foundation string, last []MonthWord) ([]MonthSum, error)
	// Statements returns the issued statements and credit notes of a query's foundations, tenants
	// and month, in the order of BILLING.
	Statements(ctx context.Context, q Query) ([]statement.Statement, error)
}

// ErrNone: the query selects nothing with such an id.
var ErrNone = errors.New("there is no such entry")

// Held is a hold, with where it is.
type Held struct {
	events.Hold
	Source, Foundation, Tenant string
}

// Span is a span of METERED, with where it ran or runs.
type Span struct {
	events.Span
	Source, Foundation string
}

// CompareSpans sorts running spans as Sums.Running does.
func CompareSpans(a, b Span) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource),
		cmp.Compare(a.Foundation, b.Foundation), a.Start.Compare(b.Start), cmp.Compare(a.Source, b.Source))
}

// CompareStarts sorts spans as Reader.Spans does.
func CompareStarts(a, b Span) int {
	return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Foundation, b.Foundation), cmp.Compare(a.Source, b.Source))
}

// CompareHeld sorts holds as Sums.Held does.
func CompareHeld(a, b Held) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource),
		cmp.Compare(a.Foundation, b.Foundation), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Source, b.Source))
}

// MaxSums and MaxSpans are how many sums and spans an answer has at the most.
const (
	MaxSums  = 100_000
	MaxSpans = 1_000_000
)

// ErrTooMany: an answer would be longer than answers may be.
var ErrTooMany = errors.New(
	"the answer has more than 100,000 sums or 1,000,000 spans: choose a tenant, a month or fewer dimensions")

// Sum is the sum over the charges with the same values of a query's dimensions, in one currency.
type Sum struct {
	Group    []string // the values of Query.By
	Currency string
	Unit     string // empty where charges have none, or not all the same one
	Charges  int    // entries, reversals included
	Quantity events.Decimal
	Amount   events.Decimal // net of VAT
	VAT      events.Decimal
}

// Add adds another sum.
func (s *Sum) Add(o *Sum) {
	if s.Unit != o.Unit {
		s.Unit = ""
	}
	s.Charges += o.Charges
	s.Quantity, s.Amount, s.VAT = s.Quantity.Add(o.Quantity), s.Amount.Add(o.Amount), s.VAT.Add(o.VAT)
}

// Saver is a Ledger with a state of bytes to save, its positions included.
type Saver interface {
	Ledger
	// Snapshot writes the state as it is made, so that it never stands in memory as a whole.
	Snapshot(ctx context.Context, to io.Writer) error
	// Erase puts guids in the places of erased names in the state.
	Erase(e *names.Erasures)
	// Restore replaces the state by a snapshot, in one step; nil is the empty state. It fails for a
	// damaged snapshot, and then changes nothing.
	Restore(ctx context.Context, snapshot []byte) error
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
	TenantNames        map[string]string // by guid, where they are known; a ledger knows none
	Missing            []string          // sentences about missing messages, as CatchUp returns them
	Platforms          []Comparison      // whether METERED agrees with what platforms count; a ledger knows none
}

// Comparison says whether METERED agrees with the sums of a foundation's platform.
type Comparison struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	At         string `json:"at"` // as events.FormatTime has it
	Agrees     bool   `json:"agrees"`
	Text       string `json:"text"` // for a person
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

// Horizon is how far a source has been metered, and charged: running spans are charged at each cut,
// so Billed is never beyond the start of one.
type Horizon struct {
	Source, Foundation string
	Metered, Billed    time.Time
	Ended              time.Time // of a foundation that an operator has retired; zero for one at work
}
