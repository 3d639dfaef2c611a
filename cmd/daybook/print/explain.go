package print

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

type explanationJSON struct {
	Charge      chargeJSON   `json:"charge"`
	Reversal    *chargeJSON  `json:"reversal,omitempty"`
	Tenant      string       `json:"tenant"`
	Kind        string       `json:"kind"`
	Resource    string       `json:"resource"`
	Span        *spanJSON    `json:"span,omitempty"`
	Facts       []factJSON   `json:"facts"`
	Catalogue   versionJSON  `json:"catalogue"`
	Working     *workingJSON `json:"working,omitempty"`
	Equal       bool         `json:"equal"`
	Differences []string     `json:"differences"`
}

type factJSON struct {
	Sequence uint64          `json:"sequence"`
	ID       string          `json:"id"`
	Event    string          `json:"event"`
	Time     string          `json:"time"`
	Raw      json.RawMessage `json:"raw"` // of the platform, as it is stored
}

type versionJSON struct {
	Version  string `json:"version"`
	Sequence uint64 `json:"sequence,omitempty"` // in USAGE
	By       string `json:"by,omitempty"`
	Note     string `json:"note,omitempty"`
	Line     int    `json:"line,omitempty"` // of the plan
}

type workingJSON struct {
	Formula      string    `json:"formula,omitempty"`
	Quantity     string    `json:"quantity,omitempty"`
	UnitPrice    string    `json:"unit_price,omitempty"`
	Currency     string    `json:"currency"` // of the component
	CurrencyRate string    `json:"currency_rate"`
	VATRate      string    `json:"vat_rate"`
	Values       Fields    `json:"values"`
	Since        string    `json:"since"` // F counts from there
	To           *stepJSON `json:"to,omitempty"`
	From         *stepJSON `json:"from,omitempty"`
	Amount       string    `json:"amount"`
	VAT          string    `json:"vat"`
}

// stepJSON is F at one time: the cost in the component's currency is an exact number or fraction.
type stepJSON struct {
	Seconds  string `json:"seconds"`
	Quantity string `json:"quantity,omitempty"`
	Cost     string `json:"cost"`
	Amount   string `json:"amount"`
	VAT      string `json:"vat"`
}

func newWorking(w *answer.Working) *workingJSON {
	x := &workingJSON{
		Formula: w.Formula, Quantity: w.Quantity, UnitPrice: w.UnitPrice, Currency: w.Currency,
		CurrencyRate: w.CurrencyRate, VATRate: w.VATRate, Values: Fields{}, Since: w.Since, To: (*stepJSON)(w.To),
		From: (*stepJSON)(w.From), Amount: w.Amount, VAT: w.VAT,
	}
	for _, name := range slices.Sorted(maps.Keys(w.Values)) {
		x.Values = append(x.Values, Field{name, w.Values[name]})
	}
	return x
}

func newExplanation(x *answer.Explanation) explanationJSON {
	out := explanationJSON{
		Charge: newCharge(&x.Charge, x.Reversed), Tenant: x.Charge.Tenant, Kind: x.Charge.Kind,
		Resource: x.Charge.Resource, Facts: []factJSON{},
		Catalogue: versionJSON{x.Version.Version, x.Version.Usage, x.Version.By, x.Version.Note, x.PlanLine},
		Equal:     x.Equal, Differences: append([]string{}, x.Differences...),
	}
	if x.Reversal != nil {
		r := newCharge(x.Reversal, false)
		out.Reversal = &r
	}
	if x.Span != nil {
		s := newSpan(x.Span)
		out.Span = &s
	}
	for _, f := range x.Facts {
		out.Facts = append(out.Facts, factJSON{f.Usage, f.ID, f.Event, f.Time, f.Raw})
	}
	if x.Working != nil {
		out.Working = newWorking(x.Working)
	}
	return out
}

// Explanations prints charges with all that they go back to.
type Explanations struct {
	out   *failing
	notes io.Writer // of JSON
	json  bool
	facts []factJSON // told below the charges, each once
}

// NewExplanations prints to w: text with the facts at the end, or JSON with the notices elsewhere.
func NewExplanations(w, notices io.Writer, asJSON bool) *Explanations {
	return &Explanations{out: &failing{w: w}, notes: notices, json: asJSON}
}

// Add takes one charge.
func (p *Explanations) Add(e *answer.Explanation) error {
	x := newExplanation(e)
	if p.json {
		return JSON(p.out, x)
	}
	say := func(format string, args ...any) { hanging(p.out, tracedIndent, fmt.Sprintf(format, args...)) }
	if x.Reversal != nil {
		say("reversal %s, message %d of %s: it takes back, to the last digit,", x.Reversal.ID, x.Reversal.Sequence,
			events.StreamBilling)
	}
	say("%s %s of %s %s, tenant %s", x.Charge.Entry, x.Charge.ID, x.Kind, x.Resource, x.Tenant)
	say("  line      %s", x.Charge.text())
	say("  time      %s to %s", x.Charge.Start, x.Charge.End)
	if s := x.Span; s != nil {
		say("  span      %s", s.text())
		say("  facts     %s", p.evidence(x.Facts))
	}
	say("  catalogue %s", x.Catalogue.text(x.Charge.Plan))
	if w := x.Working; w != nil {
		w.print(say, x.Charge.Currency, e.Working.Free)
		say("  again     %s and %s VAT %s", w.Amount, w.VAT, x.Charge.Currency)
	}
	switch c := &e.Charge; {
	case c.Entry == events.EntryCorrection && c.Corrects == "":
		say("  corrects  %s, of which nothing was charged: all of it is the difference", c.Corrected)
	case c.Entry == events.EntryCorrection:
		say("  corrects  %s, from charge %s on: it is the difference to what was charged", c.Corrected, c.Corrects)
	case x.Equal:
		say("  equal     what is charged")
	}
	for _, d := range x.Differences {
		say("  differs   %s", d)
	}
	say("")
	return p.out.err
}

// evidence notes the facts, and names their messages.
func (p *Explanations) evidence(facts []factJSON) string {
	var names []string
	for i := range facts {
		names = append(names, fmt.Sprintf("%s at %s (message %d)", facts[i].Event, facts[i].Time, facts[i].Sequence))
		known := false
		for j := range p.facts {
			known = known || p.facts[j].Sequence == facts[i].Sequence
		}
		if !known {
			p.facts = append(p.facts, facts[i])
		}
	}
	return strings.Join(names, ", ")
}

// End prints the facts, each as the platform sent it, and the number of charges left out.
func (p *Explanations) End(omitted int) error {
	for i := range p.facts {
		f := &p.facts[i]
		Text(p.out, fmt.Sprintf("message %d of %s, as the platform sent it:", f.Sequence, events.StreamUsage))
		fmt.Fprintln(p.out, strings.Map(visible, string(f.Raw)))
	}
	if omitted > 0 {
		w := p.notes
		if !p.json {
			w = p.out
		}
		fmt.Fprintf(w, "not explained: %d more charges; name one of them\n", omitted)
	}
	return p.out.err
}

func (v *versionJSON) text(plan string) string {
	if v.Sequence == 0 {
		return v.Version + ", of which no act is stored"
	}
	text := fmt.Sprintf("%s, message %d of %s", v.Version, v.Sequence, events.StreamUsage)
	if v.Line != 0 {
		text += fmt.Sprintf(", plan %s at line %d", plan, v.Line)
	}
	if v.By != "" {
		text += ", by " + v.By
	}
	if v.Note != "" {
		text += ": " + v.Note
	}
	return text
}

// print says the steps to a line.
func (w *workingJSON) print(say func(format string, args ...any), currency string, free bool) {
	if w.Formula != "" {
		say("  formula   %s, in %s", w.Formula, w.Currency)
	} else {
		say("  quantity  %s, each %s %s", w.Quantity, w.UnitPrice, w.Currency)
	}
	if len(w.Values) > 0 {
		say("  values    %s", w.Values.Text())
	}
	if free {
		say("  free      0 instances cost nothing")
		return
	}
	say("  rates     1 %s is %s %s, VAT is %s of the amount", w.Currency, w.CurrencyRate, currency, w.VATRate)
	say("  at end    %s", w.To.text(w, currency))
	if w.From != nil {
		say("  at start  %s", w.From.text(w, currency))
		say("            the line is the difference: the price counts from %s", w.Since)
	}
}

func (s *stepJSON) text(w *workingJSON, currency string) string {
	text := "seconds=" + s.Seconds
	if s.Quantity != "" {
		text += ", quantity " + s.Quantity
	}
	return fmt.Sprintf("%s: %s %s, or %s and %s VAT %s", text, s.Cost, w.Currency, s.Amount, s.VAT, currency)
}
