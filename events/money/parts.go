package money

import "math/big"

// FromParts returns coefficient × 10^exponent. It keeps the coefficient.
func FromParts(coefficient *big.Int, exponent int32) Decimal {
	var x Decimal
	x.d.Coeff.SetMathBigInt(coefficient)
	x.d.Negative, x.d.Exponent = coefficient.Sign() < 0, exponent
	x.d.Coeff.Abs(&x.d.Coeff)
	return x
}

// Parts are the coefficient and the exponent: x = coefficient × 10^exponent.
func (x Decimal) Parts() (coefficient *big.Int, exponent int32) {
	coefficient = x.d.Coeff.MathBigInt()
	if x.d.Negative {
		coefficient.Neg(coefficient)
	}
	return coefficient, x.d.Exponent
}
