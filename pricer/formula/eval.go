package formula

import (
	"fmt"

	"github.com/daybook-billing/daybook/events/money"
)

// maxBits bounds numerator and denominator of a value: some 9,800 digits.
const maxBits = 1 << 15

// eval computes n. On failure, at is the failing node and message tells why.
func (n *node) eval(v *values) (z money.Ratio, at *node, message string) {
	switch {
	case n.constant:
		return n.value, nil, ""
	case n.op == opVariable:
		return v[n.variable], nil, ""
	}
	x, at, message := n.args[0].eval(v)
	if message != "" {
		return z, at, message
	}
	switch n.op {
	case opNegate:
		return x.Neg(), nil, ""
	case opCeil:
		return x.Ceil(), nil, ""
	case opFloor:
		return x.Floor(), nil, ""
	case opRound:
		return x.Nearest(), nil, ""
	case opMin, opMax:
		return n.extreme(x, v)
	}
	y, at, message := n.args[1].eval(v)
	if message == "" {
		at = n
		z, message = binary(n.op, x, y)
	}
	return z, at, message
}

// binary computes x op y.
func binary(o op, x, y money.Ratio) (z money.Ratio, message string) {
	switch o {
	case opAdd:
		z = x.Add(y)
	case opSubtract:
		z = x.Sub(y)
	case opMultiply:
		z = x.Mul(y)
	case opDivide:
		if y.IsZero() {
			return z, divisionByZero
		}
		z = x.Quo(y)
	case opPower:
		return power(x, y)
	default:
		panic(fmt.Sprintf("formula: %d is not a binary operator", o))
	}
	return z, checkRange(z)
}

const divisionByZero = "division by zero"

// power multiplies.
func power(x, y money.Ratio) (z money.Ratio, message string) {
	e, whole := y.Int64()
	if !whole || e > MaxExponent || e < -MaxExponent {
		return z, fmt.Sprintf("the exponent must be a whole number from -%d to %d", MaxExponent, MaxExponent)
	}
	z = money.Whole(1)
	for n := max(e, -e); n > 0; n >>= 1 {
		if n&1 == 1 {
			z = z.Mul(x)
			if message = checkRange(z); message != "" {
				return z, message
			}
		}
		if n > 1 {
			x = x.Mul(x)
			if message = checkRange(x); message != "" {
				return x, message
			}
		}
	}
	if e >= 0 {
		return z, ""
	}
	return binary(opDivide, money.Whole(1), z)
}

// extreme computes min and max; z is their first argument.
func (n *node) extreme(z money.Ratio, v *values) (money.Ratio, *node, string) {
	for _, arg := range n.args[1:] {
		y, at, message := arg.eval(v)
		if message != "" {
			return z, at, message
		}
		if c := y.Cmp(z); n.op == opMin && c < 0 || n.op == opMax && c > 0 {
			z = y
		}
	}
	return z, nil, ""
}

// The bounds of values but 0, and of a result.
var (
	largest  = money.New(1, MaxExponent).Ratio()
	smallest = money.Whole(1).Quo(largest)
	tooLarge = money.New(1, MaxResultDigits).Ratio()
)

func absolute(z money.Ratio) money.Ratio {
	if z.Sign() < 0 {
		return z.Neg()
	}
	return z
}

// checkRange says why a value is out of bounds.
func checkRange(z money.Ratio) string {
	switch size := z.Bits(); {
	case size < 64:
		return "" // words are far within the bounds
	case size > maxBits:
		return "the result has too many digits to be computed exactly; round, ceil or floor a part of it"
	case absolute(z).Cmp(largest) > 0:
		return "the result is beyond 10^100"
	case !z.IsZero() && absolute(z).Cmp(smallest) < 0:
		return "the result is nearer to zero than 10^-100"
	}
	return ""
}

// TooLarge reports whether a value has more than MaxResultDigits before the decimal point.
func TooLarge(z money.Ratio) bool { return z.Bits() >= 64 && absolute(z).Cmp(tooLarge) >= 0 }

func checkResult(z money.Ratio) string {
	if TooLarge(z) {
		return fmt.Sprintf("the result has more than %d digits before the decimal point", MaxResultDigits)
	}
	return ""
}
