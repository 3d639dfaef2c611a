package print

import (
	"strings"

	"github.com/daybook-billing/daybook/events"
	decimals "github.com/daybook-billing/daybook/events/money"
)

// money rounds a total to the currency's minor unit, half-even, and writes all its places.
func money(x events.Decimal, currency string) string {
	places := decimals.MinorUnit(currency)
	text := x.Round(places).String()
	if places == 0 {
		return text
	}
	point := strings.IndexByte(text, '.')
	if point < 0 {
		point = len(text)
		text += "."
	}
	return text + strings.Repeat("0", places-(len(text)-point-1))
}
