package print

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger/trace"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Version is a catalogue version with the act that put it in force.
type Version struct {
	Name     string
	Sequence uint64 // in USAGE; 0: there is none
	By, Note string
}

// Explanation is a charge with all that it goes back to, computed again.
type Explanation struct {
	*trace.Priced
	Version     *Version
	Working     *rating.Working // nil where it cannot be computed
	Differences []string        // of the charge to what is computed
}

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

func newStep(s *rating.Step, counted bool) *stepJSON {
	x := &stepJSON{
		Seconds: s.Seconds.String(), Cost: s.Cost.Text(events.Places), Amount: s.Amount.String(), VAT: s.VAT.String(),
	}
	if counted {
		x.Quantity = s.Quantity.Text(events.Places)
	}
	return x
}

func newWorking(w *rating.Working) *workingJSON {
	c := w.Component
	x := &workingJSON{
		Currency: c.Currency, CurrencyRate: w.CurrencyRate.Text(events.Places), VATRate: w.VATRate.Text(events.Places),
		Values: Fields{}, Since: Time(w.Since), Amount: w.Amount.String(), VAT: w.VAT.String(),
	}
	if c.Formula != nil {
		x.Formula = c.Formula.Text()
	} else {
		x.Quantity, x.UnitPrice = c.Quantity.Text(), c.UnitPrice.String()
	}
	for _, v := range w.Values {
		x.Values = append(x.Values, Field{v.Name, v.Value.Text(events.Places)})
	}
	if w.Free {
		return x
	}
	x.To = newStep(&w.To, c.Formula == nil)
	if w.Start.After(w.Since) {
		x.From = newStep(&w.From, c.Formula == nil)
	}
	return x
}

func newExplanation(x *Explanation) explanationJSON {
	out := explanationJSON{
		Charge: newCharge(x.Charge), Tenant: x.Tenant, Kind: x.Kind, Resource: x.Resource, Facts: []factJSON{},
		Catalogue: versionJSON{x.Version.Name, x.Version.Sequence, x.Version.By, x.Version.Note, 0},
		Equal:     len(x.Differences) == 0, Differences: append([]string{}, x.Differences...),
	}
	if x.Reversal != nil {
		r := newCharge(x.Reversal)
		out.Reversal = &r
	}
	if x.Span != nil {
		s := newSpan(&x.Span.Span)
		s.Sequence, s.Retracted = x.Span.Sequence, x.Span.Retracted
		out.Span = &s
	}
	for _, f := range x.Facts {
		out.Facts = append(out.Facts, factJSON{f.Sequence, f.ID, f.Event, Time(f.Time), json.RawMessage(f.Raw)})
	}
	if x.Working != nil {
		out.Catalogue.Line = x.Working.Plan.Line
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
func (p *Explanations) Add(e *Explanation) error {
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
		w.print(say, e.Working)
		say("  again     %s and %s VAT %s", w.Amount, w.VAT, x.Charge.Currency)
	}
	switch c := e.Charge; {
	case c.Entry == events.EntryCorrection && c.Corrects == "":
		say("  corrects  %s, of which nothing was charged: all of it is the difference", c.Month)
	case c.Entry == events.EntryCorrection:
		say("  corrects  %s, from charge %s on: it is the difference to what was charged", c.Month, c.Corrects)
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
func (w *workingJSON) print(say func(format string, args ...any), of *rating.Working) {
	if w.Formula != "" {
		say("  formula   %s, in %s", w.Formula, w.Currency)
	} else {
		say("  quantity  %s, each %s %s", w.Quantity, w.UnitPrice, w.Currency)
	}
	if len(w.Values) > 0 {
		say("  values    %s", w.Values.Text())
	}
	if of.Free {
		say("  free      0 instances cost nothing")
		return
	}
	say("  rates     1 %s is %s %s, VAT is %s of the amount", w.Currency, w.CurrencyRate, of.Currency, w.VATRate)
	say("  at end    %s", w.To.text(w, of))
	if w.From != nil {
		say("  at start  %s", w.From.text(w, of))
		say("            the line is the difference: the price counts from %s", w.Since)
	}
}

func (s *stepJSON) text(w *workingJSON, of *rating.Working) string {
	text := "seconds=" + s.Seconds
	if s.Quantity != "" {
		text += ", quantity " + s.Quantity
	}
	return fmt.Sprintf("%s: %s %s, or %s and %s VAT %s", text, s.Cost, w.Currency, s.Amount, s.VAT, of.Currency)
}
