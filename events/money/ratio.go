package money

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
)

// Ratio is an exact fraction, for calculations that divide: only Round rounds. Its zero value is 0;
// it is immutable.
//
// Numerator and denominator are machine words as long as they fit, and have any length beyond.
// Whoever multiplies in a loop bounds them by Bits.
type Ratio struct {
	n, less int64    // numerator, and denominator − 1: the fraction where wide is nil
	wide    *big.Rat // never changed
}

// Whole returns n.
func Whole(n int64) Ratio { return Ratio{n: n} }

// Ratio returns the number as a fraction.
func (x Decimal) Ratio() Ratio {
	if x.d.Coeff.IsInt64() && x.d.Exponent <= 0 && x.d.Exponent >= -maxSmallPlaces {
		n := x.d.Coeff.Int64()
		if x.d.Negative {
			n = -n
		}
		return Ratio{n: n, less: powersOfTen[-x.d.Exponent] - 1}
	}
	n := new(big.Int).Set(x.d.Coeff.MathBigInt())
	if x.d.Negative {
		n.Neg(n)
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(x.d.Exponent, -x.d.Exponent))), nil)
	if x.d.Exponent > 0 {
		return narrow(new(big.Rat).SetInt(n.Mul(n, power)))
	}
	return narrow(new(big.Rat).SetFrac(n, power))
}

const maxSmallPlaces = 18

// powersOfTen are 10^0 to 10^18.
var powersOfTen = func() (p [maxSmallPlaces + 1]int64) {
	p[0] = 1
	for i := range maxSmallPlaces {
		p[i+1] = 10 * p[i]
	}
	return p
}()

// narrow is a fraction in words, if it fits.
func narrow(r *big.Rat) Ratio {
	if n, d := r.Num(), r.Denom(); n.IsInt64() && d.IsInt64() && n.Int64() != math.MinInt64 {
		return Ratio{n: n.Int64(), less: d.Int64() - 1}
	}
	return Ratio{wide: r}
}

// big is the fraction for operations of any length. The result must not be changed.
func (x Ratio) big() *big.Rat {
	if x.wide != nil {
		return x.wide
	}
	return big.NewRat(x.n, x.less+1)
}

// product is x × y as a word.
func product(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

// magnitude is |x|. No numerator is the least word.
func magnitude(x int64) uint64 { return uint64(max(x, -x)) } //nolint:gosec // never negative

// reduced is the fraction in lowest terms.
func (x Ratio) reduced() (n, d int64) {
	n, d = x.n, x.less+1
	a, b := magnitude(n), uint64(d) //nolint:gosec // positive
	for b != 0 {
		a, b = b, a%b
	}
	return n / int64(a), d / int64(a)
}

// Mul returns x × y.
func (x Ratio) Mul(y Ratio) Ratio {
	if x.wide == nil && y.wide == nil {
		for reduce := range 2 {
			xn, xd, yn, yd := x.n, x.less+1, y.n, y.less+1
			if reduce == 1 {
				xn, yd = Ratio{n: xn, less: yd - 1}.reduced()
				yn, xd = Ratio{n: yn, less: xd - 1}.reduced()
			}
			n, ok := product(xn, yn)
			d, ok2 := product(xd, yd)
			if ok && ok2 {
				return Ratio{n: n, less: d - 1}
			}
		}
	}
	return narrow(new(big.Rat).Mul(x.big(), y.big()))
}

// Quo returns x ÷ y. It panics if y is 0.
func (x Ratio) Quo(y Ratio) Ratio {
	if y.IsZero() {
		panic("a fraction is divided by 0")
	}
	if y.wide != nil {
		return x.Mul(narrow(new(big.Rat).Inv(y.wide)))
	}
	n := y.less + 1
	if y.n < 0 {
		n = -n
	}
	return x.Mul(Ratio{n: n, less: max(y.n, -y.n) - 1})
}

// Add returns x + y.
func (x Ratio) Add(y Ratio) Ratio {
	if x.wide == nil && y.wide == nil {
		if x.less == y.less {
			if n := x.n + y.n; (n > x.n) == (y.n > 0) && n != math.MinInt64 {
				return Ratio{n: n, less: x.less}
			}
		}
		a, ok := product(x.n, y.less+1)
		b, ok2 := product(y.n, x.less+1)
		d, ok3 := product(x.less+1, y.less+1)
		if n := a + b; ok && ok2 && ok3 && (n > a) == (b > 0) && n != math.MinInt64 {
			return Ratio{n: n, less: d - 1}
		}
	}
	return narrow(new(big.Rat).Add(x.big(), y.big()))
}

// Sub returns x − y.
func (x Ratio) Sub(y Ratio) Ratio { return x.Add(y.Neg()) }

// Neg returns −x.
func (x Ratio) Neg() Ratio {
	if x.wide != nil {
		return Ratio{wide: new(big.Rat).Neg(x.wide)}
	}
	return Ratio{n: -x.n, less: x.less}
}

// Cmp returns -1, 0 or 1 as x is less than, equal to or greater than y.
func (x Ratio) Cmp(y Ratio) int {
	if x.wide == nil && y.wide == nil {
		a, ok := product(x.n, y.less+1)
		b, ok2 := product(y.n, x.less+1)
		switch {
		case !ok || !ok2:
		case a < b:
			return -1
		case a > b:
			return 1
		default:
			return 0
		}
	}
	return x.big().Cmp(y.big())
}

// Sign returns -1, 0 or 1 as x is negative, zero or positive.
func (x Ratio) Sign() int {
	switch {
	case x.wide != nil:
		return x.wide.Sign()
	case x.n < 0:
		return -1
	case x.n > 0:
		return 1
	}
	return 0
}

// IsZero reports whether x is 0.
func (x Ratio) IsZero() bool { return x.Sign() == 0 }

// Bits is the length of the longer one of numerator and denominator.
func (x Ratio) Bits() int {
	if x.wide != nil {
		return max(x.wide.Num().BitLen(), x.wide.Denom().BitLen())
	}
	return max(bits.Len64(magnitude(x.n)), bits.Len64(uint64(x.less)+1)) //nolint:gosec // never negative
}

// Int64 returns a whole number that fits into a word, and whether x is one.
func (x Ratio) Int64() (int64, bool) {
	if x.wide != nil || x.n%(x.less+1) != 0 {
		return 0, false
	}
	return x.n / (x.less + 1), true
}

// Floor returns the greatest whole number that is not above x.
func (x Ratio) Floor() Ratio {
	if x.wide == nil {
		q := x.n / (x.less + 1)
		if x.n%(x.less+1) < 0 {
			q--
		}
		return Whole(q)
	}
	// Euclidean division rounds down for a positive divisor.
	q := new(big.Int).Div(x.wide.Num(), x.wide.Denom())
	return narrow(new(big.Rat).SetInt(q))
}

// Ceil returns the least whole number that is not below x.
func (x Ratio) Ceil() Ratio { return x.Neg().Floor().Neg() }

// Nearest returns the nearest whole number, the even one of two.
func (x Ratio) Nearest() Ratio { return x.Round(0).Ratio() }

// Round returns x rounded half-even to the given number of decimal places, from 0 to 100.
func (x Ratio) Round(places int) Decimal {
	if x.wide == nil && places <= maxSmallPlaces {
		d := uint64(x.less) + 1 //nolint:gosec // never negative
		hi, lo := bits.Mul64(magnitude(x.n), magnitude(powersOfTen[places]))
		if hi < d {
			q, r := bits.Div64(hi, lo, d)
			if 2*r > d || 2*r == d && q&1 == 1 {
				q++
			}
			if q <= math.MaxInt64 {
				return short(q, places, x.n < 0)
			}
		}
	}
	r := x.big()
	scaled := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	scaled.Mul(scaled, r.Num())
	q, rest := new(big.Int).QuoRem(scaled, r.Denom(), new(big.Int))
	twice := rest.Abs(rest).Lsh(rest, 1)
	if c := twice.Cmp(r.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(r.Sign())))
	}
	var out Decimal
	out.d.Coeff.SetMathBigInt(q.Abs(q))
	out.d.Negative = r.Sign() < 0 && q.Sign() != 0
	out.d.Exponent = -int32(places) //nolint:gosec // at most 100
	out.d.Reduce(&out.d)
	if out.d.Exponent > 0 {
		exponent := out.d.Exponent
		out.d.Coeff.Mul(&out.d.Coeff, new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(int64(exponent)), nil))
		out.d.Exponent = 0
	}
	return out
}

// short is ±q × 10^-places without trailing zeros behind the point.
func short(q uint64, places int, negative bool) Decimal {
	if q == 0 {
		return Decimal{}
	}
	for places > 0 && q%10 == 0 {
		q /= 10
		places--
	}
	n := int64(q) //nolint:gosec // checked by the caller
	if negative {
		n = -n
	}
	return New(n, -int32(places)) //nolint:gosec // a few places
}

// String writes a fraction in lowest terms, such as 1/3 or -2.
func (x Ratio) String() string { return x.big().RatString() }

// Text is the number with at most so many places, or else as a fraction.
func (x Ratio) Text(places int) string {
	if d := x.Round(places); d.Ratio().Cmp(x) == 0 {
		return d.String()
	}
	return x.String()
}
