package events

import "time"

// Entry is the kind of a line of the ledger.
const (
	EntryCharge   = "charge"
	EntryReversal = "reversal" // the exact negative of an earlier charge
	// EntryCorrection is what a closed month would have more or less, were it open: the difference.
	EntryCorrection = "correction"
)

// Charge is one line of the ledger: a span, or the part of it with one price, times one component
// of its plan. Amounts are exact decimals with at most 12 places, net of VAT, in Currency.
type Charge struct {
	ID         string
	Entry      string // EntryCharge, EntryReversal or EntryCorrection
	Reverses   string // the id of the charge, in a reversal
	Period     string // month the entry is posted to, YYYY-MM
	Span       string // id of the span; empty in a correction
	Kind       string
	Resource   string
	App        string
	Tenant     string
	Space      string
	Name       string
	Plan       string
	Catalogue  string // version of the catalogue
	Component  string
	Start, End time.Time
	Seconds    Decimal
	Quantity   Decimal
	Unit       string
	Amount     Decimal
	VATCode    string
	VAT        Decimal
	Currency   string
	Flags      Flags
	// Datastore, Region and AvailabilityZone are the footprint's; empty for Cloud Foundry.
	Datastore        string
	Region           string
	AvailabilityZone string
	// Corrects is, in a correction, the id of the first charge that it corrects; empty where there
	// was none.
	Corrects string
	Month    string // in a correction the closed month that it is about, YYYY-MM; else empty
	VATRate  string // a decimal; empty for no VAT
	// CurrencyRate is what one unit of the component's currency is in Currency, a decimal; empty
	// for 1.
	CurrencyRate string
}

// Billing is the charges for one METERED message, under one subject: the body of a message on
// billing.charge.<tenant>.<source>.<foundation>.<kind>.<resource>.
type Billing struct {
	ID         string
	Source     string
	Foundation string
	Tenant     string
	Kind       string
	Resource   string
	Cause      Cause
	Charges    []Charge // reversals first
}

// Unrated is a part of a span without a plan in the catalogue: not billed, and not forgotten.
type Unrated struct {
	ID         string
	Span       string // id of the span
	Kind       string
	Resource   string
	Tenant     string
	Space      string
	Name       string
	Start, End time.Time
	Footprint  Footprint
	Reason     string
	Period     string // month a charge for it would be posted to, YYYY-MM; empty: that of the start
}

// UnratedNotice lists parts of spans without a price, and earlier ones that have a price by now, on
// billing.unrated.<tenant>.<source>.<foundation>.<kind>.<resource>.
type UnratedNotice struct {
	ID         string
	Source     string
	Foundation string
	Tenant     string
	Kind       string
	Resource   string
	Cause      Cause
	Unrated    []Unrated
	Settled    []string // ids of earlier entries that are rated now, or whose span was retracted
}
