package print

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// footer prints how complete a bill is, one line each: of its month and its tenant alone, where it
// has one. Quarantined inputs have neither.
func (p *paper) footer(w io.Writer, quarantined int) {
	say := func(format string, args ...any) { Text(w, fmt.Sprintf(format, args...)) }
	for i := range p.Horizons {
		h := &p.Horizons[i]
		if !h.Ended.IsZero() {
			say("%s %s: retired, it ended at %s", h.Source, h.Foundation, Time(h.Ended))
			continue
		}
		say("%s %s: metered through %s, charged through %s", h.Source, h.Foundation, orNever(Time(h.Metered)),
			orNever(Time(h.Billed)))
	}
	Comparisons(w, p.Platforms)
	if len(p.Final) > 0 {
		say("final: %s", someOf(p.Final))
	}
	if len(p.Preliminary) > 0 {
		say("preliminary: %s; what comes later can change it", someOf(p.Preliminary))
	}
	say("%s", gapsText(p.Gaps))
	for _, m := range p.Missing {
		say("incomplete: %s", m)
	}
	if p.Running > 0 {
		say("running: %d, charged up to their last cut", p.Running)
	}
	if p.Held > 0 {
		say("held: %d, not billed until an event or an operator settles it; daybook holds list shows it", p.Held)
	}
	if p.Unrated > 0 {
		say("unrated: %d parts of spans that no plan prices; daybook unrated list shows them", p.Unrated)
	}
	p.corrections(say)
	if quarantined > 0 && p.Query.Tenant == "" && p.Query.Period == "" {
		say("quarantined: %d inputs that were not understood; daybook quarantine list shows them", quarantined)
	}
	codes := ""
	for _, code := range slices.Sorted(maps.Keys(p.Anomalies)) {
		codes = Join(codes, fmt.Sprintf("%s %d", code, p.Anomalies[code]))
	}
	if codes == "" {
		say("no anomalies")
		return
	}
	say("anomalies: %s; daybook anomalies list shows them", codes)
}

// Comparisons prints whether METERED agrees with the sums of platforms, one line each.
func Comparisons(w io.Writer, all []ledger.Comparison) {
	for i := range all {
		Text(w, all[i].Source+" "+all[i].Foundation+": "+all[i].Text)
	}
}

// mostNamed is how many things of a kind a sentence names.
const mostNamed = 3

// someOf are words in one sentence, the first ones if they are many.
func someOf(words []string) string {
	if len(words) > mostNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:mostNamed], ", "), len(words)-mostNamed)
	}
	return strings.Join(words, ", ")
}

func gapsText(gaps []events.Gap) string {
	if len(gaps) == 0 {
		return "no gaps"
	}
	g := &gaps[0]
	first := fmt.Sprintf("%s %s, from %s to %s: %s", g.Source, g.Foundation, orUnknown(Time(g.From)),
		orUnknown(Time(g.To)), g.Reason)
	if len(gaps) == 1 {
		return "gap: " + first
	}
	return fmt.Sprintf("gaps: %d; daybook status shows them; the first is %s", len(gaps), first)
}

// corrections says the sums of the corrections of earlier months.
func (p *paper) corrections(say func(format string, args ...any)) {
	var months, sums []string
	totals := map[totalKey]events.Decimal{} // by currency
	lines := 0
	for i := range p.lines {
		l := &p.lines[i]
		if l.Of == "" {
			continue
		}
		lines++
		if !slices.Contains(months, l.Of) {
			months = append(months, l.Of)
		}
		key := totalKey{currency: l.Currency}
		totals[key] = totals[key].Add(l.Amount)
	}
	if lines == 0 {
		return
	}
	for _, key := range slices.SortedFunc(maps.Keys(totals), totalKey.compare) {
		sums = append(sums, money(totals[key], key.currency)+" "+key.currency)
	}
	say("corrections: %d lines of %s, %s without VAT", lines, someOf(months), someOf(sums))
}
