// Package statement is the message with the bill of a closed month: a statement for each tenant and
// foundation, and the credit note that takes one back.
//
// The pricer proposes statements when a month closes, and seals each with a number by an act in
// USAGE. When the seal has come back on METERED, it publishes the statement on
// billing.statement.<tenant>.<source>.<foundation>.<YYYY-MM>. A statement with a number never
// changes.
package statement

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/text"
	"github.com/daybook-billing/daybook/events/wire"
)

// Type is the CloudEvents type of a Statement on BILLING, SealType on METERED.
const (
	Type     = "daybook.statement.v1"
	SealType = "daybook.seal.v1"
)

// Kind is the kind, in their subjects, of entries about a whole statement; their resource is its
// number.
const Kind = "statement"

// Subject is the subject of the statements of a tenant's month.
func Subject(tenant, source, foundation, month string) string {
	return "billing.statement." + text.Token(tenant) + "." + text.Token(source) + "." + text.Token(foundation) + "." +
		text.Token(month)
}

// Filter matches the statements of a tenant's month in a foundation; an empty one stands for all.
func Filter(tenant, foundation, month string) string {
	oneOrAll := func(s string) string {
		if s == "" {
			return "*"
		}
		return text.Token(s)
	}
	return "billing.statement." + oneOrAll(tenant) + ".*." + oneOrAll(foundation) + "." + oneOrAll(month)
}

// SealSubject is where the projector passes the seals of a foundation on.
func SealSubject(source, foundation string) string {
	return "metered." + text.Token(source) + "." + text.Token(foundation) + ".seal"
}

// Statement is the bill of a tenant's month in a foundation, or the credit note of one. One larger
// than a message has several parts: each has some of the lines, and all the rest.
//
// Amounts are net of VAT. Those without "rounded" in the name are exact.
type Statement struct {
	ID         string
	Source     string
	Foundation string
	Tenant     string
	Month      string // YYYY-MM
	// Number is the place in the foundation's series of statements and credit notes, from 1; 0: it
	// is not issued.
	Number uint64
	// Revision counts the statements of the month, from 1. A credit note has that of its statement.
	Revision uint32
	Credits  uint64    // in a credit note the number of its statement; else 0
	Part     uint32    // from 0
	Parts    uint32    // at least 1
	Closed   time.Time // when the month closed, by the act or the horizon; zero in a preview
	Horizon  time.Time // metered through, at the closing
	Entries  uint64    // standing charges of the month, and corrections posted to it
	// Digest is the SHA-256, in hexadecimal, over these entries: each as the JSON of its charge
	// with all fields but the name, and a newline, sorted by id.
	Digest     string
	Catalogues []string // versions of the entries, sorted
	// Lines are sorted: those of the month first, then the corrections by month.
	Lines  []Line
	Rates  []Rate  // by currency and VAT rate
	Totals []Total // by currency
	// Held is usage without proof, Unrated usage without a price, up to the end of the month: the
	// earliest ones. Omitted is how many more there are.
	Held           []Unbilled
	HeldOmitted    uint32
	Unrated        []Unbilled
	UnratedOmitted uint32
	Gaps           []Gap // touching the month
	GapsOmitted    uint32
}

// Line is a sum over entries of one component at one price and rate.
type Line struct {
	Plan      string
	Component string
	Month     string // of corrections: the corrected month; else empty
	Unit      string // empty: the component has no quantity
	// UnitPrice is in PriceCurrency; both are empty for a formula and for corrections.
	UnitPrice     string
	PriceCurrency string
	CurrencyRate  string // of a unit of the component's currency, in Currency; empty for 1
	VATRate       string // empty for no VAT
	Currency      string
	Entries       uint32
	Quantity      events.Decimal
	Amount        events.Decimal
	VAT           events.Decimal
	// RoundedAmount and RoundedVAT are in the currency's minor unit. Those of the lines of one VAT
	// rate add up to the rate's own.
	RoundedAmount events.Decimal
	RoundedVAT    events.Decimal
}

// Rate is the sum over all lines of one currency and VAT rate, rounded half-even once to the
// currency's minor unit.
type Rate struct {
	Currency      string
	VATRate       string // empty for no VAT
	Amount        events.Decimal
	VAT           events.Decimal
	RoundedAmount events.Decimal
	RoundedVAT    events.Decimal
}

// Total is the sum of the rounded amounts of a currency's rates.
type Total struct {
	Currency string
	Amount   events.Decimal
	VAT      events.Decimal
	Total    events.Decimal // of the two
}

// Unbilled is usage without a charge.
type Unbilled struct {
	Kind     string
	Resource string
	Start    time.Time
	End      time.Time // zero while it goes on
	Reason   string    // the code of a hold, or why there is no price
}

// Gap is a time of possibly missing facts.
type Gap struct {
	List   string
	From   time.Time // zero: since the beginning
	To     time.Time
	Reason string
}

// Sealed is the statement, or the part of one, in the act that seals it. The error is the
// act's fault.
func Sealed(a *events.Act) (*Statement, error) {
	x := &Statement{}
	if err := x.DecodeJSON(a.Statement); err != nil {
		return nil, err
	}
	_, err := time.Parse(events.MonthForm, x.Month)
	if err != nil || x.Number == 0 || x.Source != a.Source || x.Foundation != a.Foundation {
		return nil, fmt.Errorf("it seals statement %d of month %.20q of %.40q/%.40q: a seal is of a numbered "+
			"statement of a month such as 2026-11, of its own foundation", x.Number, x.Month, x.Source, x.Foundation)
	}
	return x, nil
}

// Preview reports whether x is not issued.
func (x *Statement) Preview() bool { return x.Number == 0 }

// CreditNote reports whether x takes a statement back.
func (x *Statement) CreditNote() bool { return x.Credits != 0 }

// Last reports whether x is the last part.
func (x *Statement) Last() bool { return x.Part+1 >= x.Parts }

// Parted divides a statement into parts of at most so many bytes of JSON, as long as one line and
// the frame fit. It numbers them, and gives each its id.
func (x *Statement) Parted(most int) []Statement {
	frame := *x
	frame.Lines, frame.Part, frame.Parts, frame.Number = nil, math.MaxUint32, math.MaxUint32, math.MaxUint64
	room := most - len(frame.AppendJSON(nil)) - len(`,"id":"",`) - len(x.ID) - len(`"lines":[]`)
	ends := wire.Split(len(x.Lines), room, func(b []byte, i int) []byte { return x.Lines[i].appendJSON(b) })
	parts := make([]Statement, len(ends))
	begin := 0
	for i, end := range ends {
		parts[i] = *x
		parts[i].Lines = x.Lines[begin:end]
		parts[i].Part, parts[i].Parts = uint32(i), uint32(len(ends)) //nolint:gosec // a number of messages
		parts[i].ID = PartID(x.ID, parts[i].Part)
		begin = end
	}
	return parts
}

// MaxParts is how many parts an issued statement may have: some 190,000 lines.
const MaxParts = 64

// PartID is the id of a part of a statement: the first one has that of the whole.
func PartID(whole string, part uint32) string {
	if part == 0 {
		return whole
	}
	return events.ID("part", whole, strconv.FormatUint(uint64(part), 10))
}

// Joined is a list of statements with the next part behind it.
func Joined(all []Statement, part *Statement) []Statement {
	if part.Part == 0 {
		all = append(all, Statement{})
	}
	if last := len(all) - 1; last >= 0 {
		all[last].Join(part)
	}
	return all
}

// Join adds the next part of a statement: the first one replaces x.
func (x *Statement) Join(part *Statement) {
	if part.Part == 0 {
		*x = *part
		x.Lines = slices.Clone(part.Lines)
		return
	}
	x.Part, x.Lines = part.Part, append(x.Lines, part.Lines...)
}
