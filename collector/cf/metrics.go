package cf

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Metrics are the collector's, for any number of foundations. They are a prometheus.Collector.
type Metrics struct {
	events      *prometheus.CounterVec // foundation, list, kind, state
	quarantined *prometheus.CounterVec // foundation, list
	late        *prometheus.CounterVec
	gaps        *prometheus.CounterVec
	rescans     *prometheus.CounterVec
	polls       *prometheus.CounterVec // foundation, result
	retries     *prometheus.CounterVec // foundation, reason
	conflicts   *prometheus.CounterVec // foundation
	horizon     *prometheus.GaugeVec   // foundation, list
	lag         *prometheus.GaugeVec
	latency     *prometheus.HistogramVec // foundation
}

// NewMetrics makes the metrics; they are registered by whoever owns the registry.
func NewMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "daybook", Subsystem: "cf", Name: name,
			Help: help,
		}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "daybook", Subsystem: "cf", Name: name,
			Help: help,
		}, labels)
	}
	return &Metrics{
		events:      counter("events_total", "Usage events stored in USAGE.", "foundation", "list", "kind", "state"),
		quarantined: counter("quarantined_total", "Usage events that could not be understood.", "foundation", "list"),
		late: counter("late_events_total", "Usage events that a re-scan found behind the cursor.", "foundation",
			"list"),
		gaps:    counter("gaps_total", "Gaps published.", "foundation", "list"),
		rescans: counter("rescans_total", "Times that a list was read from its start.", "foundation", "list"),
		polls:   counter("polls_total", "Polls by result.", "foundation", "result"),
		retries: counter("retries_total", "Requests to the API that were repeated, by reason.", "foundation",
			"reason"),
		conflicts: counter("append_retries_total", "Appends to USAGE that were not confirmed and made the "+
			"collector read its state again.", "foundation"),
		horizon: gauge("horizon_seconds", "Up to when the list has been collected, in seconds since 1970.",
			"foundation", "list"),
		lag: gauge("lag_seconds", "How far the horizon of the list is behind the API's clock.", "foundation",
			"list"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "daybook", Subsystem: "cf", Name: "request_seconds", Help: "How long the API took to answer, " +
				"body included.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"foundation"}),
	}
}

// start makes the counters of a foundation, all 0: the first event of a kind is an increase.
func (m *Metrics) start(foundation string) {
	kinds := map[string]map[string][]string{
		events.ListApp: {
			events.KindApp: {
				events.EventStarted, events.EventStopped, events.EventWasRunning, events.EventBuildpackSet,
			},
			events.KindTask:    {events.EventTaskStarted, events.EventTaskStopped, events.EventTaskWasRunning},
			events.KindStaging: {events.EventStagingStarted, events.EventStagingStopped},
		},
		events.ListService: {
			events.KindService: {
				events.EventCreated, events.EventUpdated, events.EventDeleted, events.EventWasRunning,
			},
		},
	}
	for list, states := range kinds {
		for _, c := range []*prometheus.CounterVec{m.quarantined, m.late, m.gaps, m.rescans} {
			c.WithLabelValues(foundation, list)
		}
		for kind, all := range states {
			for _, state := range all {
				m.events.WithLabelValues(foundation, list, kind, state)
			}
		}
	}
	for _, result := range []string{pollOK, pollFailed} {
		m.polls.WithLabelValues(foundation, result)
	}
	for _, reason := range cfapi.Reasons() {
		m.retries.WithLabelValues(foundation, reason)
	}
	m.conflicts.WithLabelValues(foundation)
	m.latency.WithLabelValues(foundation)
}

// Results of a poll.
const (
	pollOK     = "ok"
	pollFailed = "failed"
)

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.events, m.quarantined, m.late, m.gaps, m.rescans, m.polls, m.retries, m.conflicts, m.horizon, m.lag,
		m.latency,
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}
