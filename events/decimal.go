package events

import (
	"time"

	"github.com/daybook-billing/daybook/events/money"
)

// Decimal is an exact decimal number: an amount or a quantity.
type Decimal = money.Decimal

// Places is how many decimal places a charge is rounded to, half-even, once.
const Places = money.Places

// NewDecimal returns coefficient × 10^exponent.
func NewDecimal(coefficient int64, exponent int32) Decimal { return money.New(coefficient, exponent) }

// ParseDecimal is money.Parse.
func ParseDecimal(s string) (Decimal, error) { return money.Parse(s) }

// SecondsBetween returns the time from a to b in seconds, exact to the nanosecond.
func SecondsBetween(a, b time.Time) Decimal { return money.SecondsBetween(a, b) }
