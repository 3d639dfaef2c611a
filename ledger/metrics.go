package ledger

import "github.com/prometheus/client_golang/prometheus"

// Describe implements prometheus.Collector.
func (p *Poster) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, ch) }

// Collect implements prometheus.Collector: how far the ledger is posted, and whether it is.
func (p *Poster) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	at, posting := p.positions, 1.0
	if p.state != nil {
		posting = 0
	}
	p.mu.Unlock()
	position := prometheus.NewDesc("daybook_ledger_position", "Sequence of the last posted message.",
		[]string{"stream"}, nil)
	for stream, name := range streamNames() {
		ch <- prometheus.MustNewConstMetric(position, prometheus.GaugeValue, float64(*at.of(stream)), name)
	}
	ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("daybook_ledger_posting",
		"0 while nothing is posted: /readyz says why.", nil, nil), prometheus.GaugeValue, posting)
}
