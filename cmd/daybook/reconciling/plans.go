package reconciling

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/service"
)

type planCmd struct {
	platform
	Act    string `enum:",report,hold,settle" default:"" help:"What to do where the rules do not say: report, hold or settle (default: hold)."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}."`
}

// Run makes a plan.
func (c *planCmd) Run(e *shell.Env) error {
	return c.with(e, c.Act, func(e *shell.Env, b *bus.Bus, s *service.Service) error {
		planned, err := s.Round(e.Ctx, true)
		if err != nil {
			return err
		}
		return Planned(e, b, planned, c.Format == "json")
	})
}

type applyCmd struct {
	platform
	Plan   string `arg:"" help:"Id of the plan, as daybook reconcile list shows it. With --allow for stops that it refuses another plan is made, and enacted."`
	Act    string `enum:",report,hold,settle" default:"" help:"With --allow: what to do where the rules do not say: report, hold or settle (default: hold)."`
	By     string `env:"USER" required:"" placeholder:"NAME" help:"Who decides."`
	Note   string `help:"Why."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}."`
}

// Run enacts the last plan.
func (c *applyCmd) Run(e *shell.Env) error {
	var found atomic.Bool
	word := assembler.Word{By: c.By, Note: c.Note}
	err := c.with(e, c.Act, func(e *shell.Env, b *bus.Bus, s *service.Service) error {
		last, err := plans.Last(e.Ctx, b, s.Place().Source, s.Place().Foundation)
		if errors.Is(err, plans.ErrNoPlan) || err == nil && last.Plan.ID != c.Plan {
			return nil
		}
		if err != nil {
			return err
		}
		found.Store(true)
		planned, err := s.Apply(e.Ctx, c.Plan, c.Allow, word)
		if planned == nil {
			return err
		}
		return errors.Join(Planned(e, b, planned, c.Format == "json"), err)
	})
	if err == nil && !found.Load() {
		err = plans.ErrAnotherPlan
	}
	return err
}

type revertCmd struct {
	place
	Plan string `arg:"" help:"Id of the plan."`
	By   string `env:"USER" required:"" placeholder:"NAME" help:"Who decides."`
	Note string `help:"Why."`
}

// Run takes a plan back.
func (c *revertCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "reconcile", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	done, err := assembler.New(assembler.Config{}, assembler.Deps{Bus: b, Now: shell.Now}).
		Revert(e.Ctx, c.Source, c.Name, c.Plan, assembler.Word{By: c.By, Note: c.Note})
	if err != nil {
		return err
	}
	text := "Plan " + c.Plan + " is taken back."
	if !done {
		text = "Plan " + c.Plan + " was taken back before."
	}
	print.Text(e.Stdout, text)
	return nil
}

type ignoreCmd struct {
	place
	Tenant   string        `help:"Only this tenant: its guid."`
	Space    string        `help:"Only this space: its guid, or a pattern of names."`
	Kind     string        `enum:",app,task,service,instance,volume" default:"" help:"Only this kind."`
	Resource string        `help:"Only these resources: a pattern of ids and names."`
	Until    shell.Instant `required:"" placeholder:"TIME" help:"Until when."`
	By       string        `env:"USER" required:"" placeholder:"NAME" help:"Who decides."`
	Note     string        `required:"" help:"Why."`
}

// Run adds a limitation.
func (c *ignoreCmd) Run(e *shell.Env) error {
	if c.Tenant+c.Space+c.Kind+c.Resource == "" {
		return errors.New("this would leave everything alone: give --tenant, --space, --kind or --resource")
	}
	b, err := c.Open(e.Ctx, "reconcile", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	err = plans.Ignore(e.Ctx, b, c.Source, c.Name, &reconcile.Limitation{
		Foundation: c.Name, Tenant: c.Tenant, Space: c.Space, Kind: c.Kind, Resource: c.Resource, Until: c.Until.Time,
		By: c.By, Note: c.Note,
	}, shell.Now())
	if err == nil {
		what := strings.Join(strings.Fields(c.Tenant+" "+c.Space+" "+c.Kind+" "+c.Resource), " ")
		print.Text(e.Stdout, fmt.Sprintf("%s of %s is left alone until %s.", what, c.Name,
			c.Until.Format(time.RFC3339)))
	}
	return err
}
