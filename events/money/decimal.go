// Package money is exact decimal arithmetic, for amounts and quantities.
package money

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Places is how many decimal places a charge is rounded to, half-even, once.
const Places = 12

// maxDecimalText bounds decimals from outside.
const maxDecimalText = 100

// Decimal is an exact decimal number. Its zero value is 0; it is immutable, and never a float.
//
// Sums, differences and products are exact: they have 1,000 digits of room, ten times the limit of
// Parse. An operation beyond them would be a panic, never a rounded amount.
type Decimal struct{ d apd.Decimal }

func decimalContext() *apd.Context {
	return &apd.Context{
		Precision: 1000, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent,
		Rounding: apd.RoundHalfEven,
	}
}

var exact = decimalContext()

// New returns coefficient × 10^exponent.
func New(coefficient int64, exponent int32) Decimal {
	var x Decimal
	x.d.SetFinite(coefficient, exponent)
	return x
}

// SecondsBetween returns the time from a to b in seconds, exact to the nanosecond. A time.Duration
// would end at 292 years.
func SecondsBetween(a, b time.Time) Decimal {
	seconds, nanoseconds := b.Unix()-a.Unix(), b.Nanosecond()-a.Nanosecond()
	if nanoseconds == 0 {
		return New(seconds, 0)
	}
	return New(seconds, 0).Add(New(int64(nanoseconds), -9))
}

// Parse reads a plain decimal such as "-12.50": no exponent, no infinities, at most 100
// characters.
func Parse(s string) (Decimal, error) {
	if s == "" || len(s) > maxDecimalText {
		return Decimal{}, fmt.Errorf("%.100q is not a decimal number of at most %d characters", s, maxDecimalText)
	}
	digit := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c == '.' || (c == '-' && i == 0):
		default:
			return Decimal{}, fmt.Errorf("%q is not a decimal number such as 0.25", s)
		}
	}
	var x Decimal
	if _, _, err := x.d.SetString(s); err != nil || !digit {
		return Decimal{}, fmt.Errorf("%q is not a decimal number such as 0.25", s)
	}
	if x.d.IsZero() {
		x.d.Negative = false
	}
	return x, nil
}

// String writes the number plainly: no exponent, no trailing zeros, "-" in front when negative.
func (x Decimal) String() string { return string(x.AppendText(make([]byte, 0, 24))) }

// AppendText appends String.
func (x Decimal) AppendText(b []byte) []byte {
	if x.d.IsZero() {
		return append(b, '0')
	}
	start := len(b)
	b = x.d.Append(b, 'f')
	for i := start; i < len(b); i++ {
		if b[i] == '.' {
			end := len(b)
			for b[end-1] == '0' {
				end--
			}
			if b[end-1] == '.' {
				end--
			}
			return b[:end]
		}
	}
	return b
}

// Add returns x + y.
func (x Decimal) Add(y Decimal) Decimal {
	if a, b, exponent, ok := aligned(&x, &y); ok {
		if sum := a + b; (sum > a) == (b > 0) {
			return New(sum, exponent)
		}
	}
	return x.with(y, exact.Add)
}

// Sub returns x − y.
func (x Decimal) Sub(y Decimal) Decimal {
	if a, b, exponent, ok := aligned(&x, &y); ok {
		if difference := a - b; (difference < a) == (b > 0) {
			return New(difference, exponent)
		}
	}
	return x.with(y, exact.Sub)
}

// Mul returns x × y.
func (x Decimal) Mul(y Decimal) Decimal { return x.with(y, exact.Mul) }

// aligned are the coefficients of two decimals at the lower exponent of the two, where they fit
// into words.
func aligned(x, y *Decimal) (a, b int64, exponent int32, ok bool) {
	a, b, exponent = x.coefficient(), y.coefficient(), min(x.d.Exponent, y.d.Exponent)
	if !x.d.Coeff.IsInt64() || !y.d.Coeff.IsInt64() || max(x.d.Exponent, y.d.Exponent)-exponent > maxSmallPlaces {
		return 0, 0, 0, false
	}
	a, ok = product(a, powersOfTen[x.d.Exponent-exponent])
	b, fits := product(b, powersOfTen[y.d.Exponent-exponent])
	return a, b, exponent, ok && fits
}

// coefficient is the signed coefficient, for one that fits into a word.
func (x *Decimal) coefficient() int64 {
	if x.d.Negative {
		return -x.d.Coeff.Int64()
	}
	return x.d.Coeff.Int64()
}

func (x Decimal) with(y Decimal, op func(d, x, y *apd.Decimal) (apd.Condition, error)) Decimal {
	var z Decimal
	condition, err := op(&z.d, &x.d, &y.d)
	if err != nil || condition.Inexact() {
		panic(fmt.Sprintf("decimal operation on %s and %s is not exact: %v", x, y, err))
	}
	if z.d.IsZero() {
		z.d.Negative = false
	}
	return z
}

// Neg returns −x.
func (x Decimal) Neg() Decimal {
	z := x
	z.d.Negative = !x.d.Negative && !x.d.IsZero()
	return z
}

// Cmp returns -1, 0 or 1 as x is less than, equal to or greater than y.
func (x Decimal) Cmp(y Decimal) int { return x.d.Cmp(&y.d) }

// Sign returns -1, 0 or 1 as x is negative, zero or positive.
func (x Decimal) Sign() int { return x.d.Sign() }

// IsZero reports whether x is 0.
func (x Decimal) IsZero() bool { return x.d.IsZero() }

// Round returns x rounded half-even to the given number of decimal places.
func (x Decimal) Round(places int) Decimal {
	if x.d.Exponent >= -int32(places) { //nolint:gosec // places is a small constant of the caller's
		return x
	}
	var z Decimal
	wide := *exact
	wide.Precision = uint32(max(x.d.NumDigits(), 1)) + 60                //nolint:gosec // never negative
	if _, err := wide.Quantize(&z.d, &x.d, -int32(places)); err != nil { //nolint:gosec // as above
		panic(fmt.Sprintf("rounding %s to %d places: %v", x, places, err))
	}
	if z.d.IsZero() {
		z.d.Negative = false
	}
	return z
}

// ParseShort is Parse for up to 18 digits.
func ParseShort(b []byte) (Decimal, bool) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return Decimal{}, false
	}
	var n int64
	var places int32
	point := false
	for i, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
			if point {
				places++
			}
		case c == '.' && !point && i > 0 && i < len(digits)-1:
			point = true
		default:
			return Decimal{}, false
		}
	}
	if negative {
		n = -n
	}
	return New(n, -places), true
}
