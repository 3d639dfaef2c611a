package stage_test

import (
	"github.com/prometheus/client_golang/prometheus"
)

// counter returns the value of a metric of a run.
func counter(r *run, name string) int {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.metrics)
	for _, family := range must(registry.Gather()) {
		if family.GetName() == name {
			metric := family.GetMetric()[0]
			return int(metric.GetCounter().GetValue() + metric.GetGauge().GetValue())
		}
	}
	panic("no metric " + name)
}
