package print

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/api/export"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// ratedSpanJSON is a span of an offline calculation.
type ratedSpanJSON struct {
	Kind      string   `json:"kind"`
	Resource  string   `json:"resource"`
	Tenant    string   `json:"tenant"`
	Space     string   `json:"space"`
	Name      string   `json:"name"`
	Start     string   `json:"start"`
	End       string   `json:"end"`
	Seconds   string   `json:"seconds"`
	Footprint Fields   `json:"footprint"`
	Running   bool     `json:"running"`
	Flags     []string `json:"flags"`
}

func newRatedSpan(s *rating.Span) ratedSpanJSON {
	return ratedSpanJSON{
		Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Space: s.Space, Name: s.Name,
		Start: events.FormatTime(s.Start), End: events.FormatTime(s.End),
		Seconds:   events.SecondsBetween(s.Start, s.End).String(),
		Footprint: Footprint(s.Kind, s.Footprint), Running: s.Running, Flags: append([]string{}, s.Flags.Names()...),
	}
}

// RatedSpans prints the spans of an offline calculation; format is json, table or csv.
func RatedSpans(w io.Writer, format string, spans []rating.Span) error {
	rows := [][]string{{
		"KIND", "RESOURCE", "TENANT", "SPACE", "NAME", "START", "END", "SECONDS", "FOOTPRINT", "RUNNING", "FLAGS",
	}}
	for i := range spans {
		s := newRatedSpan(&spans[i])
		if format == "json" {
			if err := JSON(w, s); err != nil {
				return err
			}
			continue
		}
		footprint := ""
		for _, f := range s.Footprint {
			footprint = Join(footprint, fmt.Sprintf("%s=%v", f.Key, f.Value))
		}
		rows = append(rows, []string{
			s.Kind, s.Resource, s.Tenant, s.Space, s.Name, s.Start, s.End, s.Seconds, footprint,
			strconv.FormatBool(s.Running), strings.Join(s.Flags, " "),
		})
	}
	return table(w, format, rows)
}

// ratedChargeJSON is a charge of an offline calculation.
type ratedChargeJSON struct {
	Kind      string `json:"kind"`
	Resource  string `json:"resource"`
	Tenant    string `json:"tenant"`
	Plan      string `json:"plan"`
	Component string `json:"component"`
	Start     string `json:"start"`
	End       string `json:"end"`
	Seconds   string `json:"seconds"`
	Quantity  string `json:"quantity"`
	Unit      string `json:"unit"`
	Amount    string `json:"amount"`
	VAT       string `json:"vat"`
	Currency  string `json:"currency"`
}

func newRatedCharge(s *rating.Span, l *rating.Line) ratedChargeJSON {
	return ratedChargeJSON{
		Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Plan: l.Plan.Name, Component: l.Component.Name,
		Start: events.FormatTime(l.Start), End: events.FormatTime(l.End), Seconds: l.Seconds.String(),
		Quantity: l.Quantity.String(), Unit: l.Unit, Amount: l.Amount.String(), VAT: l.VAT.String(),
		Currency: l.Currency,
	}
}

func (c *ratedChargeJSON) row() []string {
	return []string{
		c.Kind, c.Resource, c.Tenant, c.Plan, c.Component, c.Start, c.End, c.Seconds, c.Quantity, c.Unit, c.Amount,
		c.VAT, c.Currency,
	}
}

// RateTotal is the sum of an offline calculation.
type RateTotal struct {
	rating.Total
	Currency    string
	Quarantined int // lines of input that were left out
}

type rateTotalJSON struct {
	Amount      string `json:"amount"`
	VAT         string `json:"vat"`
	Currency    string `json:"currency"`
	Charges     int    `json:"charges"`
	Unrated     int    `json:"unrated"`
	Quarantined int    `json:"quarantined"`
}

// RatedCharges prints the charges of priced spans and their total. Parts without a price stand
// below a table; beside json and csv, whose lines have one form, they are notices.
func RatedCharges(w, notices io.Writer, format string, spans []rating.Span, total *RateTotal) error {
	rows := [][]string{{
		"KIND", "RESOURCE", "TENANT", "PLAN", "COMPONENT", "START", "END", "SECONDS", "QUANTITY", "UNIT", "AMOUNT",
		"VAT", "CURRENCY",
	}}
	var unrated []string
	for i := range spans {
		s := &spans[i]
		for j := range s.Lines {
			c := newRatedCharge(s, &s.Lines[j])
			if format == "json" {
				if err := JSON(w, c); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, c.row())
		}
		for _, u := range s.Unrated {
			unrated = append(unrated, fmt.Sprintf("unrated: %s %s from %s to %s: %s", s.Kind, s.Resource,
				events.FormatTime(u.Start), events.FormatTime(u.End), u.Reason))
		}
	}
	if format != "table" {
		for _, line := range unrated {
			fmt.Fprintln(notices, "daybook:", line)
		}
	}
	amount, vat := total.Amount.String(), total.VAT.String()
	if format == "json" {
		return JSON(w, map[string]rateTotalJSON{"total": {
			amount, vat, total.Currency, total.Charges, total.Unrated, total.Quarantined,
		}})
	}
	rows = append(rows, []string{"total", "", "", "", "", "", "", "", "", "", amount, vat, total.Currency})
	if err := table(w, format, rows); err != nil || format == "csv" {
		return err
	}
	for _, line := range unrated {
		fmt.Fprintln(w, line)
	}
	_, err := fmt.Fprintf(w, "charges: %d, unrated: %d, lines quarantined: %d\n", total.Charges, total.Unrated,
		total.Quarantined)
	return err
}

// table prints rows, a header first, as csv or as a table. Objects of json are printed one by one,
// before.
func table(w io.Writer, format string, rows [][]string) error {
	switch format {
	case "csv":
		out := csv.NewWriter(w)
		for i := range rows[0] {
			rows[0][i] = strings.ToLower(rows[0][i])
		}
		for _, row := range rows[1:] {
			for i := range row {
				row[i] = export.Cell(row[i])
			}
		}
		if err := out.WriteAll(rows); err != nil {
			return err
		}
		return out.Error()
	case "table":
		return Table(w, rows)
	}
	return nil
}
