package main

import (
	"github.com/daybook-billing/daybook/cmd/daybook/reconciling"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/cf"
	reconcile "github.com/daybook-billing/daybook/reconcile/service"
)

// reconcileFlags say how daybook up reconciles.
type reconcileFlags struct {
	Reconcile   string               `env:"DAYBOOK_RECONCILE" enum:"off,report,hold,settle" default:"hold" help:"Compare what is billed of Cloud Foundry with what is there: off, report, hold or settle (default: ${default}). The first plan of a foundation is not enacted."`
	Reconciling reconciling.Settings `embed:"" prefix:"reconcile-"`
}

// makeReconcile makes the reconciliation of the foundations that are collected, unless it is off.
// With --once there is none: a second listing would be a wait.
func (s *system) makeReconcile(foundations []cf.Foundation) (err error) {
	if s.cmd.Reconcile == "off" || s.cmd.Once || len(foundations) == 0 && !s.cmd.Reconciling.Trove.Given() {
		return nil
	}
	metering := reconciling.Metering{ExcludeSpaces: s.cmd.ExcludeSpaces, Epoch: map[string]shell.Instant{}}
	for name, at := range s.cmd.config().Epoch {
		metering.Epoch[name] = shell.Instant{Time: at}
	}
	metrics := reconcile.NewMetrics()
	s.process.Metrics.MustRegister(metrics)
	s.reconcile, err = s.cmd.Reconciling.Make(s.bus, s.log, metrics, foundations, s.cmd.Reconcile, &metering)
	if err == nil {
		s.differences = s.reconcile.Beside(s.process)
	}
	return err
}
