package stage

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of one stage. It is a prometheus.Collector: register it where metrics are served.
type Metrics struct {
	inputs, outputs, batches, conflicts, restarts prometheus.Counter
	lag, standby, position                        prometheus.Gauge
}

// NewMetrics returns the metrics of a stage by its name, all starting at zero.
func NewMetrics(stage string) *Metrics {
	labels := prometheus.Labels{"stage": stage}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "daybook", Subsystem: "stage", Name: name,
			Help: help, ConstLabels: labels,
		})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "daybook", Subsystem: "stage", Name: name,
			Help: help, ConstLabels: labels,
		})
	}
	return &Metrics{
		inputs:    counter("inputs_total", "Messages of the input stream worked off, those of a restore included."),
		outputs:   counter("outputs_total", "Messages appended to the output stream by this instance."),
		batches:   counter("batches_total", "Atomic batches appended by this instance."),
		conflicts: counter("conflicts_total", "Batches refused because the output stream had moved on."),
		restarts:  counter("restarts_total", "Starts from the checkpoint after an error of the bus."),
		lag:       gauge("lag_messages", "Messages waiting in the input stream behind the last one worked off."),
		standby:   gauge("standby", "1 while another instance is active and this one follows."),
		position:  gauge("position", "Sequence of the last input worked off."),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{
		m.inputs, m.outputs, m.batches, m.conflicts, m.restarts, m.lag, m.standby,
		m.position,
	} {
		c.Collect(ch)
	}
}

func (m *Metrics) stepped() { m.inputs.Inc() }

// committed takes the last input with all outputs stored, and the number of inputs behind it.
func (m *Metrics) committed(position, behind uint64) {
	m.lag.Set(float64(behind))
	m.position.Set(float64(position))
}

func (m *Metrics) appended(outputs int) {
	m.batches.Inc()
	m.outputs.Add(float64(outputs))
}

func (m *Metrics) conflict()  { m.conflicts.Inc() }
func (m *Metrics) restarted() { m.restarts.Inc() }

func (m *Metrics) setStandby(on bool) {
	if on {
		m.standby.Set(1)
	} else {
		m.standby.Set(0)
	}
}
