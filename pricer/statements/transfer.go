package statements

import (
	"cmp"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// Resource is the resource of entries about a whole statement: its number, 0 while it has none.
func Resource(of *statement.Statement) string { return strconv.FormatUint(of.Number, 10) }

// Transfer takes lines out of the month of a statement and puts them into another month: two
// corrections each.
func Transfer(of *statement.Statement, lines []statement.Line, to, cause string) (all []events.Charge) {
	for n := range lines {
		l := &lines[n]
		month := cmp.Or(l.Month, of.Month)
		start, end := events.MonthTime(month)
		c := events.Charge{
			ID: events.ID("transfer", cause, of.Tenant, of.Month, strconv.Itoa(n), to), Entry: events.EntryCorrection,
			Period: to, Month: month, Kind: statement.Kind, Resource: Resource(of), Tenant: of.Tenant, Plan: l.Plan,
			Component: l.Component, Unit: l.Unit, VATRate: l.VATRate, Currency: l.Currency,
			CurrencyRate: l.CurrencyRate, Start: start, End: end, Quantity: l.Quantity, Amount: l.Amount, VAT: l.VAT,
		}
		back := c
		back.ID, back.Period = events.ID("transfer", cause, of.Tenant, of.Month, strconv.Itoa(n)), of.Month
		back.Quantity, back.Amount, back.VAT = c.Quantity.Neg(), c.Amount.Neg(), c.VAT.Neg()
		all = append(all, back, c)
	}
	return all
}
