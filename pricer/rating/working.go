package rating

import (
	"cmp"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// Working is a line with the steps to it: what F is a function of, and F at both ends of the line.
type Working struct {
	Line
	// Since is when the piece of the line begins: F counts from there.
	Since  time.Time
	Values []Value // of the variables in the component's price, but for seconds
	// Free is set for a footprint of 0 instances: the line costs nothing, and there are no steps.
	Free bool
	// To and From are F at the end and at the beginning of the line, counted from Since; From is
	// zero where the line begins its piece, for F(0) = 0. The line is the difference of the two.
	To, From Step
	// Rates in force where the line begins: of the component's currency in the billing currency,
	// and of VAT. With restart: never each stretch before has its own.
	CurrencyRate, VATRate money.Ratio
}

// Value is a variable of a price with its value.
type Value struct {
	Name  string
	Value money.Ratio
}

// Step is F at one time.
type Step struct {
	Seconds  events.Decimal // since the piece began
	Quantity money.Ratio    // of a component with a quantity
	Cost     money.Ratio    // in the component's currency, not rounded
	// Amount and VAT are in the billing currency, rounded once.
	Amount, VAT events.Decimal
}

// Work is RateBehind with the steps to each line.
func Work(border *Border, cat *catalogue.Catalogue, foundation string, span *events.Span) (workings []Working,
	unrated []Unrated,
) {
	if !span.End.After(span.Start) {
		return nil, nil
	}
	var w work
	w.prepare(border, cat, foundation, span)
	lines, unrated := w.rate()
	for i := range lines {
		workings = append(workings, w.working(&lines[i]))
	}
	return workings, unrated
}

// working finds the steps to a line: those of the piece that it is in.
func (w *work) working(line *Line) Working {
	out := Working{Line: *line, Since: line.Start, Free: w.free}
	for i := range w.pieces {
		p := &w.pieces[i]
		if p.component != line.Component || p.plan != line.Plan || line.Start.Before(p.a) || line.End.After(p.b) {
			continue
		}
		out.Since, out.CurrencyRate, out.VATRate = p.s, p.rate, p.vat
		if w.free {
			break
		}
		out.To = w.step(p, line.End)
		if line.Start.After(p.s) {
			out.From = w.step(p, line.Start)
		}
		out.Values = values(p.component, w.variables(p.plan))
		if p.component.Monthly() {
			month := monthOf(p.a)
			seconds := events.SecondsBetween(month, month.AddDate(0, 1, 0)).Ratio()
			out.Values = append(out.Values, Value{"seconds_in_month", seconds})
		}
		break
	}
	return out
}

// step is F of a piece at a time. It was computed for the line, and so can be.
func (w *work) step(p *piece, t time.Time) Step {
	s := Step{Seconds: events.SecondsBetween(p.s, t)}
	s.Quantity, s.Cost, _ = w.cost(p, t)
	at, _ := w.cumulative(p, t)
	s.Amount, s.VAT = at.amount, at.vat
	return s
}

// values are the values of the variables that a component uses.
func values(c *catalogue.Component, vars *formula.Vars) (out []Value) {
	for _, v := range []Value{
		{"instances", vars.Instances},
		{"memory_mb", vars.MemoryMB},
		{"storage_mb", vars.StorageMB},
		{"volume_gb", vars.VolumeGB},
	} {
		if c.Uses(v.Name) {
			out = append(out, v)
		}
	}
	return out
}

// Again computes a charge of a span again, with the terms that it was made with. found is false
// where the span has no such line: of the same plan, component, start and end.
func Again(border *Border, cat *catalogue.Catalogue, foundation string, span *events.Span,
	c *events.Charge,
) (w Working, found bool) {
	all, _ := Work(border, cat, foundation, span)
	for i := range all {
		w := &all[i]
		if w.Plan.Name == c.Plan && w.Component.Name == c.Component && w.Start.Equal(c.Start) && w.End.Equal(c.End) {
			return *w, true
		}
	}
	return Working{}, false
}

// Differences says in words how a line differs from the charge that was made of it; nothing where
// they are equal.
func (l *Line) Differences(c *events.Charge) (all []string) {
	for _, d := range []struct {
		what            string
		charged, worked events.Decimal
	}{
		{"seconds", c.Seconds, l.Seconds},
		{"quantity", c.Quantity, l.Quantity},
		{"amount", c.Amount, l.Amount},
		{"VAT", c.VAT, l.VAT},
	} {
		if d.charged.Cmp(d.worked) != 0 {
			all = append(all, fmt.Sprintf("the %s is charged as %s, and computed as %s", d.what, d.charged, d.worked))
		}
	}
	for _, d := range [][3]string{
		{"unit", c.Unit, l.Unit},
		{"currency", c.Currency, l.Currency},
		{"VAT code", c.VATCode, l.VATCode},
		{"VAT rate", c.VATRate, l.VATRate},
		{"currency rate", cmp.Or(c.CurrencyRate, "1"), cmp.Or(l.CurrencyRate, "1")},
	} {
		if d[1] != d[2] {
			all = append(all, fmt.Sprintf("the %s is charged as %q, and computed as %q", d[0], d[1], d[2]))
		}
	}
	return all
}
