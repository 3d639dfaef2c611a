package ledger

import (
	"cmp"
	"slices"
	"strings"
)

// Summing adds charges up by dimensions. It keeps at most MaxSums sums.
type Summing struct {
	by   []Dimension
	sums map[string]*Sum // by the values and the currency
}

// NewSumming returns a Summing without charges.
func NewSumming(by []Dimension) *Summing { return &Summing{by: by, sums: map[string]*Sum{}} }

// Add takes a charge that stands for so many entries. Error: ErrTooMany.
func (s *Summing) Add(c *Charge, entries int) error {
	group := Group(c, s.by)
	key := strings.Join(append(group, c.Currency), "\x00")
	one := &Sum{
		Group: group, Currency: c.Currency, Unit: c.Unit, Charges: entries, Quantity: c.Quantity, Amount: c.Amount,
		VAT: c.VAT,
	}
	switch have := s.sums[key]; {
	case have != nil:
		have.Add(one)
	case len(s.sums) == MaxSums:
		return ErrTooMany
	default:
		s.sums[key] = one
	}
	return nil
}

// List returns the sums in the order of their values.
func (s *Summing) List() []Sum {
	list := make([]Sum, 0, len(s.sums))
	for _, sum := range s.sums {
		list = append(list, *sum)
	}
	SortSums(list)
	return list
}

// SortSums sorts sums by their values and currencies.
func SortSums(list []Sum) {
	slices.SortFunc(list, func(a, b Sum) int {
		return cmp.Or(slices.Compare(a.Group, b.Group), cmp.Compare(a.Currency, b.Currency))
	})
}

// Group are a charge's values of dimensions.
func Group(c *Charge, by []Dimension) []string {
	values := make([]string, len(by), len(by)+1)
	for i := range by {
		values[i] = c.Value(by[i])
	}
	return values
}
