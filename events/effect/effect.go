// Package effect is the message about what a catalogue version changes: the bill of the open
// months, and of the closed ones that it prices, too, before and after it, by month and tenant.
//
// The pricer puts it out on billing.effect.<version> when the version comes into force. It names
// several tenants, and is for operators alone.
package effect

import (
	"bytes"
	"math"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/text"
	"github.com/daybook-billing/daybook/events/wire"
)

// Type is the CloudEvents type of an Effect.
const Type = "daybook.effect.v1"

// Subject is the subject of the effect of a catalogue version.
func Subject(version string) string { return "billing.effect." + text.Token(version) }

// Filter matches the effects of all versions.
const Filter = "billing.effect.*"

// Effect is what a catalogue version changes in the open months, and in the closed ones that its
// act names to be priced by it, too, when it comes into force: the body of a message on
// billing.effect.<version>. One larger than a message has several parts.
type Effect struct {
	ID      string
	Cause   events.Cause // the message of METERED that puts the version in force
	Version string
	Former  string // the version in force before; empty: none
	Part    uint32 // from 0
	Parts   uint32
	Rows    []Row // by month and tenant
	// Closed are closed months, YYYY-MM, that the version would change, and leaves as they are.
	// Each part has them all.
	Closed []string
}

// Row is the effect on one month of one tenant. Every tenant with usage in such a month has a row.
// The difference of a closed month is posted as corrections; it has a row for each currency before.
type Row struct {
	Month  string // YYYY-MM
	Tenant string
	Before Side
	After  Side
	// NewlyUnrated counts the spans with time that loses its price, NewlyUnratedSeconds the time.
	NewlyUnrated        uint32
	NewlyUnratedSeconds events.Decimal
	// Appearing and Disappearing are the plans, sorted, that price usage after and not before, and
	// the other way round. PlansOmitted is how many more there are.
	Appearing    []string
	Disappearing []string
	PlansOmitted uint32
}

// Side is the bill of a month and tenant under one version.
type Side struct {
	Currency string // the billing currency; empty where no version is in force
	Amount   events.Decimal
	VAT      events.Decimal
	// Unrated counts the spans with time without a price; UnratedSeconds is that time.
	Unrated        uint32
	UnratedSeconds events.Decimal
}

// Parted divides an effect into parts of at most so many bytes of JSON, at least one, and numbers
// them. A row has less than 64 KiB; the ids of the parts are left to the caller.
func (x *Effect) Parted(most int) []Effect {
	frame := *x
	frame.Rows, frame.Part, frame.Parts = nil, math.MaxUint32, math.MaxUint32
	room := most - len(frame.AppendJSON(nil)) - len(`,"id":"",`) - idLength - len(`"rows":[]`)
	ends := wire.Split(len(x.Rows), room, func(b []byte, i int) []byte { return x.Rows[i].AppendJSON(b) })
	parts := make([]Effect, len(ends))
	begin := 0
	for i, end := range ends {
		parts[i] = *x
		parts[i].Rows = x.Rows[begin:end]
		parts[i].Part, parts[i].Parts = uint32(i), uint32(len(ends)) //nolint:gosec // a number of messages
		begin = end
	}
	return parts
}

// idLength is the length of a UUID.
const idLength = 36

// Equal reports whether two sides are the same, to the last digit.
func (x *Side) Equal(y *Side) bool {
	return x.Currency == y.Currency && x.Amount.Cmp(y.Amount) == 0 && x.VAT.Cmp(y.VAT) == 0 &&
		x.Unrated == y.Unrated && x.UnratedSeconds.Cmp(y.UnratedSeconds) == 0
}

// Equal reports whether two effects are the same bills, to the last digit.
func (x *Effect) Equal(y *Effect) bool {
	return slices.Equal(x.Closed, y.Closed) && slices.EqualFunc(x.Rows, y.Rows, func(a, b Row) bool {
		return bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil))
	})
}

// Changes reports whether anything of the row differs before and after.
func (x *Row) Changes() bool {
	return !x.Before.Equal(&x.After) || x.NewlyUnrated > 0 || len(x.Appearing)+len(x.Disappearing) > 0
}
