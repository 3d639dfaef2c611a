package print

import (
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// Forecast prints what a month comes to: as a table, as JSON, or as csv, one row a sum.
func Forecast(w io.Writer, x *answer.Forecast, format string, exact bool) error {
	if format == "json" {
		return JSON(w, x)
	}
	amount := func(text, currency string) (string, error) {
		d, err := events.ParseDecimal(text)
		if err != nil || exact || format == "csv" {
			return text, err
		}
		return money(d, currency), nil
	}
	rows := [][]string{{}}
	for _, name := range x.By {
		rows[0] = append(rows[0], strings.ToUpper(name))
	}
	rows[0] = append(rows[0], "CHARGED", "TO_COME", "AMOUNT", "VAT", "CURRENCY")
	for i := range x.Sums {
		s := &x.Sums[i]
		var row []string
		for _, name := range x.By {
			row = append(row, s.Of[name])
		}
		for _, text := range []string{s.Charged, s.ToCome, s.Amount, s.VAT} {
			cell, err := amount(text, s.Currency)
			if err != nil {
				return err
			}
			row = append(row, cell)
		}
		rows = append(rows, append(row, s.Currency))
	}
	if format == "csv" {
		return table(w, format, rows)
	}
	out := &failing{w: w}
	Text(out, "Forecast of "+x.Month+": what is charged, and what is to come if all that runs goes on")
	fmt.Fprintln(out)
	if err := Table(out, rows); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, f := range x.Foundations {
		Text(out, fmt.Sprintf("%s %s: metered through %s", f.Source, f.Foundation, f.MeteredThrough))
	}
	Text(out, fmt.Sprintf("running: %d", x.Running))
	if x.Held > 0 {
		Text(out, fmt.Sprintf("held: %d, in no sum; daybook holds list shows it", x.Held))
	}
	for _, reason := range x.Unrated {
		Text(out, "without a price: "+reason)
	}
	return out.err
}
