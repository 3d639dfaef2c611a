package money

import "strings"

// minorUnits are the decimal places of currencies with other than two. Source: ISO 4217.
var minorUnits = map[string]int{
	"BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0,
	"KWD": 3, "LYD": 3, "OMR": 3,
	"PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}

// MinorUnit is the number of a currency's decimal places.
func MinorUnit(currency string) int {
	if places, other := minorUnits[currency]; other {
		return places
	}
	return 2
}

// InMinorUnit rounds a total to the currency's minor unit, half-even, and writes all its places.
func InMinorUnit(x Decimal, currency string) string {
	places := MinorUnit(currency)
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
