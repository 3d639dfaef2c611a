package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/daybook-billing/daybook/events"
)

// minorUnits are the decimal places of currencies that do not have two. Source: ISO 4217.
var minorUnits = map[string]int{
	"BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0,
	"KWD": 3, "LYD": 3, "OMR": 3,
	"PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}

// minorUnit is how many decimal places a currency has.
func minorUnit(currency string) int {
	if places, other := minorUnits[currency]; other {
		return places
	}
	return 2
}

// toMinorUnit rounds a total half-even to the currency's minor unit.
func toMinorUnit(x events.Decimal, currency string) events.Decimal {
	return x.Round(minorUnit(currency))
}

// money rounds a total to the currency's minor unit, half-even, and writes all its places.
func money(x events.Decimal, currency string) string {
	places := minorUnit(currency)
	text := toMinorUnit(x, currency).String()
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

// short is a quantity for a table: none for a formula, which has no unit.
func short(quantity, unit string) string {
	if unit == "" {
		return ""
	}
	return quantity
}

func timeOrEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return events.FormatTime(t)
}

func orNever(s string) string {
	if s == "" {
		return "nothing yet"
	}
	return s
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown time"
	}
	return s
}

// printJSON prints one JSON value and a line end.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// visible replaces control characters, which would break a table or steer a terminal.
func visible(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// printTable prints rows in columns.
func printTable(w io.Writer, rows [][]string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(out, "\t")
			}
			fmt.Fprint(out, strings.Map(visible, cell))
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}
