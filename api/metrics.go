package api

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// How a question was asked, as a label.
const (
	overHTTP = "http"
	overNATS = "nats"
)

// metrics count requests by their routes, such as "GET /v1/totals". It is a prometheus.Collector.
type metrics struct {
	seconds *prometheus.HistogramVec
	open    *prometheus.GaugeVec
}

func newMetrics() *metrics {
	return &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "daybook", Subsystem: "api", Name: "request_seconds", Help: "Time of answers, by HTTP status.",
			Buckets: []float64{.005, .025, .1, .25, 1, 2.5, 10, answerTime.Seconds()},
		}, []string{"over", "route", "code"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "daybook", Subsystem: "api", Name: "requests_open", Help: "Requests that are being answered.",
		}, []string{"over", "route"}),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.seconds.Describe(ch)
	m.open.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.seconds.Collect(ch)
	m.open.Collect(ch)
}

// counted counts requests for the routes of a mux.
func (m *metrics) counted(over string, mux *http.ServeMux, next http.Handler) http.Handler {
	route := func(r *http.Request) string {
		_, pattern := mux.Handler(r)
		return pattern
	}
	timed := promhttp.InstrumentHandlerDuration(m.seconds.MustCurryWith(prometheus.Labels{"over": over}), next,
		promhttp.WithLabelFromRequest("route", route))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open := m.open.WithLabelValues(over, route(r))
		open.Inc()
		defer open.Dec()
		timed(w, r)
	})
}
