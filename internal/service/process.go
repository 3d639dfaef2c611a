package service

import (
	"context"
	"io"
	"log/slog"
	"net"
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
	beside []Component
	state  *Switch // of the process, for readiness
	http   *serving
}

// serving is the HTTP server at work.
type serving struct {
	server *Server
	cancel context.CancelFunc
	ended  chan error // has its error when it has ended
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

// Beside adds a component to those of Run, in the background.
func (p *Process) Beside(name string, run func(ctx context.Context) error) {
	p.beside = append(p.beside, Component{Name: name, Run: run, Background: true})
}

// Run runs the components as the function Run does, and serves health and metrics beside them. The
// address is taken before the first of them starts, or by Await.
func (p *Process) Run(ctx context.Context, components ...Component) error {
	return p.run(ctx, Options{Log: p.Log, Drain: p.cfg.Drain}, components)
}

func (p *Process) run(ctx context.Context, options Options, components []Component) error {
	if err := p.listen(ctx); err != nil {
		return err
	}
	all := append(append([]Component(nil), components...), p.beside...)
	if p.http != nil {
		p.addRoutes()
		all = append(all, Component{Name: "http", Run: p.http.run, Background: true})
	}
	options.Stopping = func() { p.state.Off("stopping") } // nothing is routed to a draining process
	p.state.On("running")
	return Run(ctx, options, all...)
}

// listen takes the address and serves health and metrics, unless that is done already.
func (p *Process) listen(ctx context.Context) error {
	if p.state == nil {
		p.state = NewSwitch("starting")
		p.Health.Ready("process", p.state.Check)
	}
	if p.cfg.HTTP == "" || p.http != nil {
		return nil
	}
	server, err := Listen(ctx, p.cfg.HTTP, p.Health, p.Metrics, p.Log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.http = &serving{server, cancel, make(chan error, 1)}
	p.addRoutes() // before the first answer
	go func() { p.http.ended <- server.Run(ctx) }()
	return nil
}

// Address is where a running process serves health and metrics; nil where it does not.
func (p *Process) Address() net.Addr {
	if p.http == nil {
		return nil
	}
	return p.http.server.listener.Addr()
}

// addRoutes adds the handlers that have not been added yet.
func (p *Process) addRoutes() {
	p.http.server.add(p.routes)
	p.routes = nil
}

// close ends the HTTP server.
func (p *Process) close() {
	if p.http != nil {
		p.http.cancel()
		<-p.http.ended //nolint:errcheck // the process ends with an error of its own
		p.http = nil
	}
}

// run waits for the end of the server, which ends with ctx.
func (s *serving) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.cancel)()
	return <-s.ended
}
