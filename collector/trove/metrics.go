package trove

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of a Trove collector. It is a prometheus.Collector: register it where metrics are served.
type Metrics struct {
	stored, known, ignored, refused, dead, sessions, gaps, errors, unbound prometheus.Counter
	connected, bound, seen, horizon                                        prometheus.Gauge
	brokerless                                                             atomic.Bool // no broker is asked
	lag                                                                    prometheus.GaugeFunc
	// the last horizon, in nanoseconds since 1970
	complete *atomic.Int64
	batches  prometheus.Histogram
	pushes   *prometheus.CounterVec
}

// NewMetrics returns the metrics of a foundation's Trove collector.
func NewMetrics(foundation string) *Metrics {
	labels := prometheus.Labels{"foundation": foundation}
	const namespace, subsystem = "daybook", "trove"
	counter := func(name, help string, pairs ...string) prometheus.Counter {
		l := prometheus.Labels{"foundation": foundation}
		for i := 0; i < len(pairs); i += 2 {
			l[pairs[i]] = pairs[i+1]
		}
		return prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name,
			Help: help, ConstLabels: l,
		})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name,
			Help: help, ConstLabels: labels,
		})
	}
	// Without a horizon, time counts from here on, so that silence shows from the beginning.
	complete := new(atomic.Int64)
	complete.Store(time.Now().UnixNano())
	pushes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "pushes_total", Help: "Requests to push a notification, by " +
			"status.", ConstLabels: labels,
	}, []string{"status"})
	for _, status := range pushStatuses() {
		pushes.WithLabelValues(strconv.Itoa(status))
	}
	const taken = "Notifications taken, by what became of them."
	return &Metrics{
		stored:  counter("notifications_total", taken, "result", "stored"),
		known:   counter("notifications_total", taken, "result", "known"),
		ignored: counter("notifications_total", taken, "result", "ignored"),
		refused: counter("notifications_total", taken, "result", "quarantined"),
		dead: counter("dead_total", "Notifications that were delivered too often, and taken from the queue for "+
			"that."),
		sessions: counter("sessions_total", "Connections to RabbitMQ that got as far as consuming."),
		gaps:     counter("gaps_total", "Gaps published: times that the queue had lost its binding."),
		errors:   counter("errors_total", "Things that failed and are tried again."),
		unbound: counter("unbound_seconds_total", "Length of the gaps: times that the queue was not bound, counted "+
			"when it is bound again."),
		connected: gauge("connected", "1 while notifications are consumed."),
		bound:     gauge("bound", "1 while the queue is bound to every exchange that it was bound to before."),
		seen:      gauge("last_notification_seconds", "When the last notification came, in seconds since 1970."),
		complete:  complete,
		lag: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "lag_seconds", ConstLabels: labels,
			Help: "Age of the last horizon published, or of the process before there is one. It grows while nothing " +
				"proves that all is collected.",
		}, func() float64 { return max(time.Since(time.Unix(0, complete.Load())).Seconds(), 0) }),
		horizon: gauge("horizon_seconds", "The last horizon published, in seconds since 1970."),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "batch_notifications", Help: "Notifications in a batch.",
			ConstLabels: labels,
			Buckets:     prometheus.ExponentialBuckets(1, 4, 6),
		}),
		pushes: pushes,
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{
		m.stored, m.known, m.ignored, m.refused, m.dead, m.sessions, m.gaps, m.errors, m.unbound,
		m.seen, m.lag, m.horizon, m.batches, m.pushes,
	} {
		c.Collect(ch)
	}
	if !m.brokerless.Load() {
		m.connected.Collect(ch)
		m.bound.Collect(ch)
	}
}
