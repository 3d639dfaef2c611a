package main

import (
	"context"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
)

type priceCmd struct {
	shell.NATS
	service.Config
}

// Run runs the pricer.
func (c *priceCmd) Run(e *shell.Env) error {
	process, b, err := c.Serve(e, "pricer", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	metrics := stage.NewMetrics("pricer")
	process.Metrics.MustRegister(metrics)
	figures := pricer.NewMetrics()
	process.Metrics.MustRegister(figures)
	p := pricer.New(pricer.Config{}, pricer.Deps{
		Bus: b, Seals: b, Log: process.Log, Metrics: metrics, Figures: figures,
	})
	watchPrices(process, "stage", p.Ready, figures)
	return process.Run(e.Ctx, service.Component{Name: "pricer", Run: p.Run})
}

// atWork is the readiness check of a stage.
func atWork(ready func() error) service.Check {
	return func(context.Context) (string, error) { return "up to its checkpoint", ready() }
}
