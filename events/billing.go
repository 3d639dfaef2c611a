package events

import "time"

// Entry tells what a line of the ledger does.
const (
	EntryCharge   = "charge"
	EntryReversal = "reversal" // the exact negative of an earlier charge
)

// Charge is one line of the ledger: a span, or the part of it with one price, times one component
// of its plan. Amounts are exact decimals with at most 12 places, net of VAT, in Currency.
type Charge struct {
	ID         string
	Entry      string // EntryCharge or EntryReversal
	Reverses   string // the id of the charge that a reversal takes back
	Period     string // month the entry is posted to, YYYY-MM
	Span       string // id of the span
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
}

// Billing is what one METERED message costs, for one subject: the body of a message on
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

// Unrated is a part of a span that no plan of the catalogue prices. It is not billed, and not
// forgotten.
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

// UnratedNotice lists what could not be priced, and what now is, on
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
