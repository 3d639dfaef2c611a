package reconciling

import (
	"errors"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	processes "github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/service"
)

type serveCmd struct {
	platform
	processes.Config
	shell.Allowance
	Once   bool   `help:"Inspect once, and end: twice where a stop wants a second listing."`
	Plan   bool   `help:"Make a plan, and enact nothing. The first round of a foundation does no more either."`
	Act    string `enum:",report,hold,settle" default:"" help:"What to do where the rules do not say: report, hold or settle (default: hold)."`
	Format string `enum:"table,json" default:"table" help:"Output of --once and --plan: ${enum}."`
}

// Run reconciles.
func (c *serveCmd) Run(e *shell.Env) error {
	if c.Once || c.Plan {
		return c.with(e, c.Act, func(e *shell.Env, b *bus.Bus, s *service.Service) error {
			return c.once(e, b, s)
		})
	}
	foundations, err := c.foundations()
	if err != nil {
		return err
	}
	process, b, err := c.Serve(e, "reconcile", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	metrics := service.NewMetrics()
	process.Metrics.MustRegister(metrics)
	made, err := c.Make(b, process.Log, metrics, foundations, c.Act, &c.Metering)
	if err != nil {
		return err
	}
	defer made.Close()
	return process.Run(e.Ctx, made.Components(process)...)
}

// once makes a round, and a second one where a stop wants another listing.
func (c *serveCmd) once(e *shell.Env, b *bus.Bus, s *service.Service) error {
	planned, err := s.Round(e.Ctx, c.Plan)
	if planned == nil {
		return err
	}
	if err == nil && c.Once && service.Unproven(planned.Plan) {
		with, errRules := c.load("")
		if errRules != nil {
			return errRules
		}
		if with.Settle == 0 {
			with.Settle = reconcile.DefaultSettle
		}
		if err := bus.Wait(e.Ctx, with.Settle); err != nil {
			return err
		}
		dry := planned.Dry
		if planned, err = s.Round(e.Ctx, c.Plan || dry != ""); planned == nil {
			return err
		}
		planned.Dry = dry
	}
	if err = errors.Join(Planned(e, b, planned, c.Format == "json"), err); err == nil {
		err = c.Incomplete(unsure(planned.Plan))
	}
	return err
}

// unsure is how many listings of a plan are not complete, and how many kinds have refused stops.
func unsure(p *reconcile.Plan) (n int) {
	for i := range p.Listings {
		if !p.Listings[i].Complete {
			n++
		}
	}
	return n + len(p.Refused)
}
