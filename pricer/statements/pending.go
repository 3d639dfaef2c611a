package statements

import (
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events/statement"
)

// Pending are statements and credit notes of a foundation without a seal. The zero value is empty.
type Pending struct {
	months map[string]map[string][]statement.Statement // by tenant
	n      int
}

// Len is their number.
func (p *Pending) Len() int { return p.n }

// Add adds one. A credit note comes before the statement that replaces it.
func (p *Pending) Add(x *statement.Statement) {
	if p.months == nil {
		p.months = map[string]map[string][]statement.Statement{}
	}
	if p.months[x.Month] == nil {
		p.months[x.Month] = map[string][]statement.Statement{}
	}
	p.months[x.Month][x.Tenant] = append(p.months[x.Month][x.Tenant], *x)
	p.n++
}

// Remove takes one out, if it is there.
func (p *Pending) Remove(x *statement.Statement) {
	of := p.months[x.Month]
	rest := slices.DeleteFunc(of[x.Tenant], func(y statement.Statement) bool { return y.ID == x.ID })
	p.n -= len(of[x.Tenant]) - len(rest)
	if len(rest) > 0 {
		of[x.Tenant] = rest
		return
	}
	if delete(of, x.Tenant); len(of) == 0 {
		delete(p.months, x.Month)
	}
}

// Replace replaces one by another with its id.
func (p *Pending) Replace(x *statement.Statement) {
	of := p.months[x.Month][x.Tenant]
	if i := slices.IndexFunc(of, func(y statement.Statement) bool { return y.ID == x.ID }); i >= 0 {
		of[i] = *x
	}
}

// Withdraw takes those of a month out.
func (p *Pending) Withdraw(month string) {
	for _, list := range p.months[month] {
		p.n -= len(list)
	}
	delete(p.months, month)
}

// Month reports whether anything of a month is pending.
func (p *Pending) Month(month string) bool { return len(p.months[month]) > 0 }

// Of are those of a tenant's month.
func (p *Pending) Of(month, tenant string) []statement.Statement { return p.months[month][tenant] }

// All are all of them, in the order of the numbers that they get.
func (p *Pending) All() []statement.Statement {
	all := make([]statement.Statement, 0, p.n)
	for _, month := range slices.Sorted(maps.Keys(p.months)) {
		all = append(all, p.In(month)...)
	}
	return all
}

// In are those of a month, in the order of their numbers.
func (p *Pending) In(month string) (all []statement.Statement) {
	for _, tenant := range slices.Sorted(maps.Keys(p.months[month])) {
		all = append(all, p.months[month][tenant]...)
	}
	return all
}
