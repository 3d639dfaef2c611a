package formula

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// arithmetic is the context of every operation. It is never changed. Nothing is trapped by apd
// itself: failed turns the conditions into messages.
var arithmetic = apd.Context{Precision: 50, MaxExponent: 100, MinExponent: -100, Rounding: apd.RoundHalfEven}

// Decimal places and digits of the argument of ceil, floor and round: the last digits of a division
// must not move a whole number.
const (
	wholePlaces = 30
	wholeDigits = 40
)

// machine is the working memory of one evaluation.
type machine struct {
	vars        [variables]apd.Decimal
	slots       []apd.Decimal
	whole, frac apd.Decimal
}

func newMachine(slots int) *machine { return &machine{slots: make([]apd.Decimal, slots)} }

// eval computes n with the slots from slot on. The result z is a slot, a variable or a constant,
// never to be changed. On failure, at is the failing node and message tells why.
func (m *machine) eval(n *node, slot int) (z *apd.Decimal, at *node, message string) {
	if n.constant {
		return &n.value, nil, ""
	}
	if n.op == opVariable {
		return &m.vars[n.variable], nil, ""
	}
	x, at, message := m.eval(n.args[0], slot)
	if message != "" {
		return nil, at, message
	}
	z = &m.slots[slot]
	switch n.op {
	case opNegate:
		z.Neg(x)
	case opCeil, opFloor, opRound:
		message = m.toWhole(n.op, z, x)
	case opMin, opMax:
		return m.extreme(n, x, slot)
	default:
		y, at, message := m.eval(n.args[1], slot+1)
		if message != "" {
			return nil, at, message
		}
		if message := m.binary(n.op, slot, x, y); message != "" {
			return nil, n, message
		}
		return z, nil, ""
	}
	return z, n, message
}

func (m *machine) binary(o op, slot int, x, y *apd.Decimal) string {
	z := &m.slots[slot]
	var condition apd.Condition
	var err error
	switch o {
	case opAdd:
		condition, err = arithmetic.Add(z, x, y)
	case opSubtract:
		condition, err = arithmetic.Sub(z, x, y)
	case opMultiply:
		condition, err = arithmetic.Mul(z, x, y)
	case opDivide:
		if divideWhole(z, x, y) {
			return ""
		}
		condition, err = arithmetic.Quo(z, x, y)
	case opPower:
		return m.power(slot, x, y)
	default:
		panic(fmt.Sprintf("formula: %d is not a binary operator", o))
	}
	return failed(condition, err)
}

// divideWhole divides whole numbers without remainder, such as 7200 / 3600, many times faster than
// apd. It reports whether it did.
func divideWhole(z, x, y *apd.Decimal) bool {
	a, ok := small(x)
	b, ok2 := small(y)
	if !ok || !ok2 || b == 0 || a%b != 0 {
		return false
	}
	z.SetInt64(a / b)
	return true
}

// small returns a whole, non-negative number without exponent, if it fits in 63 bits.
func small(x *apd.Decimal) (int64, bool) {
	if x.Exponent != 0 || x.Negative || !x.Coeff.IsInt64() {
		return 0, false
	}
	return x.Coeff.Int64(), true
}

// power multiplies: x may be the slot's own value, and y the next slot's.
func (m *machine) power(slot int, x, y *apd.Decimal) string {
	e, err := y.Int64()
	if err != nil || e > MaxExponent || e < -MaxExponent {
		return fmt.Sprintf("the exponent must be a whole number from -%d to %d", MaxExponent, MaxExponent)
	}
	z, base := &m.slots[slot], &m.slots[slot+2]
	base.Set(x)
	z.SetInt64(1)
	for n := max(e, -e); n > 0; n >>= 1 {
		if n&1 == 1 {
			if message := failed(arithmetic.Mul(z, z, base)); message != "" {
				return message
			}
		}
		if n > 1 {
			if message := failed(arithmetic.Mul(base, base, base)); message != "" {
				return message
			}
		}
	}
	if e >= 0 {
		return ""
	}
	base.SetInt64(1)
	return failed(arithmetic.Quo(z, base, z))
}

// toWhole sets z to x as a whole number. apd's Ceil and Floor must not get the same number as
// source and destination.
func (m *machine) toWhole(o op, z, x *apd.Decimal) string {
	if x.Exponent >= 0 {
		z.Set(x)
		return ""
	}
	if least := max(-wholePlaces,
		x.Exponent+int32(x.NumDigits())-wholeDigits); x.Exponent < least { //nolint:gosec // at most 50 digits
		if message := failed(arithmetic.Quantize(&m.frac, x, least)); message != "" {
			return message
		}
		x = &m.frac
	}
	var condition apd.Condition
	var err error
	switch o {
	case opCeil:
		condition, err = arithmetic.Ceil(&m.whole, x)
	case opFloor:
		condition, err = arithmetic.Floor(&m.whole, x)
	default:
		condition, err = arithmetic.Quantize(&m.whole, x, 0)
	}
	z.Set(&m.whole)
	return failed(condition, err)
}

// extreme computes min and max; x is their first argument.
func (m *machine) extreme(n *node, x *apd.Decimal, slot int) (*apd.Decimal, *node, string) {
	z := &m.slots[slot]
	if z != x {
		z.Set(x)
	}
	for _, arg := range n.args[1:] {
		y, at, message := m.eval(arg, slot+1)
		if message != "" {
			return nil, at, message
		}
		if c := y.Cmp(z); n.op == opMin && c < 0 || n.op == opMax && c > 0 {
			z.Set(y)
		}
	}
	return z, nil, ""
}

func failed(c apd.Condition, err error) string {
	switch {
	case c.DivisionByZero() || c.DivisionUndefined():
		return "division by zero"
	case c.Overflow() || c.SystemOverflow():
		return "the result is beyond 10^100"
	case c.Underflow() || c.SystemUnderflow():
		return "the result is nearer to zero than 10^-100"
	case c.InvalidOperation() || c.DivisionImpossible():
		return "the operation has no result"
	case err != nil:
		return "the operation failed: " + err.Error()
	}
	return ""
}
