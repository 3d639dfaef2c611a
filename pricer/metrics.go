package pricer

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/events"
)

// Metrics are what BILLING tells a person on duty, whichever process wrote it: counts go on after a
// restart. It is a prometheus.Collector. Until the state is restored it has nothing to show, and
// while the service is away it shows the last state.
type Metrics struct {
	unrated, unsealed, anomalies, through, catalogue *prometheus.Desc

	mu    sync.Mutex // guards the fields below
	ready func() error
	state Figures // as the service works
	shown Figures // as it was when the service was ready
}

// Figures are the state of BILLING.
type Figures struct {
	Known     bool   // the others are
	Unrated   int    // parts of spans without a price
	Unsealed  int    // statements and credit notes of closed months
	Catalogue string // version in force; empty for none
	// Left are the closed months, in order, that it would change, and leaves as they are: known
	// where it came into force since the start.
	Left      []string
	anomalies map[string]uint64
	through   map[place]time.Time
}

// Lacks says what keeps usage from having a price; empty for nothing.
func (f *Figures) Lacks() string {
	unrated := ""
	if f.Unrated > 0 {
		unrated = fmt.Sprintf("%d parts of spans have no price: daybook unrated list shows them", f.Unrated)
	}
	if !f.Known || f.Catalogue != "" {
		return unrated
	}
	if unrated != "" {
		unrated = "; " + unrated
	}
	return "no catalogue is in force: daybook catalogue publish puts one in force" + unrated
}

// Waiting says how many statements wait for their seals; empty for none.
func (f *Figures) Waiting() string {
	if f.Unsealed == 0 {
		return ""
	}
	return fmt.Sprintf("statements of closed months that wait for their seals: %d", f.Unsealed)
}

// NewMetrics returns the metrics for the Deps of one pricer.
func NewMetrics() *Metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("daybook_pricer_"+name, help, labels, nil)
	}
	return &Metrics{
		unrated:   desc("unrated", "Parts of spans that no plan prices."),
		unsealed:  desc("unsealed_statements", "Statements of closed months that wait for their seals."),
		anomalies: desc("anomalies_total", "Anomalies in BILLING since its beginning.", "code"),
		through: desc("charged_through_seconds", "Up to when everything metered is charged, in seconds since 1970.",
			"source", "foundation"),
		catalogue: desc("catalogue_info", "1 for the catalogue version in force; 0 with an empty version for none.",
			"version"),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.unrated, m.unsealed, m.anomalies, m.through, m.catalogue} {
		ch <- d
	}
}

// Now are the figures of this moment; the last ones while the service is away.
func (m *Metrics) Now() Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ready != nil && m.ready() == nil {
		m.shown = m.state
	}
	return m.shown
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	f := m.Now()
	if !f.Known {
		return
	}
	inForce := 0.0
	if f.Catalogue != "" {
		inForce = 1
	}
	ch <- prometheus.MustNewConstMetric(m.catalogue, prometheus.GaugeValue, inForce, f.Catalogue)
	ch <- prometheus.MustNewConstMetric(m.unrated, prometheus.GaugeValue, float64(f.Unrated))
	ch <- prometheus.MustNewConstMetric(m.unsealed, prometheus.GaugeValue, float64(f.Unsealed))
	for _, code := range []string{
		events.AnomalyInconsistent, events.AnomalyUnreadable, events.AnomalyTooLong, events.AnomalyRefusedSeal,
	} {
		ch <- prometheus.MustNewConstMetric(m.anomalies, prometheus.CounterValue, float64(f.anomalies[code]), code)
	}
	for at, time := range f.through {
		ch <- prometheus.MustNewConstMetric(m.through, prometheus.GaugeValue, float64(time.Unix()), at.source,
			at.foundation)
	}
}

// watch shows the state from now on while ready returns nil.
func (m *Metrics) watch(ready func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready = ready
}

// publish gives the state to the metrics.
func (p *processor) publish() {
	p.tally.changed = false
	if p.figures == nil {
		return
	}
	f := Figures{
		Known: true, Unrated: p.book.unrated, anomalies: maps.Clone(p.tally.anomalies),
		through: maps.Clone(p.tally.through),
	}
	for _, i := range p.issuing {
		f.Unsealed += i.proposed.Len()
	}
	if p.book.inForce >= 0 {
		f.Catalogue = p.book.versions[p.book.inForce].Name
	}
	if p.book.effect != nil {
		f.Left = p.book.effect.Left()
	}
	p.figures.mu.Lock()
	defer p.figures.mu.Unlock()
	p.figures.state = f
}
