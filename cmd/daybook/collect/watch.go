package collect

import (
	"context"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
)

// placesOf are the places of foundations of Cloud Foundry in QUARANTINE.
func placesOf(foundations []cf.Foundation) (places []quarantine.Filter) {
	for i := range foundations {
		places = append(places, quarantine.Filter{Source: events.SourceCF, Foundation: foundations[i].Name})
	}
	return places
}

// WatchQuarantine counts what is quarantined while a collector runs, at places from the start.
func WatchQuarantine(process *service.Process, b *bus.Bus, places ...quarantine.Filter) {
	gauge := quarantine.NewGauge(places...)
	process.Metrics.MustRegister(gauge)
	process.Beside("quarantine", func(ctx context.Context) error { return gauge.Watch(ctx, b, process.Log) })
}
