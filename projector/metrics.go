package projector

import (
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Metrics are what METERED tells a person on duty, whichever process wrote it: counts go on after a
// restart. It is a prometheus.Collector. Until the state is restored it has nothing to show, and
// while the service is away it shows the last state.
type Metrics struct {
	held, anomalies, gaps, through *prometheus.Desc

	mu    sync.Mutex // guards the fields below
	ready func() error
	state figures // as the service works
	shown figures // as it was when the service was ready
}

type figures struct {
	held      map[foundationKey]int
	gaps      map[foundationKey]uint64
	through   map[foundationKey]int64 // Unix seconds; none of a foundation that has ended
	anomalies map[string]uint64
}

// NewMetrics returns the metrics for the Deps of one projector.
func NewMetrics() *Metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("daybook_projector_"+name, help, labels, nil)
	}
	return &Metrics{
		held:      desc("held", "Parts of timelines that are held, and not billed.", "source", "foundation"),
		anomalies: desc("anomalies_total", "Anomalies in METERED since its beginning.", "code"),
		gaps:      desc("gaps_total", "Gaps in METERED since its beginning.", "source", "foundation"),
		through: desc("metered_through_seconds", "Up to when everything is metered, in seconds since 1970. "+
			"A foundation that was retired has none.", "source", "foundation"),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.held, m.anomalies, m.gaps, m.through} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	if m.ready != nil && m.ready() == nil {
		m.shown = m.state
	}
	f := m.shown
	m.mu.Unlock()
	if f.held == nil {
		return
	}
	for _, code := range metered.AnomalyCodes() {
		ch <- prometheus.MustNewConstMetric(m.anomalies, prometheus.CounterValue, float64(f.anomalies[code]), code)
	}
	for key, n := range f.held {
		ch <- prometheus.MustNewConstMetric(m.held, prometheus.GaugeValue, float64(n), key.Source, key.Foundation)
		ch <- prometheus.MustNewConstMetric(m.gaps, prometheus.CounterValue, float64(f.gaps[key]), key.Source,
			key.Foundation)
	}
	for key, at := range f.through {
		ch <- prometheus.MustNewConstMetric(m.through, prometheus.GaugeValue, float64(at), key.Source, key.Foundation)
	}
}

// update takes the state of a meter.
func (m *Metrics) update(of *Meter) {
	of.tally.Changed = false
	if m == nil {
		return
	}
	f := figures{
		held: map[foundationKey]int{}, gaps: maps.Clone(of.tally.Gaps), through: map[foundationKey]int64{},
		anomalies: maps.Clone(of.tally.Anomalies),
	}
	for key, x := range of.foundations {
		f.held[key] = x.held
		if x.rules.Horizon != timeline.MinMoment && !x.ended {
			f.through[key] = x.rules.Horizon.Time().Unix()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = f
}

// watch shows the state from now on while ready returns nil.
func (m *Metrics) watch(ready func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready = ready
}
