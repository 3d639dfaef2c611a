package main

import (
	"context"

	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/pricer"
)

// watchPrices shows in readiness and in the log what keeps usage from having a price, and in
// readiness what waits for a seal. The pricer works all the same.
func watchPrices(process *service.Process, check string, ready func() error, figures *pricer.Metrics) {
	process.Health.Ready(check, func(context.Context) (string, error) {
		f, detail := figures.Now(), "up to its checkpoint"
		for _, more := range []string{f.Lacks(), f.Waiting()} {
			if more != "" {
				detail += "; " + more
			}
		}
		return detail, ready()
	})
	process.Beside("prices", func(ctx context.Context) error { return figures.Watch(ctx, process.Log) })
}

// watch shows how the stages of one process are.
func (s *system) watch(pricing *pricer.Metrics) {
	s.process.Health.Ready("projector", atWork(s.projector.Ready))
	watchPrices(s.process, "pricer", s.pricer.Ready, pricing)
	collect.WatchQuarantine(s.process, s.bus, quarantine.AnySource(s.cmd.Foundation)...)
}
