package directory

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/internal/names"
)

// Defaults of Config.
const (
	DefaultEvery = 10 * time.Minute
	DefaultWhole = 24 * time.Hour
)

// Config has the settings for one foundation.
type Config struct {
	Foundation string
	Every      time.Duration // from one look at what changed to the next; default: DefaultEvery
	// Whole is the time from one look at everything to the next, where a platform tells what
	// changed; default: DefaultWhole.
	Whole time.Duration
}

// Deps are the surroundings. Only Bus is required.
type Deps struct {
	Bus     names.Bus
	Log     *slog.Logger
	Metrics *Metrics
	Now     func() time.Time // the local clock, for waiting
}

// complete fills in the defaults.
func complete(c Config, d Deps) (Config, Deps, error) {
	if d.Bus == nil {
		return c, d, errors.New("collector/directory: Deps.Bus is missing")
	}
	c.Every, c.Whole = cmp.Or(c.Every, DefaultEvery), cmp.Or(c.Whole, DefaultWhole)
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return c, d, nil
}

// Metrics are for all foundations of a process.
type Metrics struct{ looks *prometheus.CounterVec }

// Results of a look.
const (
	lookOK     = "ok"
	lookFailed = "failed"
)

// NewMetrics makes the metrics.
func NewMetrics() *Metrics {
	return &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "daybook_names_looks_total", Help: "Looks at the names of tenants and spaces, by result.",
	}, []string{"foundation", "result"})}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) { m.looks.Describe(to) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) { m.looks.Collect(to) }
