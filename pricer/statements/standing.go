package statements

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// maxStanding is how many entries Standing keeps.
const maxStanding = 1_000_000

// Standing are the entries in BILLING that statements are about: charges without a reversal, and
// corrections by the month that they are posted to. The zero value has none.
type Standing struct {
	of   map[Bill]map[string]events.Charge // by id
	n    int
	full bool
}

// Add takes the entries of a message that are wanted.
func (s *Standing) Add(b *events.Billing, wanted func(Bill) bool) {
	for i := range b.Charges {
		c := &b.Charges[i]
		of := Bill{b.Source, b.Foundation, c.Tenant, c.Period}
		if s.full || !wanted(of) {
			continue
		}
		if s.of == nil {
			s.of = map[Bill]map[string]events.Charge{}
		}
		if s.of[of] == nil {
			s.of[of] = map[string]events.Charge{}
		}
		before := len(s.of[of])
		if c.Entry == events.EntryReversal {
			delete(s.of[of], c.Reverses)
		} else {
			s.of[of][c.ID] = *c
		}
		if s.n += len(s.of[of]) - before; s.n > maxStanding {
			s.of, s.full = nil, true
		}
	}
}

// Restate gives a statement the entries of its month, where they come to its lines. They do not
// where there are too many, or where BILLING has lost one of a charge and its reversal.
func (s *Standing) Restate(x *statement.Statement, price func(*events.Charge) Price) bool {
	if s.full {
		return false
	}
	var d Draft
	for _, c := range s.of[Bill{x.Source, x.Foundation, x.Tenant, x.Month}] {
		d.Add(&c, price(&c))
	}
	again := *x
	d.state(&again)
	if !Same(&again, x) {
		return false
	}
	*x = again
	return true
}
