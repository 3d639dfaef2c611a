package collect

import (
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/internal/service"
)

// Collect groups the collectors.
type Collect struct {
	File   fileCmd   `cmd:"" help:"Collect files of Cloud Foundry usage events and Trove notifications, in any form of JSON."`
	CF     cfCmd     `cmd:"" name:"cf" help:"Collect the usage events of Cloud Foundry foundations."`
	Trove  troveCmd  `cmd:"" help:"Collect Trove notifications from RabbitMQ, or pushed by HTTP."`
	Retire retireCmd `cmd:"" help:"Retire one of several collectors of a foundation, or a foundation that is gone: what ran ends."`
}

type fileCmd struct {
	shell.NATS
	service.Config
	Files      []string       `arg:"" name:"file" help:"Files, compressed too (gzip, zstd, bzip2); - is standard input."`
	Foundation string         `default:"${file_foundation}" help:"Name of the platform that the events come from; part of every subject and id."`
	Follow     bool           `help:"Keep reading what is appended to the files, through rotations, until stopped."`
	Order      string         `enum:"api,natural,created_at,given" default:"api" help:"${order_help}"`
	Horizon    *shell.Instant `placeholder:"TIME" help:"Up to when the files are complete (default: the newest time in them, at most a minute after the clock)."`
	Future     string         `enum:"quarantine,wait" default:"quarantine" help:"What becomes of events after the clock and --horizon: quarantine, or wait (with --follow)."`
}

// Run collects the files.
func (c *fileCmd) Run(e *shell.Env) error {
	open := c.Serve
	if !c.Follow {
		open = c.Once
	}
	process, b, err := open(e, "collector", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	cfg := file.Config{Foundation: c.Foundation, Files: c.Files, Order: c.Order, Follow: c.Follow, Future: c.Future}
	if c.Horizon != nil {
		cfg.Horizon = &c.Horizon.Time
	}
	WatchQuarantine(process, b, quarantine.AnySource(c.Foundation)...)
	deps := file.Deps{Store: file.OnBus(b), Log: process.Log, Stdin: e.Stdin}
	files, err := file.New(cfg, deps)
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name, help string
		value      func(file.Report) int
	}{
		{"inputs_total", "Events and notifications read.", func(r file.Report) int { return r.Inputs }},
		{"facts_stored_total", "Facts appended to USAGE.", func(r file.Report) int { return r.Stored }},
		{"facts_known_total", "Facts that USAGE had already.", func(r file.Report) int { return r.Known }},
		{
			"gaps_total", "Gaps published: times with events missing, perhaps.",
			func(r file.Report) int { return r.Gaps },
		},
		{
			"quarantined_total", "Inputs that could not be understood.",
			func(r file.Report) int { return r.Quarantined },
		},
	} {
		process.Metrics.CounterFunc(m.name, m.help, func() float64 { return float64(m.value(files.Report())) })
	}
	if err := process.Run(e.Ctx, service.Component{Name: "collector", Run: files.Run}); err != nil {
		return err
	}
	fmt.Fprintln(e.Stdout, collected(files.Report()))
	return nil
}

// collected is a file collector's report in one line.
func collected(r file.Report) string {
	ignored := 0
	for _, n := range r.Ignored {
		ignored += n
	}
	text := fmt.Sprintf("%d inputs: %d facts stored, %d known already, %d ignored, %d quarantined", r.Inputs, r.Stored,
		r.Known, ignored, r.Quarantined)
	if r.Quarantined > 0 {
		text += " (daybook quarantine list shows them)"
	}
	return text
}
