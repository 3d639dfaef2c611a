package reconciling

import (
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/api/reconciled"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// Planned prints a plan with what became of it, as Shown does, without erased names.
func Planned(e *shell.Env, b *bus.Bus, p *plans.Planned, asJSON bool) error {
	erasures, err := names.LoadErasures(e.Ctx, b)
	if err != nil {
		return err
	}
	return Shown(e.Stdout, reconciled.New(p, erasures, true), asJSON)
}

// Shown prints a plan with what became of it: a table of at most 100 columns, or a line of JSON for
// each difference.
func Shown(w io.Writer, p *reconciled.Plan, asJSON bool) error {
	if asJSON {
		for _, r := range p.Remodels {
			r.Billed, r.There = nil, nil
			if err := print.JSON(w, r); err != nil {
				return err
			}
		}
		return nil
	}
	print.Text(w, fmt.Sprintf("%s %s: plan %s, seen at %s", p.Source, p.Foundation, p.Plan, p.Seen))
	for i := range p.Listings {
		l := &p.Listings[i]
		switch {
		case !l.Complete:
			print.Text(w, fmt.Sprintf("%s: %d listed, not complete: %s", l.Kind, l.Count, l.Why))
		case l.Note != "":
			print.Text(w, fmt.Sprintf("%s: %d listed; %s", l.Kind, l.Count, l.Note))
		}
	}
	rows := [][]string{{"TYPE", "ACT", "KIND", "RESOURCE", "AT", "A DAY"}}
	for i := range p.Remodels {
		r := &p.Remodels[i]
		rows = append(rows, []string{
			short(r.Type), r.Act, r.Kind, r.Resource, r.At, strings.Join(stakes(r), " "),
		})
	}
	if len(rows) > 1 {
		if err := print.Table(w, rows); err != nil {
			return err
		}
	}
	for i := range p.Remodels {
		if r := &p.Remodels[i]; r.Skipped != "" && r.Act != string(reconcile.Report) {
			print.Text(w, fmt.Sprintf("%s %s is skipped: %s", r.Kind, r.Resource, r.Skipped))
		}
	}
	notes(w, p)
	result(w, p)
	return nil
}

// notes prints refusals and notes.
func notes(w io.Writer, p *reconciled.Plan) {
	for i := range p.Refused {
		print.Text(w, "Refused: "+p.Refused[i].Why)
	}
	const most = 20
	for i := range p.Notes {
		if i == most {
			print.Text(w, fmt.Sprintf("and %d more notes: daybook reconcile show", len(p.Notes)-most))
			break
		}
		n := &p.Notes[i]
		print.Text(w, strings.TrimSpace(fmt.Sprintf("%s %s: %s", n.Kind, n.Resource, n.Text)))
	}
}

// result prints what became of a plan.
func result(w io.Writer, p *reconciled.Plan) {
	for _, s := range p.Stakes {
		print.Text(w, fmt.Sprintf("At stake a day, without VAT: %s %s billed too much, %s too little.", s.Currency,
			s.TooMuch, s.TooLittle))
	}
	switch {
	case p.Problem != "":
		print.Text(w, fmt.Sprintf("%d differences, %d enacted, then: %s", len(p.Remodels), p.Stored(), p.Problem))
	case p.Enacted:
		print.Text(w, fmt.Sprintf("%d differences, %d enacted.", len(p.Remodels), p.Stored()))
	case p.Dry != "" && len(p.Remodels) > 0:
		print.Text(w, fmt.Sprintf("%d differences, none enacted: %s. daybook reconcile apply %s enacts it until %s.",
			len(p.Remodels), p.Dry, p.Plan, p.Expires))
	default:
		print.Text(w, fmt.Sprintf("%d differences.", len(p.Remodels)))
	}
}

// short is a type in a word of a table.
func short(t string) string { return strings.TrimPrefix(t, "footprint_") }

func stakes(r *reconciled.Remodel) (all []string) {
	for _, m := range r.PerDay {
		text := m.Amount
		if d, err := events.ParseDecimal(m.Amount); err == nil {
			text = d.Round(2).String()
		}
		all = append(all, m.Currency+" "+text)
	}
	if r.Unrated {
		all = append(all, "unrated")
	}
	return all
}
