package answer

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/trace"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/pricer/terms"
)

// ChargeQuestion asks for an entry.
type ChargeQuestion struct {
	ID string `path:"id" json:"id" maxLength:"64" doc:"Id of a charge, a reversal or a correction."`
}

// ResourceQuestion asks for the charges of a resource.
type ResourceQuestion struct {
	Resource string `path:"resource" json:"resource" maxLength:"1024" doc:"App, process, task, service instance or database, by its guid; or the name of an app, a service instance or a database."`
	Month    string `query:"month" json:"month" required:"true" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Month of posting."`
}

// Explanations are explanations of charges.
type Explanations struct {
	Explanations []Explanation `json:"explanations"`
	Omitted      int           `json:"omitted,omitempty" doc:"How many more there are: name one of the charges."`
}

// Explanation is an entry with all of its causes, computed again.
type Explanation struct {
	Charge      Charge   `json:"charge" doc:"Of a reversal: the charge that it takes back."`
	Reversed    bool     `json:"reversed" doc:"It was taken back since."`
	Reversal    *Charge  `json:"reversal,omitempty"`
	Cause       *Cause   `json:"cause,omitempty" doc:"Of a correction: what was learned after the month was closed."`
	Span        *Span    `json:"span,omitempty"`
	Facts       []Fact   `json:"facts" doc:"The usage events behind the span."`
	Version     Version  `json:"catalogue"`
	PlanLine    int      `json:"plan_line,omitempty" doc:"Line of the plan in the catalogue's text."`
	Working     *Working `json:"working,omitempty" doc:"How it is computed; none for a correction."`
	Equal       bool     `json:"equal" doc:"It comes to the same when it is computed again."`
	Differences []string `json:"differences,omitempty"`
}

// Span is a span of METERED.
type Span struct {
	ID        string    `json:"id,omitempty" doc:"None while it runs."`
	Kind      string    `json:"kind"`
	Resource  string    `json:"resource"`
	Start     string    `json:"start" format:"date-time"`
	End       string    `json:"end,omitempty" format:"date-time"`
	Since     string    `json:"since" format:"date-time" doc:"The price counts from here."`
	Footprint Footprint `json:"footprint"`
	Flags     []string  `json:"flags,omitempty"`
	Evidence  []uint64  `json:"evidence" doc:"Sequences in USAGE."`
	Metered   uint64    `json:"metered,omitempty" doc:"Sequence in METERED."`
	Retracted uint64    `json:"retracted,omitempty" doc:"Sequence in METERED of the message that takes it back."`
}

func newSpan(s *events.Span) Span {
	return Span{
		ID: s.ID, Kind: s.Kind, Resource: s.Resource, Start: timeText(s.Start), End: timeText(s.End),
		Since: timeText(s.Since), Footprint: NewFootprint(&s.Footprint), Flags: s.Flags.Names(),
		Evidence: append([]uint64{}, s.Evidence...),
	}
}

func newTracedSpan(s *trace.Span) Span {
	x := newSpan(&s.Span)
	x.Metered, x.Retracted = s.Sequence, s.Retracted
	return x
}

// Fact is a usage event of a platform.
type Fact struct {
	Usage uint64          `json:"usage" doc:"Sequence in USAGE."`
	ID    string          `json:"id"`
	Event string          `json:"event"`
	Time  string          `json:"time" format:"date-time"`
	Raw   json.RawMessage `json:"raw" doc:"As the platform sent it."`
}

// Working are the steps to an amount: F at the end, less F at the start.
type Working struct {
	Formula      string            `json:"formula,omitempty"`
	Quantity     string            `json:"quantity,omitempty" doc:"Formula of the quantity, where the price is one for each unit."`
	UnitPrice    string            `json:"unit_price,omitempty"`
	Currency     string            `json:"currency" doc:"Of the price."`
	CurrencyRate string            `json:"currency_rate"`
	VATRate      string            `json:"vat_rate"`
	Values       map[string]string `json:"values"`
	Since        string            `json:"since" format:"date-time" doc:"F counts from here."`
	Free         bool              `json:"free,omitempty" doc:"0 instances cost nothing."`
	Amount       string            `json:"amount" doc:"What it comes to."`
	VAT          string            `json:"vat"`
	To           *Step             `json:"to,omitempty"`
	From         *Step             `json:"from,omitempty" doc:"None where the line begins with F."`
}

// Step is F at one time; costs and quantities are decimals, or else fractions.
type Step struct {
	Seconds  string `json:"seconds"`
	Quantity string `json:"quantity,omitempty"`
	Cost     string `json:"cost" doc:"In the price's currency, not rounded."`
	Amount   string `json:"amount"`
	VAT      string `json:"vat"`
}

func newStep(s *rating.Step, counted bool) *Step {
	x := &Step{
		Seconds: s.Seconds.String(), Cost: s.Cost.Text(events.Places), Amount: s.Amount.String(), VAT: s.VAT.String(),
	}
	if counted {
		x.Quantity = s.Quantity.Text(events.Places)
	}
	return x
}

func newWorking(w *rating.Working) *Working {
	c := w.Component
	x := &Working{
		Currency: c.Currency, CurrencyRate: w.CurrencyRate.Text(events.Places),
		VATRate: w.VATRate.Text(events.Places), Values: map[string]string{}, Since: timeText(w.Since), Free: w.Free,
		Amount: w.Amount.String(), VAT: w.VAT.String(),
	}
	counted := c.Formula == nil
	if counted {
		x.Quantity, x.UnitPrice = c.Quantity.Text(), c.UnitPrice.String()
	} else {
		x.Formula = c.Formula.Text()
	}
	for _, v := range w.Values {
		x.Values[v.Name] = v.Value.Text(events.Places)
	}
	if w.Free {
		return x
	}
	x.To = newStep(&w.To, counted)
	if w.Start.After(w.Since) {
		x.From = newStep(&w.From, counted)
	}
	return x
}

// Charge answers with an entry and all of its causes.
func (a *Answers) Charge(ctx context.Context, asker *Asker, x *ChargeQuestion) (*Explanation, error) {
	q, err := (&Selection{}).query(asker)
	if err != nil {
		return nil, err
	}
	c, err := a.reader.Charge(ctx, q, x.ID)
	if errors.Is(err, ledger.ErrNone) {
		return nil, errNone
	}
	if err != nil {
		return nil, err
	}
	p, err := trace.Entry(ctx, a.bus, a.links, q.Owners, &c)
	if err != nil {
		return nil, err
	}
	return a.explain(ctx, asker, &p)
}

// Resource answers with the standing charges of a resource in a month.
func (a *Answers) Resource(ctx context.Context, asker *Asker, x *ResourceQuestion) (*Explanations, error) {
	all, omitted, err := a.resource(ctx, asker.Money.owners(), x)
	if err != nil {
		return nil, err
	}
	out := &Explanations{Explanations: []Explanation{}, Omitted: omitted}
	for i := range all {
		e, err := a.explain(ctx, asker, &all[i])
		if err != nil {
			return nil, err
		}
		out.Explanations = append(out.Explanations, *e)
	}
	if len(out.Explanations) == 0 {
		return nil, errNone
	}
	return out, nil
}

// resource are the standing charges of a resource, by its guid or its name.
func (a *Answers) resource(ctx context.Context, owners []events.Owner, x *ResourceQuestion) (all []trace.Priced,
	omitted int, err error,
) {
	all, omitted, err = trace.Charges(ctx, a.bus, owners, x.Resource, x.Month)
	if err != nil || len(all) > 0 {
		return all, omitted, err
	}
	view, err := a.View(ctx)
	if err != nil {
		return nil, 0, err
	}
	guids, near, err := trace.Named(ctx, view, owners, x.Resource, x.Month)
	switch {
	case err != nil:
		return nil, 0, err
	case len(guids) == 0:
		return nil, 0, &Problem{Kind: NotFound, Detail: errNone.Detail, Near: near}
	case len(guids) > 1:
		return nil, 0, &Problem{Kind: Invalid, Detail: trace.Several(guids, x.Resource, x.Month), Near: guids}
	}
	return trace.Charges(ctx, a.bus, owners, guids[0], x.Month)
}

// View is the streams without erased names.
func (a *Answers) View(ctx context.Context) (*names.View, error) {
	erasures, err := a.erasures.Read(ctx)
	return &names.View{Streams: a.bus, Erasures: erasures}, err
}

// explain computes an entry again.
func (a *Answers) explain(ctx context.Context, asker *Asker, p *trace.Priced) (*Explanation, error) {
	erasures, err := a.erasures.Read(ctx)
	if err != nil {
		return nil, err
	}
	version := Version{Version: p.Catalogue}
	act, err := a.versions.find(ctx, p.Catalogue)
	switch {
	case err == nil:
		version = NewVersion(asker, &act)
	case !errors.Is(err, acts.ErrNoVersion):
		return nil, err
	}
	m := p.Message
	if m == nil {
		stored, err := a.bus.Get(ctx, events.StreamBilling, p.Sequence)
		if err != nil {
			return nil, err
		}
		m = &stored
	}
	// Prices do not change any more for a message: later terms have those behind it, too.
	input, err := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
	if err != nil {
		input = 0 // somebody else's message
	}
	var out *Explanation
	err = a.withTerms(ctx, input, func(t *terms.Terms) {
		working, differences := t.Again(m, p.Source, p.Foundation, p.Used(), &p.Charge.Charge)
		out = NewExplanation(p.Erased(erasures), version, working, differences) // prices may ask for the names
	})
	if err == nil && p.Entry == events.EntryCorrection {
		out.Cause, err = a.cause(ctx, m)
	}
	return out, err
}

// NewExplanation is the form of an entry, with the version of its catalogue, and what it comes to
// when it is computed again: working is nil where it cannot be.
func NewExplanation(p *trace.Priced, version Version, working *rating.Working, differences []string) *Explanation {
	out := &Explanation{
		Charge: tracedCharge(p.Source, p.Foundation, p.Charge), Reversed: p.Reversed, Version: version, Facts: []Fact{},
		Equal: len(differences) == 0, Differences: differences,
	}
	if p.Reversal != nil {
		reversal := tracedCharge(p.Source, p.Foundation, p.Reversal)
		out.Reversal = &reversal
	}
	if p.Span != nil {
		own := newTracedSpan(p.Span)
		out.Span = &own
	}
	for _, f := range p.Facts {
		out.Facts = append(out.Facts, Fact{
			Usage: f.Sequence, ID: f.ID, Event: f.Event, Time: timeText(f.Time), Raw: json.RawMessage(f.Raw),
		})
	}
	if working != nil {
		out.Working, out.PlanLine = newWorking(working), working.Plan.Line
	}
	return out
}

// tracedCharge is the form of an entry of a foundation.
func tracedCharge(source, foundation string, c *trace.Charge) Charge {
	return NewCharge(&ledger.Charge{
		Charge: c.Charge, Source: source, Foundation: foundation, Place: ledger.Place{Sequence: c.Sequence},
	})
}
