package print

import (
	"github.com/daybook-billing/daybook/events"
	decimals "github.com/daybook-billing/daybook/events/money"
)

// money is decimals.InMinorUnit.
func money(x events.Decimal, currency string) string { return decimals.InMinorUnit(x, currency) }
