package quarantine

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/events"
)

// Gauge is the metric of quarantined inputs, by source and foundation, a prometheus.Collector.
type Gauge struct {
	*prometheus.GaugeVec
	board *Board
}

// NewGauge returns a gauge before its first Look, with 0 at places.
func NewGauge(places ...Filter) *Gauge {
	g := &Gauge{prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "daybook_quarantine_inputs", Help: "Inputs in QUARANTINE that were neither resubmitted nor discarded.",
	}, []string{"source", "foundation"}), NewBoard(Filter{})}
	for _, at := range places {
		g.WithLabelValues(at.Source, at.Foundation).Set(0)
	}
	return g
}

// AnySource are the places of a foundation with input of every source.
func AnySource(foundation string) (places []Filter) {
	for _, source := range append(events.Sources(), collector.SourceUnknown) {
		places = append(places, Filter{source, foundation})
	}
	return places
}

// Look reads what was added since the last Look. It is for one goroutine.
func (g *Gauge) Look(ctx context.Context, r Streams) error {
	if err := g.board.Look(ctx, r); err != nil {
		return err
	}
	for place, n := range g.board.Counts() {
		g.WithLabelValues(place.Source, place.Foundation).Set(float64(n))
	}
	return nil
}

// lookEvery is the time between two looks of Watch.
const lookEvery = 15 * time.Second

// Watch looks until ctx is done. It logs the first of several failures.
func (g *Gauge) Watch(ctx context.Context, r Streams, log *slog.Logger) error {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for failed := false; ; {
		err := g.Look(ctx, r)
		if err != nil && !failed && ctx.Err() == nil {
			log.Warn("cannot count what is quarantined", slog.Any("error", err))
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}
