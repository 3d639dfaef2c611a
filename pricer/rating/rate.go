package rating

import (
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// Rate prices an ended span: by time, one line for each component and each stretch of one price in
// it, and the parts without a price. A span without length, or without an end, has neither.
//
// A piece of a component is a longest interval within the run [Since, End) with equal price terms:
// plan name, component, formula or quantity and unit price, defaults, currency rate and VAT rate.
// Where an earlier stretch of the run has other guids and the same plans (Span.Earlier), the run
// goes on from there. With the plan's restart: month, or a variable that is about the month, each
// calendar month (UTC) begins a piece. The end of a plan version that is unrated does, too. With
// restart: never the two rates begin none: F divides its cost at their changes, converts and taxes
// each stretch by itself, and only the lines are divided there. The part [a, b) of a piece from s
// costs F(b−s) − F(a−s), where F(t) is the cost of the piece if it had lasted t, and F(0) = 0.
// Quantity, amount and VAT are each such an F, and each F(t) is computed without rounding and
// rounded half-even to events.Places once, before the difference is taken. Sums therefore
// telescope: however a run is cut into spans, the lines add up to the same amounts to the last
// digit.
//
// A part is unrated when no matching plan is in force, when its plan's currency or VAT code has no
// rate yet, or when one component's formula cannot be computed: then all components of the part
// are, so there is never half a price. A footprint of 0 instances costs nothing under any plan.
func Rate(cat *catalogue.Catalogue, foundation string, span *events.Span) (lines []Line, unrated []Unrated) {
	return RateBehind(nil, cat, foundation, span)
}

// RateBehind is Rate for a span behind a border, where other terms end: nil for none. A component
// with other terms before the border begins a piece there, and one with equal terms goes on.
func RateBehind(border *Border, cat *catalogue.Catalogue, foundation string, span *events.Span) (lines []Line,
	unrated []Unrated,
) {
	if !span.End.After(span.Start) {
		return nil, nil
	}
	var w work
	w.prepare(border, cat, foundation, span)
	return w.rate()
}

// prepare prepares the pricing of an ended span.
func (w *work) prepare(border *Border, cat *catalogue.Catalogue, foundation string, span *events.Span) {
	w.span, w.foundation, w.currency, w.since = span, foundation, cat.Currency, span.Since
	if w.since.IsZero() || w.since.After(span.Start) {
		w.since = span.Start
	}
	if n, known := span.Footprint.Instances.Get(); known && n == 0 {
		w.free = true
	}
	r := resourceOf(foundation, span)
	w.choices = cat.Choices(&r)
	for i := range span.Earlier {
		if !sameChoices(cat, &r, &span.Earlier[i], w.choices) {
			break
		}
		w.since = span.Earlier[i].Since
	}
	if border != nil && w.since.Before(border.At) {
		w.border = border
	}
}

// rate prices the span.
func (w *work) rate() (lines []Line, unrated []Unrated) {
	w.collect()
	if w.border != nil {
		for i := range w.pieces {
			w.bordered(&w.pieces[i])
		}
	}
	lines = make([]Line, 0, len(w.pieces))
	for i := range w.pieces {
		p := &w.pieces[i]
		line, err := w.line(p, p.a, p.b)
		if err != nil {
			lines = w.withoutFailures()
			break
		}
		lines = append(lines, line)
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Start.Compare(b.Start) })
	return lines, mergeUnrated(w.unrated)
}

func resourceOf(foundation string, span *events.Span) catalogue.Resource {
	return catalogue.Resource{
		Foundation: foundation, Tenant: span.Tenant, Space: span.Space, SpaceName: span.SpaceName, Kind: span.Kind,
		Footprint: span.Footprint,
	}
}

// sameChoices reports whether a resource with the guids of an earlier stretch has the same plans:
// none of them is by a guid.
func sameChoices(cat *catalogue.Catalogue, r *catalogue.Resource, e *events.Stretch, choices []catalogue.Choice) bool {
	before, f := *r, &e.Footprint
	before.Footprint.BuildpackGUID, before.Footprint.PlanGUID = f.BuildpackGUID, f.PlanGUID
	before.Footprint.OfferingGUID, before.Footprint.BrokerGUID = f.OfferingGUID, f.BrokerGUID
	return slices.EqualFunc(choices, cat.Choices(&before), func(a, b catalogue.Choice) bool {
		return a.Plan == b.Plan && a.From.Equal(b.From)
	})
}

// work is the pricing of one span.
type work struct {
	span       *events.Span
	foundation string
	since      time.Time // Span.Since, never after Start
	border     *Border   // within the run; nil for none
	currency   string
	free       bool
	choices    []catalogue.Choice
	pieces     []piece
	unrated    []Unrated
	failing    []outcome // by choice

	vars     formula.Vars // the span's under varsPlan, but for Seconds
	varsPlan *catalogue.Plan
}

// piece is the part [a, b) within the span of a piece from s, at or before a.
type piece struct {
	plan      *catalogue.Plan
	component *catalogue.Component
	rate      money.Ratio // of the currency
	vat       money.Ratio
	// The rates as they are written; the VAT rate is empty for none.
	rateText, vatText string
	s, a, b           time.Time
}

// collect finds the pieces within the span and the parts without a plan.
func (w *work) collect() {
	first := 0
	for first+1 < len(w.choices) && !w.choices[first+1].From.After(w.span.Start) {
		first++
	}
	for i := first; i < len(w.choices) && w.choices[i].From.Before(w.span.End); i++ {
		start := later(w.span.Start, w.choices[i].From)
		plan := w.choices[i].Plan
		if plan == nil {
			w.unrated = append(w.unrated, Unrated{start, w.until(i), w.choices[i].Reason})
			continue
		}
		if w.pieces == nil {
			w.pieces = make([]piece, 0, len(plan.Components))
		}
		for _, c := range plan.Components {
			if i > first && w.goesOn(c, i) {
				continue // covered from the earlier plan version on
			}
			last := i
			for last+1 < len(w.choices) && w.choices[last+1].From.Before(w.span.End) && w.goesOn(c, last+1) {
				last++
			}
			w.pieces = split(w.pieces, plan, c, w.begin(c, i), start, w.until(last))
		}
	}
}

// goesOn reports whether a component goes on from the choice before this one.
func (w *work) goesOn(c *catalogue.Component, choice int) bool {
	return has(w.choices[choice-1].Plan, c) && has(w.choices[choice].Plan, c) && !w.fails(choice-1)
}

// begin is since when the terms of a choice's component have been equal within the run.
func (w *work) begin(c *catalogue.Component, choice int) time.Time {
	for choice > 0 && w.choices[choice].From.After(w.since) && w.goesOn(c, choice) {
		choice--
	}
	return later(w.since, w.choices[choice].From)
}

// outcome is whether a choice cannot be computed.
type outcome uint8

const (
	untried outcome = iota
	computed
	failed
)

// fails reports whether some component of a choice cannot be computed at the choice's end: the run
// has ended in it what it has begun. The last choice has no end.
func (w *work) fails(choice int) bool {
	if w.failing == nil {
		w.failing = make([]outcome, len(w.choices))
	}
	if w.failing[choice] == untried {
		w.failing[choice] = computed
		if w.fail(choice) {
			w.failing[choice] = failed
		}
	}
	return w.failing[choice] == failed
}

func (w *work) fail(choice int) bool {
	from, to := later(w.since, w.choices[choice].From), w.choices[choice+1].From
	plan := w.choices[choice].Plan
	var pieces []piece
	for _, c := range plan.Components {
		pieces = split(pieces[:0], plan, c, w.begin(c, choice), from, to)
		if len(pieces) == 0 {
			continue
		}
		if _, err := w.cumulative(&pieces[len(pieces)-1], to); err != nil {
			return true
		}
	}
	return false
}

// until is when a choice ends within the span.
func (w *work) until(choice int) time.Time {
	if choice+1 < len(w.choices) {
		return earlier(w.span.End, w.choices[choice+1].From)
	}
	return w.span.End
}

// split appends the pieces of [start, end). The component's terms are equal since the given time; a
// piece ends where a rate changes and, with restart: month or a variable that is about the month,
// where a month begins. With restart: never a piece has stretches in place of them, each with its
// rates.
func split(out []piece, plan *catalogue.Plan, c *catalogue.Component, since, start, end time.Time) []piece {
	for start.Before(end) {
		p := piece{plan: plan, component: c, s: since, a: start, b: end}
		p.rate, p.rateText = p.bound(c.CurrencyRates)
		if c.VATRates != nil {
			p.vat, p.vatText = p.bound(c.VATRates)
		}
		if plan.Restart == catalogue.RestartMonthly || c.Monthly() {
			month := monthOf(start)
			p.s = later(p.s, month)
			p.b = earlier(p.b, month.AddDate(0, 1, 0))
		}
		out = append(out, p)
		start = p.b
	}
	return out
}

// monthOf is the beginning of the calendar month (UTC) of a time.
func monthOf(t time.Time) time.Time {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}

// bound narrows the piece to the rate in force at a, and returns it, also as it is written. The
// catalogue chooses no plan before its codes have rates. Only a stretch before a border can lie
// before the first one and takes it: the stretch cancels out of each line behind the border.
func (p *piece) bound(rates catalogue.Rates) (money.Ratio, string) {
	rate, until := rates.At(p.a)
	if rate == nil {
		rate, until = rates.At(until)
	}
	if p.plan.Restart != catalogue.RestartNever {
		p.s = later(p.s, rate.ValidFrom)
	}
	if !until.IsZero() {
		p.b = earlier(p.b, until)
	}
	return rate.Value.Ratio(), rate.Text
}

// line prices [a, b) within a piece.
func (w *work) line(p *piece, a, b time.Time) (Line, error) {
	c := p.component
	line := Line{
		Plan: p.plan, Component: c, Start: a, End: b, Seconds: events.SecondsBetween(a, b), Unit: c.Unit,
		VATCode: c.VAT, VATRate: p.vatText, Currency: w.currency, CurrencyRate: p.rateText,
	}
	if w.free {
		return line, nil
	}
	to, err := w.cumulative(p, b)
	if err != nil {
		return line, err
	}
	line.Quantity, line.Amount, line.VAT = to.quantity, to.amount, to.vat
	if a.After(p.s) {
		from, err := w.cumulative(p, a)
		if err != nil {
			return line, err
		}
		line.Quantity, line.Amount, line.VAT = to.quantity.Sub(from.quantity), to.amount.Sub(from.amount),
			to.vat.Sub(from.vat)
	}
	return line, nil
}

// price is the cost of a piece from its beginning to some time, each value rounded once.
type price struct{ quantity, amount, vat events.Decimal }

func (w *work) cumulative(p *piece, t time.Time) (price, error) {
	c := p.component
	if err := w.checkKnown(p); err != nil {
		return price{}, err
	}
	out := price{quantity: one}
	quantity, cost, err := w.cost(p, t)
	if err != nil {
		return out, err
	}
	if c.Formula == nil {
		out.quantity = quantity.Round(events.Places)
	}
	amount := cost.Mul(p.rate)
	vat := amount.Mul(p.vat)
	if p.plan.Restart == catalogue.RestartNever {
		if amount, vat, err = w.converted(p, t, cost); err != nil {
			return out, err
		}
	}
	out.amount, out.vat = amount.Round(events.Places), vat.Round(events.Places)
	if formula.TooLarge(amount) {
		return out, fmt.Errorf("plan %s, component %s: the amount has more than %d digits before the decimal point",
			p.plan.Name, c.Name, formula.MaxResultDigits)
	}
	return out, nil
}

// cost is the quantity and the cost of a piece from its beginning to some time, in the component's
// currency.
func (w *work) cost(p *piece, t time.Time) (quantity, cost money.Ratio, err error) {
	c := p.component
	vars := w.variables(p.plan)
	vars.Seconds = events.SecondsBetween(p.s, t).Ratio()
	if c.Monthly() {
		month := monthOf(p.a)
		vars.SecondsInMonth = events.SecondsBetween(month, month.AddDate(0, 1, 0)).Ratio()
	}
	if c.Formula != nil {
		if cost, err = c.Formula.Eval(vars); err != nil {
			err = fmt.Errorf("plan %s, component %s: formula %s: %w", p.plan.Name, c.Name, c.Formula.Text(), err)
		}
	} else {
		if quantity, err = c.Quantity.Eval(vars); err != nil {
			err = fmt.Errorf("plan %s, component %s: quantity %s: %w", p.plan.Name, c.Name, c.Quantity.Text(), err)
		}
		cost = quantity.Mul(c.UnitPrice.Ratio())
	}
	if err == nil && cost.Sign() < 0 && !c.Credit {
		err = fmt.Errorf("plan %s, component %s: the amount is negative, and the component is not marked credit: true",
			p.plan.Name, c.Name)
	}
	return quantity, cost, err
}

// converted is the cost of a piece up to a time in the billing currency, and its VAT: each stretch
// of equal rates adds what the cost has grown in it, by its rates.
func (w *work) converted(p *piece, t time.Time, total money.Ratio) (amount, vat money.Ratio, err error) {
	c := p.component
	var before money.Ratio
	for from := p.s; from.Before(t); {
		stretch := piece{plan: p.plan, component: c, s: p.s, a: from, b: t}
		rate, _ := stretch.bound(c.CurrencyRates)
		var tax money.Ratio
		if c.VATRates != nil {
			tax, _ = stretch.bound(c.VATRates)
		}
		after := total
		if stretch.b.Before(t) {
			if _, after, err = w.cost(p, stretch.b); err != nil {
				return amount, vat, err
			}
		}
		grown := after.Sub(before).Mul(rate)
		amount, vat = amount.Add(grown), vat.Add(grown.Mul(tax))
		before, from = after, stretch.b
	}
	return amount, vat, nil
}

// checkKnown refuses to price a size of the footprint's kind that no event has said: as zero it
// would be free by accident. (Trove's exists notifications name a flavour and no memory, Cloud
// Foundry's WAS_RUNNING may have none either.) A plan's default stands in for it, 0 too.
func (w *work) checkKnown(p *piece) error {
	f, d := &w.span.Footprint, &p.plan.Defaults
	unknown, of, or := "", "", ""
	switch {
	case w.span.Kind == events.KindVolume:
		if !f.VolumeGB.Known() && !d.Gives("volume_gb") {
			unknown = "volume_gb"
		}
	case w.span.Kind == events.KindService || f.MemoryMB.Known() || d.Gives("memory_mb"):
	case w.span.Kind == events.KindInstance:
		unknown, of, or = "memory_mb", fmt.Sprintf(" of flavour %q", f.FlavorID), ", or price by the flavour"
	default:
		unknown = "memory_mb"
	}
	if unknown == "" || !p.component.Uses(unknown) {
		return nil
	}
	return fmt.Errorf("plan %s, component %s: %s%s is not known; give the plan a default for it%s",
		p.plan.Name, p.component.Name, unknown, of, or)
}

var one = events.NewDecimal(1, 0)

// variables returns the footprint's values for a formula, with the plan's defaults where it has
// none.
func (w *work) variables(plan *catalogue.Plan) *formula.Vars {
	if w.varsPlan != plan {
		f, d := &w.span.Footprint, &plan.Defaults
		w.varsPlan = plan
		w.vars = formula.Vars{
			Instances: count(f.Instances, d.Instances), MemoryMB: count(f.MemoryMB, d.MemoryMB),
			StorageMB: d.StorageMB.Ratio(), VolumeGB: count(f.VolumeGB, d.VolumeGB),
		}
	}
	return &w.vars
}

func count(c events.Count, otherwise events.Decimal) money.Ratio {
	if n, known := c.Get(); known {
		return money.Whole(int64(n))
	}
	return otherwise.Ratio()
}

// withoutFailures prices the span again where some formula cannot be computed. The boundaries of
// all pieces divide the span into parts; a part is unrated when any component fails at its
// beginning or end, and the remainder of each piece is priced.
func (w *work) withoutFailures() []Line {
	var bounds []time.Time
	for _, p := range w.pieces {
		bounds = append(bounds, p.a, p.b)
	}
	slices.SortFunc(bounds, time.Time.Compare)
	bounds = slices.CompactFunc(bounds, time.Time.Equal)
	failed := make([]bool, len(bounds)) // by the beginning of the part
	for i := range bounds[:len(bounds)-1] {
		for j := range w.pieces {
			p := &w.pieces[j]
			if bounds[i].Before(p.a) || !bounds[i].Before(p.b) {
				continue
			}
			if _, err := w.line(p, bounds[i], bounds[i+1]); err != nil {
				failed[i] = true
				w.unrated = append(w.unrated, Unrated{bounds[i], bounds[i+1], err.Error()})
				break
			}
		}
	}
	var lines []Line
	for j := range w.pieces {
		p := &w.pieces[j]
		for i := 0; i+1 < len(bounds); i++ {
			if failed[i] || bounds[i].Before(p.a) || !bounds[i].Before(p.b) {
				continue
			}
			begin := bounds[i]
			for i+2 < len(bounds) && !failed[i+1] && bounds[i+1].Before(p.b) {
				i++
			}
			if line, err := w.line(p, begin, bounds[i+1]); err == nil { // both ends were computed above
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// mergeUnrated joins neighbours with the same reason, by time.
func mergeUnrated(in []Unrated) []Unrated {
	slices.SortStableFunc(in, func(a, b Unrated) int { return a.Start.Compare(b.Start) })
	out := in[:0]
	for _, u := range in {
		if n := len(out); n > 0 && out[n-1].End.Equal(u.Start) && out[n-1].Reason == u.Reason {
			out[n-1].End = u.End
		} else {
			out = append(out, u)
		}
	}
	return out
}

// has reports whether the plan has a component with the same terms.
func has(plan *catalogue.Plan, c *catalogue.Component) bool {
	return plan != nil && slices.ContainsFunc(plan.Components, c.SameTerms)
}
