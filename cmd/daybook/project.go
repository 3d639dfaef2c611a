package main

import (
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

type projectCmd struct {
	shell.NATS
	service.Config
	projectorFlags
}

// projectorFlags are the settings of the projector.
type projectorFlags struct {
	Cut            string                   `env:"DAYBOOK_CUT" enum:"hour,day,month" default:"${cut}" help:"Divide spans at every hour, day or month."`
	EpochCF        *shell.Instant           `name:"epoch-cf" env:"DAYBOOK_EPOCH_CF" placeholder:"TIME" help:"Bill nothing of Cloud Foundry before it."`
	EpochTrove     *shell.Instant           `name:"epoch-trove" env:"DAYBOOK_EPOCH_TROVE" placeholder:"TIME" help:"Bill nothing of Trove before it."`
	Epoch          map[string]shell.Instant `env:"DAYBOOK_EPOCH" placeholder:"SOURCE/FOUNDATION=TIME;…" help:"Bill nothing of a foundation before it: cf/eu=2026-01-01."`
	BuildTimeout   time.Duration            `env:"DAYBOOK_BUILD_TIMEOUT" default:"${build_timeout}" help:"A build without an end after this is not billed."`
	ExcludeSpaces  string                   `env:"DAYBOOK_EXCLUDE_SPACES" placeholder:"REGEXP" help:"Do not meter Cloud Foundry spaces with such names: ^(SMOKE|ACC|CATS|PERF)-"`
	AbsenceWindows int                      `env:"DAYBOOK_ABSENCE_WINDOWS" default:"${absence_windows}" help:"Missing from how many windows of reports a database is taken to be gone; -1: never."`
}

func (f *projectorFlags) config() projector.Config {
	cfg := projector.Config{
		Cut: timeline.Cut(f.Cut), BuildTimeout: f.BuildTimeout, ExcludeSpaces: f.ExcludeSpaces,
		AbsenceWindows: f.AbsenceWindows,
		Epoch:          map[string]time.Time{},
	}
	for name, at := range f.Epoch {
		cfg.Epoch[name] = at.Time
	}
	if f.EpochCF != nil {
		cfg.Epoch[events.SourceCF] = f.EpochCF.Time
	}
	if f.EpochTrove != nil {
		cfg.Epoch[events.SourceTrove] = f.EpochTrove.Time
	}
	return cfg
}

// Run runs the projector.
func (c *projectCmd) Run(e *shell.Env) error {
	process, b, err := c.Serve(e, "projector", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	metrics := stage.NewMetrics("projector")
	process.Metrics.MustRegister(metrics)
	figures := projector.NewMetrics()
	process.Metrics.MustRegister(figures)
	p, err := projector.New(c.config(), projector.Deps{
		Bus: b, Log: process.Log, Metrics: metrics, Figures: figures,
	})
	if err != nil {
		return err
	}
	process.Health.Ready("stage", atWork(p.Ready))
	return process.Run(e.Ctx, service.Component{Name: "projector", Run: p.Run})
}
