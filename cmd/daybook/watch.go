package main

import (
	"context"

	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/pricer"
)

// watchPrices shows in readiness and in the log what keeps usage from having a price. The pricer
// works all the same.
func watchPrices(process *service.Process, check string, ready func() error, figures *pricer.Metrics) {
	process.Health.Ready(check, func(context.Context) (string, error) {
		f := figures.Now()
		if lacks := f.Lacks(); lacks != "" {
			return "up to its checkpoint; " + lacks, ready()
		}
		return "up to its checkpoint", ready()
	})
	process.Beside("prices", func(ctx context.Context) error { return figures.Watch(ctx, process.Log) })
}

// watch shows how the stages of one process are.
func (s *system) watch(pricing *pricer.Metrics) {
	s.process.Health.Ready("projector", atWork(s.projector.Ready))
	watchPrices(s.process, "pricer", s.pricer.Ready, pricing)
	collect.WatchQuarantine(s.process, s.bus, quarantine.AnySource(s.cmd.Foundation)...)
}
