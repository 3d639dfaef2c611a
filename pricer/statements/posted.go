package statements

import "github.com/daybook-billing/daybook/events"

// Bill is a tenant's month in a foundation.
type Bill struct{ Source, Foundation, Tenant, Month string }

// Posted are the sums of entries, by the month that they are posted to.
type Posted map[Bill]Sums

// Add adds the entries of a message.
func (p Posted) Add(b *events.Billing) {
	for i := range b.Charges {
		c := &b.Charges[i]
		of := Bill{b.Source, b.Foundation, c.Tenant, c.Period}
		sums := p[of]
		sums.Add(c, Price{})
		p[of] = sums
	}
}
