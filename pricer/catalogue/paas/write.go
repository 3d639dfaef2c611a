package paas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
)

// writer writes a catalogue, line by line.
type writer struct {
	text strings.Builder
	from []int // for each line, the offset in the config that it comes from
}

func (w *writer) line(at int, format string, args ...any) {
	fmt.Fprintf(&w.text, format+"\n", args...)
	w.from = append(w.from, at)
}

func (w *writer) catalogue(file string, c *config, entries []entry, currency string) {
	w.line(0, "# Prices of alphagov/paas-billing, from %s.", strings.Map(printable, path.Base(file)))
	w.line(0, "currency: %s", scalar(currency))
	w.rates("vat_rates", c.vat)
	w.rates("currency_rates", c.currencies)
	w.line(0, "plans:")
	for i := range entries {
		w.plan(&entries[i])
	}
}

func printable(r rune) rune {
	if r < ' ' {
		return '_'
	}
	return r
}

func (w *writer) rates(list string, rates []rate) {
	if len(rates) == 0 {
		return
	}
	w.line(0, "%s:", list)
	for _, x := range rates {
		w.line(x.at, "  - {code: %s, valid_from: %s, rate: %q}", scalar(x.code), date(x.from), x.value)
	}
}

func (w *writer) plan(e *entry) {
	w.line(e.at, "  - name: %s", scalar(e.label))
	w.line(e.at, "    plan_guid: %q", e.plan.guid)
	if e.guid == "" {
		w.line(e.at, "    match: {kind: %s}", e.kind)
	} else {
		w.line(e.at, "    match: {kind: %s, plan: %s}", e.kind, quoted(e.guid))
	}
	w.line(e.at, "    valid_from: %s", date(e.from))
	if defaults := e.defaults(); defaults != "" {
		w.line(e.at, "    defaults: {%s}", defaults)
	}
	w.line(e.at, "    restart: month")
	w.line(e.at, "    components:")
	for _, c := range e.components {
		mark := ""
		if c.credit {
			mark = ", credit: true"
		}
		w.line(c.at, "      - {name: %s, dialect: paas-billing, formula: %s, currency: %s, vat: %s%s}", scalar(c.name),
			quoted(c.formula), scalar(c.currency), scalar(c.vat), mark)
	}
}

// defaults are the sizes of a service's plan. Without a price that asks for the nodes their number
// does not matter.
func (e *entry) defaults() string {
	if e.kind != "service" {
		return ""
	}
	var all []string
	for _, c := range e.components {
		if c.usesNodes {
			all = append(all, fmt.Sprintf("instances: %d", e.nodes))
			break
		}
	}
	if e.memory > 0 {
		all = append(all, fmt.Sprintf("memory_mb: %d", e.memory))
	}
	if e.storage > 0 {
		all = append(all, fmt.Sprintf("storage_mb: %d", e.storage))
	}
	return strings.Join(all, ", ")
}

// date is a time as the catalogue writes it, short where it is a midnight.
func date(t time.Time) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.UTC().Format(time.DateOnly)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// plain are texts that are the same text in YAML without quotes.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// words are texts of that form that YAML takes for something else.
var words = regexp.MustCompile(`^(?i:true|false|yes|no|on|off|y|n|null)$`)

func scalar(s string) string {
	if plain.MatchString(s) && !words.MatchString(s) {
		return s
	}
	return quoted(s)
}

// quoted is a text in quotes: YAML reads JSON's.
func quoted(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return `""` // cannot be: it is a string
	}
	return strings.TrimSuffix(b.String(), "\n")
}
