package service

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Config is the settings of every service on the command line. The tags are for the command line's
// parser; its variable drain is DefaultDrain.
type Config struct {
	// HTTP is where /healthz, /readyz and /metrics are served, host:port. Port 0 takes a free one;
	// empty turns it off.
	HTTP string `name:"http" env:"DAYBOOK_HTTP" placeholder:"ADDR" help:"Serve /healthz, /readyz and /metrics on this host:port (off unless given)."`
	// LogFormat is text or json.
	LogFormat string `name:"log-format" env:"DAYBOOK_LOG_FORMAT" enum:"text,json" default:"text" help:"Format of the log: ${enum}."`
	// LogLevel is the least level written.
	LogLevel string `name:"log-level" env:"DAYBOOK_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least level of the log: ${enum}."`
	// Drain is how long the process may take to stop after the first signal; 0 is DefaultDrain.
	Drain time.Duration `name:"drain" env:"DAYBOOK_DRAIN" default:"${drain}" help:"Time to finish in after the first SIGTERM or SIGINT."`
}

// Process is one process: its logger, checks, metrics, and the way to run it.
type Process struct {
	Log     *slog.Logger
	Health  *Health
	Metrics *Metrics

	cfg    Config
	routes []Route
}

// New prepares a process called name ("collector") with its log on w. It starts nothing.
func New(name string, cfg Config, w io.Writer) (*Process, error) {
	log, err := NewLogger(w, cfg.LogFormat, cfg.LogLevel)
	if err != nil {
		return nil, err
	}
	return &Process{
		Log: log.With(slog.String("service", name)), Health: &Health{}, Metrics: NewMetrics(name),
		cfg: cfg,
	}, nil
}

// Handle adds a handler of the process's own to its HTTP server, before Run. Without an address
// (Config.HTTP) nobody can reach it: the caller refuses that.
func (p *Process) Handle(pattern string, handler http.Handler) {
	p.routes = append(p.routes, Route{pattern, handler})
}

// Run runs the components as the function Run does, and serves health and metrics beside them. The
// address is taken before the first of them starts.
func (p *Process) Run(ctx context.Context, components ...Component) error {
	return p.run(ctx, Options{Log: p.Log, Drain: p.cfg.Drain}, components)
}

func (p *Process) run(ctx context.Context, options Options, components []Component) error {
	state := NewSwitch("starting")
	p.Health.Ready("process", state.Check)
	all := append([]Component(nil), components...)
	if p.cfg.HTTP != "" {
		server, err := Listen(ctx, p.cfg.HTTP, p.Health, p.Metrics, p.Log, p.routes...)
		if err != nil {
			return err
		}
		all = append(all, Component{Name: "http", Run: server.Run, Background: true})
	}
	options.Stopping = func() { state.Off("stopping") } // nothing is routed to a draining process
	state.On("running")
	return Run(ctx, options, all...)
}
