package export

import (
	"strconv"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/events/statement"
)

// StatementRows are the lines of statements as rows, behind one with the names of the columns.
func StatementRows(all []statement.Statement) [][]string {
	rows := [][]string{{
		"number", "revision", "credits", "preview", "source", "foundation", "tenant", "month", "correction_of", "plan",
		"component", "quantity", "unit", "unit_price", "price_currency", "currency_rate", "vat_rate", "amount", "vat",
		"rounded_amount", "rounded_vat", "currency",
	}}
	for i := range all {
		x := &all[i]
		for j := range x.Lines {
			l, quantity := &x.Lines[j], ""
			if l.Unit != "" { // a formula gives none
				quantity = l.Quantity.String()
			}
			rows = append(rows, []string{
				strconv.FormatUint(x.Number, 10), strconv.FormatUint(uint64(x.Revision), 10),
				strconv.FormatUint(x.Credits, 10), strconv.FormatBool(x.Preview()), x.Source, x.Foundation, x.Tenant,
				x.Month, l.Month, l.Plan, l.Component, quantity, l.Unit, l.UnitPrice, l.PriceCurrency,
				l.CurrencyRate, l.VATRate, l.Amount.String(), l.VAT.String(),
				money.InMinorUnit(l.RoundedAmount, l.Currency), money.InMinorUnit(l.RoundedVAT, l.Currency), l.Currency,
			})
		}
	}
	return rows
}
