package reconciling

import (
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/client"
	"github.com/daybook-billing/daybook/api/reconciled"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// reading asks an API, or the streams.
type reading struct {
	state func(x *reconciled.Question) (*reconciled.Reconciliations, error)
	plan  func(x *reconciled.PlanQuestion) (*reconciled.Plan, error)
}

// ask calls do with the answers of the flags.
func ask(e *shell.Env, f *shell.Reads, do func(r reading) error) error {
	if f.API != "" {
		return do(reading{
			state: func(x *reconciled.Question) (*reconciled.Reconciliations, error) {
				return shell.Ask[reconciled.Reconciliations](e, f, "reconcile", x)
			},
			plan: func(x *reconciled.PlanQuestion) (*reconciled.Plan, error) {
				return shell.Ask[reconciled.Plan](e, f, "reconcile/plans/{plan_id}", x)
			},
		})
	}
	b, err := f.Open(e.Ctx, "reconcile", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	answers, who := reconciled.NewAnswers(b), answer.Operator()
	return do(reading{
		state: func(x *reconciled.Question) (*reconciled.Reconciliations, error) {
			return answers.State(e.Ctx, who, x)
		},
		plan: func(x *reconciled.PlanQuestion) (*reconciled.Plan, error) { return answers.Plan(e.Ctx, who, x) },
	})
}

type listCmd struct {
	shell.Reads
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists the last plans of all foundations.
func (c *listCmd) Run(e *shell.Env) error {
	return ask(e, &c.Reads, func(r reading) error {
		state, err := r.state(&reconciled.Question{})
		if err != nil {
			return err
		}
		for i := range state.Plans {
			o := &state.Plans[i]
			p, err := r.plan(&reconciled.PlanQuestion{Plan: o.Plan})
			if err != nil {
				return err
			}
			if err := Shown(e.Stdout, p, c.Format == "json"); err != nil {
				return err
			}
			if o.Platform != nil && c.Format == "table" {
				print.Text(e.Stdout, o.Source+" "+o.Foundation+": "+o.Platform.Text())
			}
		}
		for i := 0; i < len(state.Platforms) && c.Format == "table"; i++ {
			p := &state.Platforms[i]
			print.Text(e.Stdout, p.Source+" "+p.Foundation+": "+p.Text())
		}
		if len(state.Plans)+len(state.Platforms) == 0 && c.Format == "table" {
			print.Text(e.Stdout, "Nothing was reconciled yet: daybook reconcile --plan makes a first plan.")
		}
		return nil
	})
}

type showCmd struct {
	shell.Reads
	Source string `enum:"cf,trove" default:"cf" help:"Source: ${enum}."`
	Name   string `name:"foundation" env:"DAYBOOK_FOUNDATION" default:"cf" help:"Name of the foundation."`
}

// Run shows a plan in full, as JSON.
func (c *showCmd) Run(e *shell.Env) error {
	return ask(e, &c.Reads, func(r reading) error {
		state, err := r.state(&reconciled.Question{Source: c.Source, Foundation: c.Name})
		if answer.NotFound.Of(err) || client.NotFound(err) || err == nil && len(state.Plans) == 0 {
			return plans.ErrNoPlan
		}
		if err != nil {
			return err
		}
		p, err := r.plan(&reconciled.PlanQuestion{Plan: state.Plans[0].Plan})
		if err != nil {
			return err
		}
		return print.JSON(e.Stdout, p)
	})
}
