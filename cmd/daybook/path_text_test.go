package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/ledger"
)

// The results of the path transcripts, one a line:
//
//	closed    app P 2026-01-01T09:00Z..2026-01-01T10:00Z 1x1024 since 2026-01-01T08:00Z flags
//	retracted app P …
//	running   app P 2026-01-01T10:00Z.. 1x1024
//	held 1    app P 2026-01-01T10:00Z..2026-01-01T11:00Z 1x1024 gap
//	held 2    app P 2026-01-01T12:00Z..2026-01-01T13:00Z 2x1024 or 1x1024 lost_change
//	posted    2026-01 0.01 + 0.002 GBP, app/hour of 1: app P 2026-01-01T09:00Z..2026-01-01T10:00Z
//	reversed  2026-01 -0.01 - 0.002 GBP, …
//	corrected 2026-02 -0.01 - 0.002 GBP, …, of 2026-01
//	unrated   2026-01 app P 2026-01-01T09:00Z..2026-01-01T10:00Z: no plan matches
//	settled   …, an unrated part that is none any more
//	anomaly   lost_change P 2026-01-01T09:00Z
//	month     2026-01 closed, or open again
//	issued    1, 2026-01 of O: 0.01 + 0 = 0.01 GBP, a statement by its number, perhaps a revision
//	credited  2, 2026-01 of O: -0.01 - 0 = -0.01 GBP, the credit note of number 1
//	line      one of a statement: 1 hour at 0.01 GBP, exact and as rounded
//	rate      a VAT rate of a statement: exact and as rounded
//	lists     what a statement lists that is not billed
//
// A charge is its month, net amount and VAT, then plan, component and version of the catalogue. A
// correction names the closed month that it is about.

// pathText writes results, and gives holds their numbers.
type pathText struct {
	out   *strings.Builder
	holds map[string]listedHold // by id
	parts map[string]string     // unrated parts by id
}

// listedHold is a hold with the subject that lists it.
type listedHold struct {
	id, source, kind, resource string
	number                     int
}

func newPathText() pathText {
	return pathText{out: &strings.Builder{}, holds: map[string]listedHold{}, parts: map[string]string{}}
}

// take returns all that was written since it was called last.
func (p *pathText) take() string {
	text := p.out.String()
	p.out.Reset()
	return text
}

func (p *pathText) line(verb, format string, args ...any) {
	fmt.Fprintf(p.out, "  %-9s %s\n", verb, fmt.Sprintf(format, args...))
}

// month writes a closing.
func (p *pathText) month(c *events.Closing) {
	state := "closed"
	if c.Reopened {
		state = "open again"
	}
	p.line("month", "%s %s", c.Month, state)
}

// spans writes a message of METERED.
func (p *pathText) spans(m *events.Metered) {
	for i := range m.Retracted {
		p.line("retracted", "%s", spanText(&m.Retracted[i]))
	}
	for i := range m.Closed {
		p.line("closed", "%s", spanText(&m.Closed[i]))
	}
	for i := range m.Running {
		p.line("running", "%s", spanText(&m.Running[i]))
	}
	for i := range m.Held {
		h := &m.Held[i]
		if _, known := p.holds[h.ID]; !known {
			p.holds[h.ID] = listedHold{h.ID, m.Source, m.Kind, m.Resource, len(p.holds) + 1}
		}
		s := events.Span{
			Kind: h.Kind, Resource: h.Resource, Start: h.Start, End: h.End, Since: h.Start,
			Footprint: h.Footprint,
		}
		lower := ""
		if h.Lower != (events.Footprint{}) {
			least := s
			least.Footprint = h.Lower
			lower = " or " + footprintText(&least)
		}
		p.line(fmt.Sprintf("held %d", p.holds[h.ID].number), "%s%s %s", spanText(&s), lower, h.Code)
	}
	for i := range m.Anomalies {
		p.anomaly(&m.Anomalies[i])
	}
}

func (p *pathText) anomaly(a *events.Anomaly) {
	p.line("anomaly", "%s %s %s", a.Code, a.Resource, momentText(a.Time))
}

// hold returns the hold of a number.
func (p *pathText) hold(number int) (listedHold, bool) {
	for _, h := range p.holds {
		if h.number == number {
			return h, true
		}
	}
	return listedHold{}, false
}

func (p *pathText) charges(charges []events.Charge) {
	for i := range charges {
		c := &charges[i]
		verb := "posted"
		correction := ""
		switch c.Entry {
		case events.EntryReversal:
			verb = "reversed"
		case events.EntryCorrection:
			verb, correction = "corrected", ", of "+c.Month
			if c.Corrects == "" {
				correction += ", not charged before"
			}
		}
		p.line(verb, "%s %s %s, %s/%s of %s: %s %s %s%s", c.Period, netAndVAT(c.Amount, c.VAT), c.Currency, c.Plan,
			c.Component, c.Catalogue, c.Kind, c.Resource, intervalText(c.Start, c.End), correction)
	}
}

// issued writes a statement or a credit note.
func (p *pathText) issued(x *statement.Statement) {
	var totals []string
	for _, t := range x.Totals {
		totals = append(totals, netAndVAT(t.Amount, t.VAT)+" = "+t.Total.String()+" "+t.Currency)
	}
	verb, which := "issued", ""
	switch {
	case x.CreditNote():
		verb, which = "credited", fmt.Sprintf(", the credit note of number %d", x.Credits)
	case x.Revision > 1:
		which = fmt.Sprintf(", revision %d", x.Revision)
	}
	p.line(verb, "%d, %s of %s: %s%s", x.Number, x.Month, x.Tenant, strings.Join(totals, ", "), which)
	for i := range x.Lines {
		l := &x.Lines[i]
		price := ""
		if l.UnitPrice != "" {
			price = " at " + l.UnitPrice + " " + l.PriceCurrency
		}
		if l.Unit != "" {
			price = " " + l.Quantity.String() + " " + l.Unit + price
		}
		if l.CurrencyRate != "" {
			price += " × " + l.CurrencyRate
		}
		if l.Month != "" {
			price += ", corrections of " + l.Month
		}
		p.line("line", "%s/%s%s: %s as %s", l.Plan, l.Component, price, netAndVAT(l.Amount, l.VAT),
			netAndVAT(l.RoundedAmount, l.RoundedVAT))
	}
	for _, r := range x.Rates {
		at := "without VAT"
		if r.VATRate != "" {
			at = "at VAT " + r.VATRate
		}
		p.line("rate", "%s %s: %s as %s", r.Currency, at, netAndVAT(r.Amount, r.VAT),
			netAndVAT(r.RoundedAmount, r.RoundedVAT))
	}
	if len(x.Held)+len(x.Unrated)+len(x.Gaps) > 0 {
		p.line("lists", "held: %d, unrated: %d, gaps: %d", len(x.Held), len(x.Unrated), len(x.Gaps))
	}
}

func netAndVAT(net, vat events.Decimal) string {
	text := net.String() + " + " + vat.String()
	return strings.Replace(text, "+ -", "- ", 1)
}

func (p *pathText) unrated(u *events.UnratedNotice) {
	settled := slices.Clone(u.Settled)
	for _, id := range settled {
		p.line("settled", "%s", p.parts[id])
	}
	for _, part := range u.Unrated {
		where := part.Kind + " " + part.Resource + " " + intervalText(part.Start, part.End)
		p.parts[part.ID] = part.Period + " " + where
		p.line("unrated", "%s: %s", p.parts[part.ID], part.Reason)
	}
}

// spanText is a span for people.
func spanText(s *events.Span) string {
	text := s.Kind + " " + s.Resource + " " + intervalText(s.Start, s.End) + " " + footprintText(s)
	if !s.Since.Equal(s.Start) {
		text += " since " + momentText(s.Since)
	}
	for _, flag := range s.Flags.Names() {
		text += " " + flag
	}
	return text
}

func footprintText(s *events.Span) string {
	number := func(c events.Count) string {
		if n, known := c.Get(); known {
			return fmt.Sprint(n)
		}
		return "?"
	}
	f := &s.Footprint
	switch s.Kind {
	case events.KindService:
		return orQuestion(f.Plan)
	case events.KindInstance:
		return orQuestion(f.Flavor) + "/" + number(f.MemoryMB) + "MB"
	case events.KindVolume:
		return number(f.VolumeGB) + "GB"
	}
	return strings.TrimSpace(number(f.Instances) + "x" + number(f.MemoryMB) + " " + f.Buildpack)
}

func orQuestion(s string) string {
	if s == "" {
		return "?"
	}
	return s
}

func intervalText(start, end time.Time) string {
	if end.IsZero() {
		return momentText(start) + ".."
	}
	return momentText(start) + ".." + momentText(end)
}

// momentText is the opposite of moment.
func momentText(t time.Time) string {
	if t.Second() == 0 && t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04Z")
	}
	return events.FormatTime(t)
}

// bill writes the ledger's sums, one line for each month, plan and component, and all that is open.
func (r *pathRun) bill() string {
	bill, err := r.ledger.Bill(r.Context(), ledger.Query{})
	if err != nil {
		r.Fatal(err)
	}
	var out strings.Builder
	for i := range bill.Lines {
		l := &bill.Lines[i]
		fmt.Fprintf(&out, "%s %s %s, %s/%s of %s, entries: %d\n", l.Period, netAndVAT(l.Amount, l.VAT), l.Currency,
			l.Plan, l.Component, l.Tenant, l.Charges)
	}
	fmt.Fprintf(&out, "running: %d, held: %d, unrated: %d\n", bill.Running, bill.Held, bill.Unrated)
	return out.String()
}
