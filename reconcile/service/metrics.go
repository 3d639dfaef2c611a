package service

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// Metrics are those of any number of foundations. They are a prometheus.Collector.
type Metrics struct {
	remodels *prometheus.GaugeVec   // foundation, type, age
	stake    *prometheus.GaugeVec   // foundation, currency, direction
	refused  *prometheus.GaugeVec   // foundation
	lacking  *prometheus.GaugeVec   // foundation, kind
	rounds   *prometheus.CounterVec // foundation, result
	last     *prometheus.GaugeVec   // foundation
	stored   *prometheus.CounterVec // foundation
	drift    *prometheus.GaugeVec   // foundation, sum
	alarm    *prometheus.GaugeVec   // foundation
}

// NewMetrics makes the metrics; they are registered by whoever owns the registry.
func NewMetrics() *Metrics {
	options := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "daybook", Subsystem: "reconcile", Name: name, Help: help}
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts(options(name, help)), labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts(options(name, help)), labels)
	}
	return &Metrics{
		remodels: gauge("remodels", "Differences in the last plan, by type and age.", "foundation", "type", "age"),
		stake: gauge("stake_per_day", "Money at stake per day in the last plan, without VAT, of differences in each "+
			"direction.", "foundation", "currency", "direction"),
		refused: gauge("refused", "Stops that the last plan refuses as too many.", "foundation"),
		lacking: gauge("incomplete", "1 where the last listing of a kind was not complete: it proves no stop.",
			"foundation", "kind"),
		rounds: counter("rounds_total", "Inspections, by result.", "foundation", "result"),
		last: gauge("last_plan_seconds", "Time of the listing of the last plan, in seconds since 1970.",
			"foundation"),
		stored: counter("observations_total", "Observations stored in USAGE.", "foundation"),
		drift: gauge("drift", "What the platform counts, less what is metered and what is known to differ.",
			"foundation", "sum"),
		alarm: gauge("alarm", "1 while the platform's sums differ from METERED in two polls running.", "foundation"),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.remodels, m.stake, m.refused, m.lacking, m.rounds, m.last, m.stored, m.drift, m.alarm,
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(to)
	}
}

// plan shows a plan.
func (m *Metrics) plan(p *reconcile.Plan) {
	of := prometheus.Labels{"foundation": p.Foundation}
	m.last.With(of).Set(float64(p.Seen.Unix()))
	m.remodels.DeletePartialMatch(of)
	m.stake.DeletePartialMatch(of)
	for _, t := range []reconcile.Type{
		reconcile.MissingStart, reconcile.MissingStop, reconcile.FootprintDrift, reconcile.TenantDrift,
		reconcile.Unknown,
	} {
		for _, age := range reconcile.Ages() {
			m.remodels.WithLabelValues(p.Foundation, string(t), age.Name).Set(0)
		}
	}
	for i := range p.Remodels {
		r := &p.Remodels[i]
		m.remodels.WithLabelValues(p.Foundation, string(r.Type), reconcile.AgeOf(p.Seen.Sub(r.First))).Inc()
	}
	for _, s := range plans.Stakes(p) {
		for direction, amount := range map[string]events.Decimal{"too_much": s.TooMuch, "too_little": s.TooLittle} {
			if shown, err := strconv.ParseFloat(amount.String(), 64); err == nil { // a metric is no bill
				m.stake.WithLabelValues(p.Foundation, s.Currency, direction).Set(shown)
			}
		}
	}
	for i := range p.Listings {
		lacking := 0.0
		if !p.Listings[i].Complete {
			lacking = 1
		}
		m.lacking.WithLabelValues(p.Foundation, p.Listings[i].Kind).Set(lacking)
	}
	refused := 0
	for i := range p.Refused {
		refused += p.Refused[i].Count
	}
	m.refused.With(of).Set(float64(refused))
}
