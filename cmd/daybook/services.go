package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// collectCmd groups the collectors.
type collectCmd struct {
	File   collectFileCmd   `cmd:"" help:"Collect files of Cloud Foundry v3 usage events and Trove notifications, one JSON object a line."`
	CF     collectCFCmd     `cmd:"" name:"cf" help:"Collect the usage events of Cloud Foundry foundations."`
	Trove  collectTroveCmd  `cmd:"" help:"Collect Trove notifications from RabbitMQ, or pushed by HTTP."`
	Retire collectRetireCmd `cmd:"" help:"Say that one of several collectors of a foundation is no more, so that it holds nobody up."`
}

type collectFileCmd struct {
	natsFlags
	service.Config
	Files      []string `arg:"" name:"file" help:"Files, .gz too; - is standard input."`
	Foundation string   `default:"file" help:"Name of the platform that the events come from; part of every subject and id."`
	Follow     bool     `help:"Keep reading what is appended to the files, until stopped."`
	Horizon    *instant `placeholder:"TIME" help:"Up to when the files are complete (default: the newest time in them)."`
}

// Run collects the files.
func (c *collectFileCmd) Run(e *env) error {
	process, b, err := c.serve(e, "collector", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	cfg := file.Config{Foundation: c.Foundation, Files: c.Files, Follow: c.Follow}
	if c.Horizon != nil {
		cfg.Horizon = &c.Horizon.Time
	}
	deps := file.Deps{Store: file.OnBus(b), Log: process.Log, Stdin: e.stdin}
	files, err := file.New(cfg, deps)
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name, help string
		value      func(file.Report) int
	}{
		{"lines_total", "Lines read.", func(r file.Report) int { return r.Lines }},
		{"facts_stored_total", "Facts appended to USAGE.", func(r file.Report) int { return r.Stored }},
		{"facts_known_total", "Facts that USAGE had already.", func(r file.Report) int { return r.Known }},
		{"quarantined_total", "Lines that could not be understood.",
			func(r file.Report) int { return r.Quarantined }},
	} {
		process.Metrics.CounterFunc(m.name, m.help, func() float64 { return float64(m.value(files.Report())) })
	}
	if err := process.Run(e.ctx, service.Component{Name: "collector", Run: files.Run}); err != nil {
		return err
	}
	fmt.Fprintln(e.stdout, collected(files.Report()))
	return nil
}

// collected says in a line what a file collector did.
func collected(r file.Report) string {
	ignored := 0
	for _, n := range r.Ignored {
		ignored += n
	}
	text := fmt.Sprintf("%d lines: %d facts stored, %d known already, %d ignored, %d quarantined", r.Lines, r.Stored,
		r.Known, ignored, r.Quarantined)
	if r.Quarantined > 0 {
		text += " (daybook quarantine list shows them)"
	}
	return text
}

type projectCmd struct {
	natsFlags
	service.Config
	projectorFlags
}

// projectorFlags are the settings of the projector.
type projectorFlags struct {
	Cut            string             `env:"DAYBOOK_CUT" enum:"hour,day,month" default:"${cut}" help:"Divide spans at every hour, day or month."`
	EpochCF        *instant           `name:"epoch-cf" env:"DAYBOOK_EPOCH_CF" placeholder:"TIME" help:"Bill nothing of Cloud Foundry before it."`
	EpochTrove     *instant           `name:"epoch-trove" env:"DAYBOOK_EPOCH_TROVE" placeholder:"TIME" help:"Bill nothing of Trove before it."`
	Epoch          map[string]instant `env:"DAYBOOK_EPOCH" placeholder:"SOURCE/FOUNDATION=TIME;…" help:"Bill nothing of a foundation before it: cf/eu=2026-01-01."`
	BuildTimeout   time.Duration      `env:"DAYBOOK_BUILD_TIMEOUT" default:"${build_timeout}" help:"A build without an end after this is not billed."`
	Grace          time.Duration      `env:"DAYBOOK_GRACE" default:"${grace}" help:"How long a month stays open after its end: what changes it later is a correction."`
	ExcludeSpaces  string             `env:"DAYBOOK_EXCLUDE_SPACES" placeholder:"REGEXP" help:"Do not meter Cloud Foundry spaces with such names: ^(SMOKE|ACC|CATS|PERF)-"`
	AbsenceWindows int                `env:"DAYBOOK_ABSENCE_WINDOWS" default:"${absence_windows}" help:"Missing from how many windows of reports a database is taken to be gone; -1: never."`
}

// projectorDefaults are the defaults in the tags of projectorFlags.
func projectorDefaults() kong.Vars {
	hours := func(d time.Duration) string { return fmt.Sprintf("%gh", d.Hours()) }
	return kong.Vars{
		"cut": string(projector.DefaultCut), "build_timeout": hours(projector.DefaultBuildTimeout),
		"grace": hours(projector.DefaultGrace), "absence_windows": strconv.Itoa(projector.DefaultAbsenceWindows),
	}
}

func (f *projectorFlags) config() projector.Config {
	cfg := projector.Config{
		Cut: timeline.Cut(f.Cut), BuildTimeout: f.BuildTimeout, Grace: f.Grace, ExcludeSpaces: f.ExcludeSpaces,
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
func (c *projectCmd) Run(e *env) error {
	process, b, err := c.serve(e, "projector", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	metrics := stage.NewMetrics("projector")
	process.Metrics.MustRegister(metrics)
	p, err := projector.New(c.config(), projector.Deps{Bus: b, Log: process.Log, Metrics: metrics})
	if err != nil {
		return err
	}
	process.Health.Ready("stage", atWork(p.Ready))
	return process.Run(e.ctx, service.Component{Name: "projector", Run: p.Run})
}

type priceCmd struct {
	natsFlags
	service.Config
}

// Run runs the pricer.
func (c *priceCmd) Run(e *env) error {
	process, b, err := c.serve(e, "pricer", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	metrics := stage.NewMetrics("pricer")
	process.Metrics.MustRegister(metrics)
	p := pricer.New(pricer.Config{}, pricer.Deps{Bus: b, Log: process.Log, Metrics: metrics})
	process.Health.Ready("stage", atWork(p.Ready))
	return process.Run(e.ctx, service.Component{Name: "pricer", Run: p.Run})
}

// atWork is the readiness check of a stage.
func atWork(ready func() error) service.Check {
	return func(context.Context) (string, error) { return "up to its checkpoint", ready() }
}
