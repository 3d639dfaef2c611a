package main

import (
	"context"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
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

// placesOf are the places of foundations of Cloud Foundry in QUARANTINE.
func placesOf(foundations []cf.Foundation) (places []quarantine.Filter) {
	for i := range foundations {
		places = append(places, quarantine.Filter{Source: events.SourceCF, Foundation: foundations[i].Name})
	}
	return places
}

// watch shows how the stages of one process are.
func (s *system) watch(pricing *pricer.Metrics) {
	s.process.Health.Ready("projector", atWork(s.projector.Ready))
	watchPrices(s.process, "pricer", s.pricer.Ready, pricing)
	watchQuarantine(s.process, s.bus, quarantine.AnySource(s.cmd.Foundation)...)
}

// watchQuarantine counts what is quarantined while a collector runs, at places from the start.
func watchQuarantine(process *service.Process, b *bus.Bus, places ...quarantine.Filter) {
	gauge := quarantine.NewGauge(places...)
	process.Metrics.MustRegister(gauge)
	process.Beside("quarantine", func(ctx context.Context) error { return gauge.Watch(ctx, b, process.Log) })
}
