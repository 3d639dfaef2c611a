package money

import "slices"

// Apportion rounds parts to a number of decimal places so that they add up to a total, which is a
// sum of roundings of them: by largest remainder, and of equal remainders the first. With their
// exact sum, rounded half-even once, each part is less than one unit of the last place away from
// what it was. Without parts there is nothing to add up.
func Apportion(parts []Decimal, places int, total Decimal) []Decimal {
	unit := New(1, -int32(places)) //nolint:gosec // a few places
	rounded := make([]Decimal, len(parts))
	order := make([]int, len(parts)) // the largest remainder first
	var sum Decimal
	for i, part := range parts {
		order[i] = i
		rounded[i] = part.Round(places)
		if rounded[i].Cmp(part) > 0 {
			rounded[i] = rounded[i].Sub(unit)
		}
		sum = sum.Add(rounded[i])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return parts[b].Sub(rounded[b]).Cmp(parts[a].Sub(rounded[a]))
	})
	for i := 0; sum.Cmp(total) < 0 && len(parts) > 0; i++ {
		n := order[i%len(order)]
		rounded[n], sum = rounded[n].Add(unit), sum.Add(unit)
	}
	for i := 0; sum.Cmp(total) > 0 && len(parts) > 0; i++ {
		n := order[len(order)-1-i%len(order)]
		rounded[n], sum = rounded[n].Sub(unit), sum.Sub(unit)
	}
	return rounded
}
