package money

// Sum adds decimals up, exactly. Its zero value is 0. Where many decimals with at most Places
// places are added up it is quicker than Decimal.Add.
type Sum struct {
	words int64    // × 10^-Places
	rest  *Decimal // nil for 0: it takes no room where few sums need it
}

// Add adds a decimal.
func (s *Sum) Add(x Decimal) {
	if x.d.Coeff.IsInt64() && x.d.Exponent <= 0 && x.d.Exponent >= -Places {
		if n, fits := product(x.coefficient(), powersOfTen[Places+x.d.Exponent]); fits {
			if sum := s.words + n; (sum > s.words) == (n > 0) {
				s.words = sum
				return
			}
			s.add(New(s.words, -Places))
			s.words = n
			return
		}
	}
	s.add(x)
}

// add adds to the rest. A copy of the sum keeps its own.
func (s *Sum) add(x Decimal) {
	if s.rest != nil {
		x = s.rest.Add(x)
	}
	s.rest = &x
}

// Decimal returns the sum.
func (s *Sum) Decimal() Decimal {
	words := New(s.words, -Places)
	if s.rest == nil {
		return words
	}
	return s.rest.Add(words)
}
