package reconciling

import (
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// remodelJSON is one difference of a plan.
type remodelJSON struct {
	Plan        string      `json:"plan"`
	Source      string      `json:"source"`
	Foundation  string      `json:"foundation"`
	Type        string      `json:"type"`
	Stage       string      `json:"stage"`
	Act         string      `json:"act"`
	Why         string      `json:"why,omitempty"`
	Kind        string      `json:"kind"`
	Resource    string      `json:"resource"`
	Tenant      string      `json:"tenant"`
	Name        string      `json:"name,omitempty"`
	At          string      `json:"at"`
	NotBefore   string      `json:"not_before,omitempty"`
	NotAfter    string      `json:"not_after,omitempty"`
	Exact       bool        `json:"exact"`
	First       string      `json:"first"`
	PerDay      []stakeJSON `json:"per_day"`
	Unrated     bool        `json:"unrated,omitempty"`
	Resolutions []string    `json:"resolutions"`
	Sequence    uint64      `json:"sequence,omitempty"`
	Skipped     string      `json:"skipped,omitempty"`
}

type stakeJSON struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// Planned prints a plan with what became of it: a table of at most 100 columns, or a line of JSON
// for each difference.
func Planned(w io.Writer, p *plans.Planned, asJSON bool) error {
	outcomes := map[reconcile.Key]remodelJSON{}
	if p.Report != nil {
		for _, o := range p.Report.Outcomes {
			outcomes[o.Key] = remodelJSON{Sequence: o.Sequence, Skipped: o.Skipped}
		}
	}
	if asJSON {
		for i := range p.Plan.Remodels {
			r := newRemodel(p.Plan, &p.Plan.Remodels[i])
			o := outcomes[p.Plan.Remodels[i].Key]
			r.Sequence, r.Skipped = o.Sequence, o.Skipped
			if err := print.JSON(w, r); err != nil {
				return err
			}
		}
		return nil
	}
	plan := p.Plan
	print.Text(w, fmt.Sprintf("%s %s: plan %s, seen at %s", plan.Source, plan.Foundation, plan.ID,
		print.Time(plan.Seen)))
	for i := range plan.Listings {
		l := &plan.Listings[i]
		switch {
		case !l.Complete:
			print.Text(w, fmt.Sprintf("%s: %d listed, not complete: %s", l.Kind, l.Count, l.Why))
		case l.Note != "":
			print.Text(w, fmt.Sprintf("%s: %d listed; %s", l.Kind, l.Count, l.Note))
		}
	}
	rows := [][]string{{"TYPE", "ACT", "KIND", "RESOURCE", "AT", "A DAY"}}
	for i := range plan.Remodels {
		r := &plan.Remodels[i]
		rows = append(rows, []string{
			short(r.Type), string(r.Act), r.Key.Kind, r.Key.Resource, print.Time(r.At), strings.Join(stakes(r), " "),
		})
	}
	if len(rows) > 1 {
		if err := print.Table(w, rows); err != nil {
			return err
		}
	}
	for i := range plan.Remodels {
		if o := outcomes[plan.Remodels[i].Key]; o.Skipped != "" && plan.Remodels[i].Act != reconcile.Report {
			print.Text(w, fmt.Sprintf("%s %s is skipped: %s", plan.Remodels[i].Key.Kind, plan.Remodels[i].Key.Resource,
				o.Skipped))
		}
	}
	notes(w, plan)
	result(w, p)
	return nil
}

// notes prints refusals and notes.
func notes(w io.Writer, plan *reconcile.Plan) {
	for i := range plan.Refused {
		print.Text(w, "Refused: "+plan.Refused[i].Why)
	}
	const most = 20
	for i := range plan.Notes {
		if i == most {
			print.Text(w, fmt.Sprintf("and %d more notes: daybook reconcile show", len(plan.Notes)-most))
			break
		}
		n := &plan.Notes[i]
		print.Text(w, strings.TrimSpace(fmt.Sprintf("%s %s: %s", n.Key.Kind, n.Key.Resource, n.Text)))
	}
}

// result prints what became of a plan.
func result(w io.Writer, p *plans.Planned) {
	for _, s := range plans.Stakes(p.Plan) {
		print.Text(w, fmt.Sprintf("At stake a day, without VAT: %s %s billed too much, %s too little.", s.Currency,
			s.TooMuch,
			s.TooLittle))
	}
	stored := 0
	if p.Report != nil {
		for _, o := range p.Report.Outcomes {
			if o.Sequence != 0 {
				stored++
			}
		}
	}
	switch {
	case p.Problem != "":
		print.Text(w, fmt.Sprintf("%d differences, %d enacted, then: %s", len(p.Plan.Remodels), stored, p.Problem))
	case p.Report != nil:
		print.Text(w, fmt.Sprintf("%d differences, %d enacted.", len(p.Plan.Remodels), stored))
	case p.Dry != "" && len(p.Plan.Remodels) > 0:
		print.Text(w, fmt.Sprintf("%d differences, none enacted: %s. daybook reconcile apply %s enacts it until %s.",
			len(p.Plan.Remodels), p.Dry, p.Plan.ID, print.Time(p.Plan.Expires)))
	default:
		print.Text(w, fmt.Sprintf("%d differences.", len(p.Plan.Remodels)))
	}
}

// short is a type in a word of a table.
func short(t reconcile.Type) string { return strings.TrimPrefix(string(t), "footprint_") }

func stakes(r *reconcile.Remodel) (all []string) {
	for _, m := range r.Stake {
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

func newRemodel(p *reconcile.Plan, r *reconcile.Remodel) remodelJSON {
	of := r.Billed
	if r.There != nil {
		of = r.There
	}
	x := remodelJSON{
		Plan: p.ID, Source: p.Source, Foundation: p.Foundation, Type: string(r.Type), Stage: string(r.Stage),
		Act: string(r.Act), Why: r.Why, Kind: r.Key.Kind, Resource: r.Key.Resource, At: print.Time(r.At),
		NotBefore: print.Time(r.NotBefore), NotAfter: print.Time(r.NotAfter), Exact: r.Exact,
		First:  print.Time(r.First),
		PerDay: []stakeJSON{}, Unrated: r.Unrated, Resolutions: []string{},
	}
	if of != nil {
		x.Tenant, x.Name = of.Tenant, of.Name
	}
	for _, m := range r.Stake {
		x.PerDay = append(x.PerDay, stakeJSON{m.Currency, m.Amount})
	}
	for _, resolution := range r.Resolutions {
		x.Resolutions = append(x.Resolutions, string(resolution))
	}
	return x
}
