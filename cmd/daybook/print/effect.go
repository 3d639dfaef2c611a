package print

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	decimals "github.com/daybook-billing/daybook/events/money"
)

// sideJSON is the bill of a tenant's month under one version.
type sideJSON struct {
	Currency       string `json:"currency,omitempty"`
	Amount         string `json:"amount"`
	VAT            string `json:"vat"`
	Unrated        uint32 `json:"unrated"`
	UnratedSeconds string `json:"unrated_seconds"`
}

// effectJSON is a row of an effect. The differences are there where both sides have one currency.
type effectJSON struct {
	Month               string   `json:"month"`
	Tenant              string   `json:"tenant"`
	Before              sideJSON `json:"before"`
	After               sideJSON `json:"after"`
	Difference          string   `json:"difference,omitempty"`
	VATDifference       string   `json:"vat_difference,omitempty"`
	NewlyUnrated        uint32   `json:"newly_unrated"`
	NewlyUnratedSeconds string   `json:"newly_unrated_seconds"`
	Appearing           []string `json:"appearing"`
	Disappearing        []string `json:"disappearing"`
	PlansOmitted        uint32   `json:"plans_omitted,omitempty"`
}

func effectRow(r *effect.Row) effectJSON {
	said := func(s *effect.Side) sideJSON {
		return sideJSON{s.Currency, s.Amount.String(), s.VAT.String(), s.Unrated, s.UnratedSeconds.String()}
	}
	row := effectJSON{
		Month: r.Month, Tenant: r.Tenant, Before: said(&r.Before), After: said(&r.After), NewlyUnrated: r.NewlyUnrated,
		NewlyUnratedSeconds: r.NewlyUnratedSeconds.String(), Appearing: append([]string{}, r.Appearing...),
		Disappearing: append([]string{}, r.Disappearing...), PlansOmitted: r.PlansOmitted,
	}
	if sameCurrency(r) {
		row.Difference = r.After.Amount.Sub(r.Before.Amount).String()
		row.VATDifference = r.After.VAT.Sub(r.Before.VAT).String()
	}
	return row
}

// sameCurrency reports whether both sides of a row can be compared: a bill without a version has
// no currency, and is empty.
func sameCurrency(r *effect.Row) bool {
	return r.Before.Currency == r.After.Currency || r.Before.Currency == ""
}

// EffectJSON prints an effect, exact: one object a row, and a last one about the whole.
func EffectJSON(w io.Writer, e *effect.Effect, sequence uint64) error {
	for i := range e.Rows {
		if err := JSON(w, effectRow(&e.Rows[i])); err != nil {
			return err
		}
	}
	return JSON(w, map[string]Fields{"effect": {
		{"version", e.Version},
		{"former", e.Former},
		{"metered", sequence},
		{"rows", len(e.Rows)},
		{"changed", changed(e)},
		{"closed", append([]string{}, e.Closed...)},
	}})
}

// EffectCSV prints the rows of an effect, exact.
func EffectCSV(w io.Writer, e *effect.Effect) error {
	rows := [][]string{{
		"month", "tenant", "currency_before", "before", "vat_before", "currency_after", "after", "vat_after",
		"difference", "vat_difference", "newly_unrated", "newly_unrated_seconds", "appearing", "disappearing",
	}}
	for i := range e.Rows {
		r := effectRow(&e.Rows[i])
		rows = append(rows, []string{
			r.Month, r.Tenant, r.Before.Currency, r.Before.Amount, r.Before.VAT, r.After.Currency, r.After.Amount,
			r.After.VAT, r.Difference, r.VATDifference, strconv.Itoa(int(r.NewlyUnrated)), r.NewlyUnratedSeconds,
			strings.Join(r.Appearing, ", "), strings.Join(r.Disappearing, ", "),
		})
	}
	return table(w, "csv", rows)
}

func changed(e *effect.Effect) (n int) {
	for i := range e.Rows {
		if e.Rows[i].Changes() {
			n++
		}
	}
	return n
}

// CatalogueEffect prints an effect for people: a line for each tenant's month that changes, and a
// total for each month. Amounts are net, rounded to the currency's minor unit, or exact.
func CatalogueEffect(w io.Writer, e *effect.Effect, exact bool) error {
	err := openEffect(w, e, exact)
	if len(e.Closed) > 0 && err == nil {
		out := &failing{w: w}
		Text(out, fmt.Sprintf("Closed months stay as they are, though it would change %s. --reprice-closed %s posts "+
			"the difference as corrections in the first open month.", strings.Join(e.Closed, ", "),
			strings.Join(e.Closed, ",")))
		err = out.err
	}
	return err
}

// RepricedEffect prints a sentence about each closed month that is priced, too: its rows are in the
// effect.
func RepricedEffect(w io.Writer, e *effect.Effect, named []string) error {
	out := &failing{w: w}
	for _, month := range slices.Compact(slices.Sorted(slices.Values(named))) {
		if slices.ContainsFunc(e.Rows, func(r effect.Row) bool { return r.Month == month && r.Changes() }) {
			Text(out, month+" is closed: its difference is posted as corrections in the first open month.")
		} else {
			Text(out, month+" is closed, and the version does not change it.")
		}
	}
	return out.err
}

// ClosedEffect prints an effect on closed months for people.
func ClosedEffect(w io.Writer, e *effect.Effect, exact bool) error {
	out := &failing{w: w}
	if len(e.Rows) == 0 {
		Text(out, "Nothing is metered in a closed month.")
		return out.err
	}
	Text(out, "Closed months, each as if --reprice-closed named it alone; the differences are corrections:")
	fmt.Fprintln(out)
	if out.err != nil {
		return out.err
	}
	return openEffect(w, e, exact)
}

// openEffect is CatalogueEffect for the open months.
func openEffect(w io.Writer, e *effect.Effect, exact bool) error {
	out := &failing{w: w}
	switch n := changed(e); {
	case len(e.Rows) == 0:
		Text(out, "Nothing is metered in an open month: none changes.")
		return out.err
	case n == 0:
		Text(out, "No open month changes, of "+counted(len(e.Rows), "tenant's month", "tenants' months")+".")
		return out.err
	}
	sheet := &page{
		titles: []string{"MONTH", "TENANT", "BEFORE", "AFTER", "DIFFERENCE", ""}, numbers: 4,
		right: []bool{false, false, true, true, true, false},
	}
	sheet.header()
	for begin := 0; begin < len(e.Rows); {
		end := begin
		for end < len(e.Rows) && e.Rows[end].Month == e.Rows[begin].Month {
			end++
		}
		effectMonth(sheet, e.Rows[begin:end], exact)
		begin = end
	}
	sheet.print(out)
	effectNotes(out, e)
	if n := len(e.Rows) - changed(e); n > 0 {
		Text(out, "The same before and after: "+counted(n, "tenant's month", "tenants' months")+", in the totals.")
	}
	return out.err
}

// effectMonth adds the rows of a month that change, and its totals.
func effectMonth(sheet *page, rows []effect.Row, exact bool) {
	totals := map[string]*[2]decimals.Sum{} // by currency
	var currencies []string
	add := func(currency string, i int, x events.Decimal) {
		if totals[currency] == nil {
			totals[currency] = &[2]decimals.Sum{}
			currencies = append(currencies, currency)
		}
		totals[currency][i].Add(x)
	}
	for i := range rows {
		r := &rows[i]
		before := cmp.Or(r.Before.Currency, r.After.Currency)
		add(before, 0, r.Before.Amount)
		add(r.After.Currency, 1, r.After.Amount)
		if !r.Changes() {
			continue
		}
		row := func(month, tenant string, before, after events.Decimal, currency string) {
			sheet.row(append([]string{month, tenant}, amounts(before, after, currency, exact)...)...)
		}
		if sameCurrency(r) {
			row(r.Month, r.Tenant, r.Before.Amount, r.After.Amount, before)
			continue
		}
		row(r.Month, r.Tenant, r.Before.Amount, events.Decimal{}, before)
		row("", "", events.Decimal{}, r.After.Amount, r.After.Currency)
	}
	for _, currency := range currencies {
		sum := totals[currency]
		sheet.sum(rows[0].Month+"  total", amounts(sum[0].Decimal(), sum[1].Decimal(), currency, exact)...)
	}
}

// amounts are the cells of two amounts and their difference. A difference that rounds to nothing is
// exact.
func amounts(before, after events.Decimal, currency string, exact bool) []string {
	say := func(x events.Decimal) string {
		if exact {
			return x.String()
		}
		return money(x, currency)
	}
	difference := after.Sub(before)
	text := say(difference)
	if !difference.IsZero() && difference.Round(decimals.MinorUnit(currency)).IsZero() {
		text = difference.String()
	}
	if difference.Sign() > 0 {
		text = "+" + text
	}
	return []string{say(before), say(after), text, currency}
}

// effectNotes prints what a row of amounts does not say.
func effectNotes(w io.Writer, e *effect.Effect) {
	for i := range e.Rows {
		r := &e.Rows[i]
		var notes []string
		if r.NewlyUnrated > 0 {
			notes = append(notes, fmt.Sprintf("newly without a price: %s, %s s", counted(int(r.NewlyUnrated), "span",
				"spans"), r.NewlyUnratedSeconds))
		} else if r.After.Unrated > 0 {
			notes = append(notes, "without a price: "+counted(int(r.After.Unrated), "span", "spans"))
		}
		for _, plans := range []struct {
			names []string
			text  string
		}{{r.Appearing, "plans that appear: "}, {r.Disappearing, "plans that disappear: "}} {
			if len(plans.names) > 0 {
				notes = append(notes, plans.text+strings.Join(plans.names, ", "))
			}
		}
		if r.PlansOmitted > 0 {
			notes = append(notes, fmt.Sprintf("and %d more plans", r.PlansOmitted))
		}
		if !sameCurrency(r) {
			notes = append(notes, fmt.Sprintf("the currency goes from %s to %s", r.Before.Currency, r.After.Currency))
		}
		if len(notes) > 0 && r.Changes() {
			Text(w, r.Month+" "+r.Tenant+": "+strings.Join(notes, "; "))
		}
	}
}

// counted is a number with the thing that it counts.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
