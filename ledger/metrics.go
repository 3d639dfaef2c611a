package ledger

import "github.com/prometheus/client_golang/prometheus"

// Describe implements prometheus.Collector.
func (p *Poster) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, ch) }

// Collect implements prometheus.Collector: how far the ledger is posted, and whether it is.
func (p *Poster) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	at, posting, state := p.positions, 1.0, StatePosting
	if p.state != nil {
		posting, state = 0, stateOf(p.state)
	}
	p.mu.Unlock()
	position := prometheus.NewDesc("daybook_ledger_position", "Sequence of the last posted message.",
		[]string{"stream"}, nil)
	for stream, name := range streamNames() {
		ch <- prometheus.MustNewConstMetric(position, prometheus.GaugeValue, float64(*at.of(stream)), name)
	}
	ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("daybook_ledger_posting",
		"0 while nothing is posted: /readyz says why.", nil, nil), prometheus.GaugeValue, posting)
	states := prometheus.NewDesc("daybook_ledger_state", "1 for the state of the poster.", []string{"state"}, nil)
	for _, name := range []string{
		StatePosting, StateStarting, StateWaiting, StateRefused, StateStandby, StateFailing,
	} {
		value := 0.0
		if name == state {
			value = 1
		}
		ch <- prometheus.MustNewConstMetric(states, prometheus.GaugeValue, value, name)
	}
}
