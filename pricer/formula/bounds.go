package formula

import (
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events/money"
)

// This file finds out before any footprint comes whether a formula can be computed: it computes
// with ranges in place of numbers. A range never leaves out a value; it may have some that do not
// occur, because the two sides of an operator are taken to vary freely, unless they are the same
// text. What is refused here for a division by zero can therefore always be written with max.

// Range is all numbers from Least to Most.
type Range struct{ Least, Most money.Ratio }

// Only is the range of one number.
func Only(x money.Ratio) Range { return Range{x, x} }

// With is the range and a number.
func (r Range) With(x money.Ratio) Range {
	return Range{lesser(r.Least, x), greater(r.Most, x)}
}

func (r Range) has(x money.Ratio) bool { return r.Least.Cmp(x) <= 0 && r.Most.Cmp(x) >= 0 }

func (r Range) neg() Range { return Range{r.Most.Neg(), r.Least.Neg()} }

func lesser(x, y money.Ratio) money.Ratio {
	if y.Cmp(x) < 0 {
		return y
	}
	return x
}

func greater(x, y money.Ratio) money.Ratio {
	if y.Cmp(x) > 0 {
		return y
	}
	return x
}

// Domain is the ranges of a formula's variables.
type Domain struct {
	Seconds, Instances, MemoryMB, StorageMB, VolumeGB, SecondsInMonth Range
}

func (d *Domain) ranges() [variables]Range {
	hour := money.Whole(3600)
	return [variables]Range{
		d.Seconds, d.Instances, d.MemoryMB, d.StorageMB, d.VolumeGB,
		{d.SecondsInMonth.Least.Quo(hour), d.SecondsInMonth.Most.Quo(hour)},
		d.SecondsInMonth,
	}
}

// Bounds returns bounds of the formula's values over a domain. It fails where something is divided
// by what can be 0, and where no value of the domain gives a result. Its error is an *Error.
func (f *Formula) Bounds(d *Domain) (Range, error) {
	ranges := d.ranges()
	r, at, message := f.root.bounds(&ranges)
	if message == "" && (r.Least.Cmp(tooLarge) >= 0 || r.Most.Cmp(tooLarge.Neg()) <= 0) {
		at, message = f.root, never+checkResult(tooLarge)
	}
	if message != "" {
		return r, errorAt(f.text, at.offset, message)
	}
	return r, nil
}

// Rises reports whether the formula's text alone shows that it is never negative and never falls
// while time passes, for variables that are not negative.
func (f *Formula) Rises() bool { return f.root.rises() }

func (n *node) rises() bool {
	switch {
	case n.constant:
		return n.value.Sign() >= 0
	case n.op == opVariable:
		return true
	}
	switch n.op {
	case opNegate, opSubtract:
		return false
	case opDivide:
		return n.args[0].rises() && n.args[1].rises() && !n.args[1].uses("seconds")
	case opPower:
		return n.args[0].rises() && n.args[1].constant && n.args[1].value.Sign() >= 0
	}
	return !slices.ContainsFunc(n.args, func(arg *node) bool { return !arg.rises() })
}

// never begins the message about what can never be computed.
const never = "no footprint can compute this: "

// bounds are the bounds of a node's values. On failure, at is the failing node and message tells
// why.
func (n *node) bounds(d *[variables]Range) (r Range, at *node, message string) {
	switch {
	case n.constant:
		return Only(n.value), nil, ""
	case n.op == opVariable:
		return d[n.variable], nil, ""
	}
	args := make([]Range, len(n.args))
	for i, arg := range n.args {
		if args[i], at, message = arg.bounds(d); message != "" {
			return r, at, message
		}
	}
	x := args[0]
	switch n.op {
	case opNegate:
		return x.neg(), nil, ""
	case opCeil:
		return Range{x.Least.Ceil(), x.Most.Ceil()}, nil, ""
	case opFloor:
		return Range{x.Least.Floor(), x.Most.Floor()}, nil, ""
	case opRound:
		return Range{x.Least.Nearest(), x.Most.Nearest()}, nil, ""
	case opMin, opMax:
		for _, y := range args[1:] {
			if n.op == opMin {
				x = Range{lesser(x.Least, y.Least), lesser(x.Most, y.Most)}
			} else {
				x = Range{greater(x.Least, y.Least), greater(x.Most, y.Most)}
			}
		}
		return x, nil, ""
	}
	if r, message = n.binaryBounds(x, args[1]); message == "" {
		r, message = r.clamp()
	}
	return r, n, message
}

func (n *node) binaryBounds(x, y Range) (r Range, message string) {
	same := string(n.args[0].appendText(nil, 0)) == string(n.args[1].appendText(nil, 0))
	switch n.op {
	case opAdd:
		return Range{x.Least.Add(y.Least), x.Most.Add(y.Most)}, ""
	case opSubtract:
		if same {
			return Only(money.Whole(0)), ""
		}
		return Range{x.Least.Sub(y.Most), x.Most.Sub(y.Least)}, ""
	case opMultiply:
		if same {
			return x.power(2)
		}
		return x.times(y), ""
	case opDivide:
		divisor := string(n.args[1].appendText(nil, 0))
		switch {
		case y.Least.IsZero() && y.Most.IsZero():
			return r, never + divisionByZero + ": " + divisor + " is always 0"
		case y.has(money.Whole(0)):
			return r, fmt.Sprintf("%s can be 0, and nothing can be divided by it; write max(1, …) around it, or "+
				"add to it",
				divisor)
		case same:
			return Only(money.Whole(1)), ""
		}
		return x.times(Range{money.Whole(1).Quo(y.Most), money.Whole(1).Quo(y.Least)}), ""
	case opPower:
		return x.toThe(y, string(n.args[0].appendText(nil, 0)))
	default:
		panic(fmt.Sprintf("formula: %d is not a binary operator", n.op))
	}
}

// times is the range of products.
func (r Range) times(y Range) Range {
	p := r.Least.Mul(y.Least)
	return Only(p).With(r.Least.Mul(y.Most)).With(r.Most.Mul(y.Least)).With(r.Most.Mul(y.Most))
}

// toThe is the range of powers; base is the text of the base.
func (r Range) toThe(exponent Range, base string) (Range, string) {
	limit := money.Whole(MaxExponent)
	least, _ := greater(exponent.Least.Ceil(), limit.Neg()).Int64()
	most, _ := lesser(exponent.Most.Floor(), limit).Int64()
	if least > most {
		_, message := power(r.Least, limit.Add(money.Whole(1)))
		return r, never + message
	}
	if least < 0 && r.has(money.Whole(0)) {
		return r, fmt.Sprintf("%s can be 0, and the exponent negative: that is a division by zero", base)
	}
	out, message := r.power(least)
	if message != "" && least < most {
		out, message = r.power(most)
	}
	for e := least + 1; e <= most; e++ {
		if p, failed := r.power(e); failed == "" {
			out = out.With(p.Least).With(p.Most)
		}
	}
	return out, message
}

// power is the range of powers with one exponent. Beyond the bounds of values it ends.
func (r Range) power(e int64) (Range, string) {
	if e < 0 {
		return Range{money.Whole(1).Quo(r.Most), money.Whole(1).Quo(r.Least)}.power(-e)
	}
	switch {
	case r.Least.Sign() >= 0:
	case r.Most.Sign() <= 0:
		out, message := r.neg().power(e)
		if e%2 == 1 {
			out = out.neg()
		}
		return out, message
	case e%2 == 0:
		return Range{money.Whole(0), greater(r.Least.Neg(), r.Most)}.power(e)
	default:
		below, _ := Only(r.Least.Neg()).power(e)
		above, _ := Only(r.Most).power(e)
		return Range{lesser(below.Most, largest).Neg(), lesser(above.Most, largest)}, ""
	}
	out := Only(money.Whole(1))
	for range e {
		out = Range{out.Least.Mul(r.Least), out.Most.Mul(r.Most)}
		var message string
		if out, message = out.clamp(); message != "" {
			return out, message
		}
	}
	return out, ""
}

// maxRangeBits is the length from which on the ends of a range are moved outward to shorter ones.
const maxRangeBits = 2048

// clamp leaves out what evaluation refuses: numbers beyond the bounds of values. It fails where
// nothing is left.
func (r Range) clamp() (Range, string) {
	switch {
	case r.Least.Cmp(largest) > 0 || r.Most.Cmp(largest.Neg()) < 0:
		return r, never + "the result is beyond 10^100"
	case r.Least.Sign() > 0 && r.Most.Cmp(smallest) < 0, r.Most.Sign() < 0 && r.Least.Cmp(smallest.Neg()) > 0:
		return r, never + "the result is nearer to zero than 10^-100"
	}
	r.Least, r.Most = greater(r.Least, largest.Neg()), lesser(r.Most, largest)
	if r.Least.Sign() > 0 {
		r.Least = greater(r.Least, smallest)
	}
	if r.Most.Sign() < 0 {
		r.Most = lesser(r.Most, smallest.Neg())
	}
	if r.Least.Bits() > maxRangeBits {
		r.Least = r.Least.Mul(fine).Floor().Quo(fine)
	}
	if r.Most.Bits() > maxRangeBits {
		r.Most = r.Most.Mul(fine).Ceil().Quo(fine)
	}
	return r, ""
}

// fine is finer than the smallest value.
var fine = money.New(1, MaxExponent+20).Ratio()
