package rating_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Each line is the difference of its two steps, each rounded once, and a charge of the line is
// found again and equal.
func TestWorkingLeadsToTheLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := changing(t)
		begin := day("2000-12-20")
		hour := func(label string) time.Time {
			return begin.Add(time.Duration(rapid.IntRange(0, 60*24).Draw(t, label)) * time.Hour)
		}
		span := events.Span{
			Kind: events.KindApp, Start: hour("start"), End: hour("end"), Since: hour("since"),
			Footprint: events.Footprint{
				Instances: events.Some(rapid.Uint32Range(0, 2).Draw(t, "instances")), MemoryMB: events.Some(700),
				ProcessType: "web",
			},
		}
		lines, unrated := rating.Rate(c, "file", &span)
		workings, unpriced := rating.Work(nil, c, "file", &span)
		if len(workings) != len(lines) || len(unpriced) != len(unrated) {
			t.Fatalf("%d lines, %d workings", len(lines), len(workings))
		}
		for i := range workings {
			w, l := &workings[i], &lines[i]
			if w.Line != *l || w.Since.After(l.Start) {
				t.Fatalf("%+v is not the working of %+v", w, l)
			}
			amount, vat := w.To.Amount.Sub(w.From.Amount), w.To.VAT.Sub(w.From.VAT)
			if amount.Cmp(l.Amount) != 0 || vat.Cmp(l.VAT) != 0 {
				t.Fatalf("the steps lead to %s and %s, the line has %s and %s", amount, vat, l.Amount, l.VAT)
			}
			for _, s := range []rating.Step{w.To, w.From} {
				converted := s.Cost.Mul(w.CurrencyRate)
				if w.Plan.Restart != catalogue.RestartNever && (converted.Round(events.Places).Cmp(s.Amount) != 0 ||
					converted.Mul(w.VATRate).Round(events.Places).Cmp(s.VAT) != 0) {
					t.Fatalf("%s by %s is not %s", s.Cost, w.CurrencyRate, s.Amount)
				}
			}
			charge := events.Charge{
				Plan: l.Plan.Name, Component: l.Component.Name, Start: l.Start, End: l.End, Seconds: l.Seconds,
				Quantity: l.Quantity, Unit: l.Unit, Amount: l.Amount, VATCode: l.VATCode, VAT: l.VAT,
				Currency: l.Currency, VATRate: l.VATRate, CurrencyRate: l.CurrencyRate,
			}
			again, found := rating.Again(nil, c, "file", &span, &charge)
			if !found || len(again.Differences(&charge)) > 0 {
				t.Fatalf("the charge of %+v is not found again", l)
			}
			charge.Amount = charge.Amount.Add(events.NewDecimal(1, -12))
			if got := again.Differences(&charge); len(got) != 1 {
				t.Fatalf("another amount differs in %q", got)
			}
		}
	})
}
