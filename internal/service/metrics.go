package service

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Counter only grows. Counting packages declare the one method they need, and need not know
// Prometheus.
type Counter interface{ Add(n float64) }

// Gauge takes any value. Times are in seconds since 1970, sizes in bytes.
type Gauge interface{ Set(v float64) }

// Metrics is the registry of one process, with the Go runtime's and the process's own metrics in
// it. Parts with a prometheus.Collector of their own are added with MustRegister. Nothing
// is registered with the Prometheus library's global registry.
type Metrics struct {
	*prometheus.Registry
	service string
}

// NewMetrics returns the registry of a service: every metric made with it is called
// daybook_<service>_<name>.
func NewMetrics(service string) *Metrics {
	m := &Metrics{prometheus.NewRegistry(), service}
	m.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Counter makes and registers a counter; its name ends in _total. labels are pairs of name and
// fixed value. Like every method here it panics when the metric exists already: that is a mistake
// in the program, not in its input.
func (m *Metrics) Counter(name, help string, labels ...string) Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts(m.options(name, help, labels)))
	m.MustRegister(c)
	return c
}

// Gauge makes and registers a gauge.
func (m *Metrics) Gauge(name, help string, labels ...string) Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts(m.options(name, help, labels)))
	m.MustRegister(g)
	return g
}

// GaugeFunc registers a gauge with a function for its value; value is called from several
// goroutines.
func (m *Metrics) GaugeFunc(name, help string, value func() float64, labels ...string) {
	m.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts(m.options(name, help, labels)), value))
}

// CounterFunc registers a counter with a function for its value; value only grows, and is
// called from several goroutines. The name ends in _total.
func (m *Metrics) CounterFunc(name, help string, value func() float64, labels ...string) {
	m.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts(m.options(name, help, labels)), value))
}

func (m *Metrics) options(name, help string, labels []string) prometheus.Opts {
	if len(labels)%2 != 0 {
		panic("metric " + name + ": labels are pairs of name and value")
	}
	fixed := make(prometheus.Labels, len(labels)/2)
	for i := 0; i < len(labels); i += 2 {
		fixed[labels[i]] = labels[i+1]
	}
	return prometheus.Opts{Namespace: "daybook", Subsystem: m.service, Name: name, Help: help, ConstLabels: fixed}
}
