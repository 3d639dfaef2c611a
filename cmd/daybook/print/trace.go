package print

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// traceJSON is an event with what became of it.
type traceJSON struct {
	Answer    string         `json:"answer"`
	Because   string         `json:"because,omitempty"`
	Sentence  string         `json:"sentence"`
	Event     *eventJSON     `json:"event,omitempty"`
	Spans     []spanJSON     `json:"spans"`
	Running   []spanJSON     `json:"running"`
	Charges   []chargeJSON   `json:"charges"`
	Unrated   []unratedPart  `json:"unrated"`
	Holds     []tracedHold   `json:"holds"`
	Anomalies []foundAnomaly `json:"anomalies"`
}

// eventJSON is a message about an event.
type eventJSON struct {
	Stream     string `json:"stream"`
	Sequence   uint64 `json:"sequence"`
	Type       string `json:"type"`
	ID         string `json:"id,omitempty"`
	Source     string `json:"source,omitempty"`
	Foundation string `json:"foundation,omitempty"`
	Tenant     string `json:"tenant,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Resource   string `json:"resource,omitempty"`
	Name       string `json:"name,omitempty"`
	Event      string `json:"event,omitempty"`
	Time       string `json:"time,omitempty"`
	Reason     string `json:"reason,omitempty"` // of quarantined input
}

type spanJSON struct {
	ID        string   `json:"id,omitempty"` // empty while it runs
	Sequence  uint64   `json:"metered,omitempty"`
	Retracted uint64   `json:"retracted,omitempty"` // in METERED
	Kind      string   `json:"kind"`
	Start     string   `json:"start"`
	End       string   `json:"end,omitempty"`
	Since     string   `json:"since"`
	Footprint Fields   `json:"footprint"`
	Flags     []string `json:"flags"`
	Evidence  []uint64 `json:"evidence"`
}

type chargeJSON struct {
	ID        string `json:"id"`
	Entry     string `json:"entry"`
	Reverses  string `json:"reverses,omitempty"`
	Reversed  bool   `json:"reversed"`
	Sequence  uint64 `json:"billing"`
	Span      string `json:"span"`
	Month     string `json:"month"`
	Plan      string `json:"plan"`
	Catalogue string `json:"catalogue"`
	Component string `json:"component"`
	Start     string `json:"start"`
	End       string `json:"end"`
	Quantity  string `json:"quantity,omitempty"`
	Unit      string `json:"unit"`
	Amount    string `json:"amount"`
	VAT       string `json:"vat"`
	Currency  string `json:"currency"`
}

type unratedPart struct {
	ID       string `json:"id"`
	Sequence uint64 `json:"billing"`
	Span     string `json:"span"`
	Start    string `json:"start"`
	End      string `json:"end"`
	Reason   string `json:"reason"`
}

type tracedHold struct {
	ID     string `json:"id"`
	Code   string `json:"code"`
	Start  string `json:"start"`
	End    string `json:"end,omitempty"`
	Reason string `json:"reason"`
}

type foundAnomaly struct {
	Code    string `json:"code"`
	Time    string `json:"time"`
	Message string `json:"message"`
}

func newSpan(s *answer.Span) spanJSON {
	return spanJSON{
		ID: s.ID, Sequence: s.Metered, Retracted: s.Retracted, Kind: s.Kind, Start: s.Start, End: s.End, Since: s.Since,
		Footprint: Footprint(s.Kind, s.Footprint.Footprint()), Flags: append([]string{}, s.Flags...),
		Evidence: append([]uint64{}, s.Evidence...),
	}
}

func newCharge(c *answer.Charge, reversed bool) chargeJSON {
	x := chargeJSON{
		ID: c.ID, Entry: c.Entry, Reverses: c.Reverses, Reversed: reversed, Sequence: c.Sequence, Span: c.Span,
		Month: c.Month, Plan: c.Plan, Catalogue: c.Catalogue, Component: c.Component, Start: c.Start, End: c.End,
		Unit: c.Unit, Amount: c.Amount, VAT: c.VAT, Currency: c.Currency,
	}
	if c.Unit != "" {
		x.Quantity = c.Quantity
	}
	return x
}

func newTrace(t *answer.Trace) traceJSON {
	x := traceJSON{
		Answer: t.Answer, Because: t.Because, Sentence: t.Sentence, Spans: []spanJSON{}, Running: []spanJSON{},
		Charges: []chargeJSON{}, Unrated: []unratedPart{}, Holds: []tracedHold{}, Anomalies: []foundAnomaly{},
	}
	if t.Stream != "" {
		x.Event = &eventJSON{
			t.Stream, t.Sequence, t.Type, t.ID, t.Source, t.Foundation, t.Tenant, t.Kind, t.Resource, t.Name, t.Event,
			t.Time, t.Reason,
		}
	}
	for i := range t.Spans {
		x.Spans = append(x.Spans, newSpan(&t.Spans[i]))
	}
	for i := range t.Running {
		x.Running = append(x.Running, newSpan(&t.Running[i]))
	}
	for i := range t.Charges {
		x.Charges = append(x.Charges, newCharge(&t.Charges[i].Charge, t.Charges[i].Reversed))
	}
	for _, u := range t.Unrated {
		x.Unrated = append(x.Unrated, unratedPart{u.ID, u.Billing, u.Span, u.Start, u.End, u.Reason})
	}
	for _, h := range t.Holds {
		x.Holds = append(x.Holds, tracedHold(h))
	}
	for _, a := range t.Anomalies {
		x.Anomalies = append(x.Anomalies, foundAnomaly(a))
	}
	return x
}

// tracedIndent is as wide as the names before the texts of Trace.
const tracedIndent = "            "

// Trace prints what became of an event: as JSON, or for people with the charges below their spans.
func Trace(w io.Writer, t *answer.Trace, asJSON bool) error {
	x := newTrace(t)
	if asJSON {
		return JSON(w, x)
	}
	out := &failing{w: w}
	say := func(format string, args ...any) { hanging(out, tracedIndent, fmt.Sprintf(format, args...)) }
	switch e := x.Event; {
	case e == nil:
	case e.Event != "":
		say("%s of %s %s %sat %s, message %d of %s (%s %s, tenant %s)", e.Event, e.Kind, e.Resource, quoted(e.Name),
			e.Time, e.Sequence, e.Stream, e.Source, e.Foundation, e.Tenant)
	default:
		say("message %d of %s, %s", e.Sequence, e.Stream, e.Type)
		if e.Reason != "" {
			say("  reason    %s", e.Reason)
		}
	}
	say("  answer    %s", x.Sentence)
	for i := range x.Spans {
		s := &x.Spans[i]
		say("  span      %s", s.text())
		for j := range x.Charges {
			if c := &x.Charges[j]; c.Span == s.ID && (i == 0 || x.Spans[i-1].ID != s.ID) {
				say("    %-7s %s", c.Entry, c.text())
			}
		}
		for _, u := range x.Unrated {
			if u.Span == s.ID {
				say("    unrated %s to %s: %s", u.Start, u.End, u.Reason)
			}
		}
	}
	for i := range x.Charges {
		if c := &x.Charges[i]; c.Span == "" { // of the spans of a closed month together
			say("  %s %s", c.Entry, c.text())
		}
	}
	for i := range x.Running {
		say("  running   %s", x.Running[i].text())
	}
	for _, h := range x.Holds {
		say("  held      %s to %s, %s (hold %s): %s", h.Start, cmp.Or(h.End, "goes on"), h.Code, h.ID, h.Reason)
	}
	for _, a := range x.Anomalies {
		say("  anomaly   %s at %s: %s", a.Code, a.Time, a.Message)
	}
	say("")
	return out.err
}

// quoted is a name in quotes with a space behind it, empty for none.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%q ", name)
}

func (s *spanJSON) text() string {
	text := fmt.Sprintf("%s to %s, %s", s.Start, cmp.Or(s.End, "now"), s.Footprint.Text())
	if s.Since != s.Start && s.Since != "" {
		text += ", since " + s.Since
	}
	if len(s.Flags) > 0 {
		text += ", " + strings.Join(s.Flags, " ")
	}
	if s.Sequence != 0 {
		text += fmt.Sprintf(", message %d of %s", s.Sequence, events.StreamMetered)
	}
	if s.Retracted != 0 {
		text += fmt.Sprintf(", taken back by message %d", s.Retracted)
	}
	return text
}

func (c *chargeJSON) text() string {
	text := fmt.Sprintf("%s %s/%s of catalogue %s: ", c.Month, c.Plan, c.Component, c.Catalogue)
	if c.Quantity != "" {
		text += c.Quantity + " " + c.Unit + ", "
	}
	text += fmt.Sprintf("%s and %s VAT %s (%s, message %d of %s)", c.Amount, c.VAT, c.Currency, c.ID, c.Sequence,
		events.StreamBilling)
	if c.Reversed {
		text += ", reversed"
	}
	return text
}
