package pricer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/pricer/statements"
)

// restore moves what closed months have beyond their statements to the first open month. A replay
// has posted there what BILLING lacks of them.
func (c *comparer) restore(cause string, emit func(*Entries)) (posted int) {
	var groups grouping
	all := c.processor.issuing
	for of := range c.posted { // BILLING may have more tenants
		tenants := all.of(place{of.Source, of.Foundation}).derived[of.Month]
		if _, known := tenants[of.Tenant]; !known && tenants != nil {
			tenants[of.Tenant] = nil
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(all), place.compare) {
		i, open := all[at], c.processor.book.months[at].openOr("")
		for _, month := range slices.Sorted(maps.Keys(i.derived)) {
			for _, tenant := range slices.Sorted(maps.Keys(i.derived[month])) {
				x := cmp.Or(i.issued[month][tenant], i.frame(at, tenant, month, time.Time{}))
				stored := c.posted[statements.Bill{
					Source: at.source, Foundation: at.foundation, Tenant: tenant, Month: month,
				}]
				more := statements.Difference(month, stored.Lines(), i.derived[month][tenant])
				if e := transfer(x, more, open, cause); e != nil {
					groups.list, posted = append(groups.list, e), posted+len(e.Charges)
				}
			}
		}
	}
	groups.emit(emit)
	return posted
}
