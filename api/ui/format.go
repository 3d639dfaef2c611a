package ui

import (
	"bytes"
	"cmp"
	"encoding/json"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
)

// This file writes values for people.

// sign is the sign of a currency, in front of its amounts; others have their code there.
func sign(currency string) string {
	switch currency {
	case "GBP":
		return "£"
	case "EUR":
		return "€"
	case "USD":
		return "$"
	case "JPY":
		return "¥"
	}
	return currency + "\u00a0"
}

// amount is an exact decimal in the currency's minor unit, as £1,234.50 or −€3.20; less than one is
// <£0.01.
func amount(exact, currency string) string {
	value, err := events.ParseDecimal(exact)
	if err != nil {
		return exact
	}
	rounded := money.InMinorUnit(value, currency)
	if value.Sign() > 0 && !strings.ContainsAny(rounded, "123456789") {
		return "<" + signed(rounded[:len(rounded)-1]+"1", sign(currency))
	}
	return signed(rounded, sign(currency))
}

// signed has a sign of the currency behind the minus, and commas between thousands.
func signed(text, currency string) string {
	text, minus := strings.CutPrefix(text, "-")
	whole, fraction, has := strings.Cut(text, ".")
	var groups []string
	for len(whole) > 3 {
		groups = append(groups, whole[len(whole)-3:])
		whole = whole[:len(whole)-3]
	}
	slices.Reverse(groups)
	out := currency + strings.Join(append([]string{whole}, groups...), ",")
	if has {
		out += "." + fraction
	}
	if minus {
		out = "−" + out
	}
	return out
}

// ratePlaces are the places of the price of an hour.
const ratePlaces = 4

// rate is the price of an hour, with four places.
func rate(exact, currency string) string {
	value, err := events.ParseDecimal(exact)
	if err != nil {
		return exact
	}
	text := value.Round(ratePlaces).String()
	if value.Sign() > 0 && !strings.ContainsAny(text, "123456789") {
		return "<" + sign(currency) + "0.0001"
	}
	whole, fraction, _ := strings.Cut(text, ".")
	return signed(whole+"."+fraction+strings.Repeat("0", ratePlaces-len(fraction)), sign(currency))
}

// sumOf adds up decimals; other texts count as 0.
func sumOf(all ...string) string {
	var sum events.Decimal
	for _, text := range all {
		if value, err := events.ParseDecimal(text); err == nil {
			sum = sum.Add(value)
		}
	}
	return sum.String()
}

// less is a less b; an empty one is 0.
func less(a, b string) string {
	x, errX := events.ParseDecimal(cmp.Or(a, "0"))
	y, errY := events.ParseDecimal(cmp.Or(b, "0"))
	if errX != nil || errY != nil {
		return ""
	}
	return x.Sub(y).String()
}

// size is a decimal without its sign.
func size(exact string) string { return strings.TrimPrefix(exact, "-") }

// difference is a less b as money, with its sign.
func difference(a, b, currency string) string {
	text := amount(less(a, b), currency)
	if compareAmounts(cmp.Or(a, "0"), cmp.Or(b, "0")) > 0 {
		return "+" + text
	}
	return text
}

// percent is a rate in percent: 20 % for 0.2.
func percent(exact string) string {
	value, err := events.ParseDecimal(exact)
	if err != nil {
		return exact
	}
	return value.Mul(events.NewDecimal(100, 0)).String() + "\u00a0%"
}

// quantity is a decimal with at most three places.
func quantity(exact string) string {
	value, err := events.ParseDecimal(exact)
	if err != nil {
		return exact
	}
	return signed(value.Round(3).String(), "")
}

// moment is a time in UTC as a <time>, which the browser's zone is added to.
func moment(text string) template.HTML {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped
	}
	form := "2006-01-02 15:04:05"
	switch {
	case at.Hour() == 0 && at.Minute() == 0 && at.Second() == 0:
		form = time.DateOnly
	case at.Second() == 0:
		form = "2006-01-02 15:04"
	}
	//nolint:gosec // digits and signs only
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `">` + at.UTC().Format(form) + `</time>`)
}

// between is a time from start to end, without the second date where that is the same.
func between(start, end string) template.HTML {
	from, errFrom := time.Parse(time.RFC3339Nano, start)
	to, errTo := time.Parse(time.RFC3339Nano, end)
	midnight := func(at time.Time) bool { return at.UTC().Truncate(24 * time.Hour).Equal(at) }
	switch {
	case errFrom != nil || errTo != nil:
		return moment(start) + " – " + moment(end)
	case midnight(from) && to.Equal(from.AddDate(0, 0, 1)):
		return moment(start)
	case from.UTC().Format(time.DateOnly) == to.UTC().Format(time.DateOnly):
		form := "15:04:05"
		if to.Second() == 0 {
			form = "15:04"
		}
		//nolint:gosec // digits and signs only
		return moment(start) + template.HTML(` – <time datetime="`+to.UTC().Format(time.RFC3339)+`">`+
			to.UTC().Format(form)+`</time>`)
	}
	return moment(start) + " – " + moment(end)
}

// dayName is a day in words: 20 October.
func dayName(text string) string {
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC().Format("2 January")
		}
	}
	return text
}

// monthName is a month in words: October 2026.
func monthName(month string) string {
	at, err := time.Parse(events.MonthForm, month)
	if err != nil {
		return month
	}
	return at.Format("January 2006")
}

// shortID is how much of an id is shown.
const shortID = 8

// short is the beginning of an id: a guid, or a project's of 32 hexadecimal digits.
func short(id string) string {
	hexadecimal := strings.Trim(id, "0123456789abcdef-") == ""
	if hexadecimal && len(id) >= 32 {
		return id[:shortID]
	}
	return id
}

// named is a name, or without one the beginning of the id.
func named(name, id string) string {
	if name != "" {
		return name
	}
	return short(id)
}

// sizeOf is a footprint in a few words.
func sizeOf(f answer.Footprint) string {
	var words []string
	count := func(n *uint32, unit string) {
		if n != nil {
			words = append(words, signed(strconv.FormatUint(uint64(*n), 10), "")+unit)
		}
	}
	count(f.Instances, "×")
	count(f.MemoryMB, " MiB")
	count(f.VolumeGB, " GiB")
	for _, word := range []string{f.ProcessType, f.Buildpack, f.Offering, f.Plan, f.Flavor} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// kindName is a kind of resource in words.
func kindName(kind string) string {
	switch kind {
	case events.KindApp:
		return "app"
	case events.KindService:
		return "service"
	case events.KindInstance:
		return "database"
	}
	return kind
}

// hourAfter is an hour behind a time.
func hourAfter(text string) (string, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	return events.FormatTime(at.Add(time.Hour)), err
}

// lag is a number of seconds in words.
func lag(seconds int64) string {
	return (time.Duration(seconds) * time.Second).String()
}

// days is a grace in words.
func days(seconds uint32) string {
	const day = 24 * 60 * 60
	if seconds%day == 0 {
		return counted(int(seconds/day), "day")
	}
	return lag(int64(seconds))
}

// pretty is JSON with line ends.
func pretty(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// pathOf is an address below Root, of escaped parts.
func pathOf(parts []string) string {
	escaped := make([]string, len(parts))
	for i := range parts {
		escaped[i] = url.PathEscape(parts[i])
	}
	return Root + strings.Join(escaped, "/")
}

// sentence has a capital letter at its start.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
