package money

// Sum adds decimals up, exactly. Its zero value is 0. Where many decimals with at most Places
// places are added up it is quicker than Decimal.Add.
type Sum struct {
	words int64 // × 10^-Places
	rest  Decimal
}

// Add adds a decimal.
func (s *Sum) Add(x Decimal) {
	if x.d.Coeff.IsInt64() && x.d.Exponent <= 0 && x.d.Exponent >= -Places {
		if n, fits := product(x.coefficient(), powersOfTen[Places+x.d.Exponent]); fits {
			if sum := s.words + n; (sum > s.words) == (n > 0) {
				s.words = sum
				return
			}
			s.rest = s.rest.Add(New(s.words, -Places))
			s.words = n
			return
		}
	}
	s.rest = s.rest.Add(x)
}

// Decimal returns the sum.
func (s *Sum) Decimal() Decimal { return s.rest.Add(New(s.words, -Places)) }
