package money

import "slices"

// Apportion rounds parts to a number of decimal places so that they add up to their exact sum,
// rounded half-even once: by largest remainder, and of equal remainders the first. Each part is
// less than one unit of the last place away from what it was.
func Apportion(parts []Decimal, places int) []Decimal {
	unit := New(1, -int32(places)) //nolint:gosec // a few places
	rounded := make([]Decimal, len(parts))
	order := make([]int, len(parts)) // the largest remainder first
	var exact, sum Decimal
	for i, part := range parts {
		order[i] = i
		rounded[i] = part.Round(places)
		if rounded[i].Cmp(part) > 0 {
			rounded[i] = rounded[i].Sub(unit)
		}
		exact, sum = exact.Add(part), sum.Add(rounded[i])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return parts[b].Sub(rounded[b]).Cmp(parts[a].Sub(rounded[a]))
	})
	total := exact.Round(places)
	for _, i := range order {
		if sum.Cmp(total) >= 0 {
			break
		}
		rounded[i], sum = rounded[i].Add(unit), sum.Add(unit)
	}
	return rounded
}
