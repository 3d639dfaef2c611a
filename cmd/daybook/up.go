package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/projector"
)

type upCmd struct {
	service.Config
	projectorFlags
	Data       string   `env:"DAYBOOK_DATA" default:"daybook-data" placeholder:"DIR" help:"Data folder of the embedded server (default: ${default})."`
	Listen     string   `env:"DAYBOOK_LISTEN" default:"127.0.0.1:4222" placeholder:"ADDR" help:"Where the embedded server listens for NATS clients (default: ${default})."`
	User       string   `name:"nats-user" env:"NATS_USER" help:"User that clients must give; with --nats-password required beyond this machine."`
	Password   string   `name:"nats-password" env:"NATS_PASSWORD" help:"Password that clients must give."`
	Demo       bool     `help:"Bring a small catalogue and a month of events."`
	Once       bool     `help:"Exit when everything has been charged."`
	Catalogue  string   `placeholder:"FILE" help:"Publish this price catalogue first."`
	Collect    []string `sep:"none" placeholder:"FILE" help:"Collect this file; may be given several times."`
	Foundation string   `default:"file" help:"Foundation of the files."`
	Follow     bool     `help:"Keep reading what is appended to the files."`
	CF         string   `name:"cf" env:"CF_API_ADDRESS" placeholder:"URL" help:"Collect from the Cloud Foundry foundation with this API. With --demo the environment does not name it."`
	cfFlags
	Trove      troveFlags `embed:"" prefix:"trove-"`
	ServerOnly bool       `help:"Run the embedded NATS server and nothing else, to look at the streams or repair them with the nats CLI."`
}

// Validate checks the command line.
func (c *upCmd) Validate(line *kong.Context) error {
	if c.Demo {
		c.demoAlone(line)
	}
	switch {
	case c.Once && c.Follow:
		return errors.New("--once and --follow exclude each other: one ends when everything is charged, the other " +
			"never ends")
	case c.Follow && len(c.Collect) == 0:
		return errors.New("--follow has nothing to follow: name a file with --collect")
	case c.Once && c.Trove.collects():
		return errors.New("--once and Trove exclude each other, for its notifications have no end: leave out --once, " +
			"or --trove-amqp (AMQP_URL)")
	}
	return c.Trove.check(c.HTTP)
}

// demoAlone has the demo collect from a foundation only if the command line names it, and not the
// environment: the demo is the same wherever it is run.
func (c *upCmd) demoAlone(line *kong.Context) {
	named := map[string]bool{}
	for _, part := range line.Path {
		if part.Flag != nil {
			named[part.Flag.Name] = true
		}
	}
	if !named["cf"] {
		c.CF = ""
	}
	if !named["foundations"] {
		c.Foundations = ""
	}
	if !named["trove-amqp"] {
		c.Trove.URLs = nil
	}
	if !named["trove-push-token-file"] {
		c.Trove.PushToken, c.Trove.PushTokenFile = "", ""
	}
}

// Run runs everything in one process.
func (c *upCmd) Run(e *env) error {
	if c.Once && c.LogLevel == "info" {
		c.LogLevel = "warn" // the bill is what is wanted
	}
	process, err := service.New("up", c.Config, e.stderr)
	if err != nil {
		return err
	}
	if c.ServerOnly {
		return c.serve(e, process)
	}
	u, err := c.start(e, process)
	if err != nil {
		return err
	}
	defer u.close()
	components := append(u.services(), service.Component{Name: "collector", Run: u.collect})
	if u.live != nil && !c.Once {
		components = append(components, service.Component{Name: "cf", Run: u.live.Run})
	}
	if u.trove != nil {
		components = append(components, service.Component{Name: "trove", Run: u.trove.Run})
	}
	err = process.Run(e.ctx, components...)
	if errors.Is(err, stage.ErrDiverged) || errors.Is(err, stage.ErrInputChanged) {
		err = fmt.Errorf("%w.\n`daybook up --server-only --data %s` starts the NATS server alone, so that the nats "+
			"CLI can reach the streams", err, c.Data)
	}
	return err
}

// serve runs the embedded server alone.
func (c *upCmd) serve(e *env, process *service.Process) error {
	server, err := c.startServer(process.Log)
	if err != nil {
		return err
	}
	defer server.Shutdown()
	fmt.Fprintf(e.stdout, "The NATS server alone listens at %s; nothing collects, meters or prices. Ctrl-C stops it.\n",
		server.URL())
	return process.Run(e.ctx, service.Component{Name: "server", Run: func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}})
}

// startServer starts the embedded server.
func (c *upCmd) startServer(log *slog.Logger) (*bus.Server, error) {
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, err
	}
	server, err := bus.StartServer(bus.ServerConfig{
		DataDir: data, Listen: c.Listen, User: c.User, Password: c.Password,
		Log: log,
	})
	if err == nil {
		log.Info("NATS server is listening", slog.String("url", server.URL()), slog.String("data", data))
	}
	return server, err
}

// everything is what runs in the process.
type everything struct {
	cmd       *upCmd
	env       *env
	log       *slog.Logger
	server    *bus.Server
	bus       *bus.Bus
	projector *projector.Projector
	pricer    *pricer.Pricer
	poster    *ledger.Poster
	book      *memory.Ledger
	work      []job
	// foundations are collected by live for as long as the process runs; nil when there are none.
	foundations []cf.Foundation
	live        *cf.Collector
	trove       *trove.Collector   // nil: Trove is not collected
	lines       atomic.Int64       // collected from files
	stop        context.CancelFunc // of the services, once --once has its bill
}

// job is one input to collect.
type job struct {
	foundation string
	files      []string
	name       string // of stdin, for messages
	stdin      io.Reader
	horizon    *time.Time // nil: the newest time in the input
	follow     bool
}

// start brings up server, streams and catalogue, and builds the services.
func (c *upCmd) start(e *env, process *service.Process) (_ *everything, err error) {
	u := &everything{cmd: c, env: e, log: process.Log, book: memory.New()}
	defer func() {
		if err != nil {
			u.close()
		}
	}()
	yaml, err := c.prices()
	if err != nil {
		return nil, err
	}
	if u.server, err = c.startServer(process.Log); err != nil {
		return nil, err
	}
	u.bus, err = bus.Connect(e.ctx, bus.Config{
		URL: u.server.URL(), Name: "daybook up", User: c.User,
		Password: c.Password, Log: process.Log,
	})
	if err != nil {
		return nil, err
	}
	if err := u.bus.EnsureStreams(e.ctx, bus.StreamsConfig{}); err != nil {
		return nil, err
	}
	for _, text := range yaml {
		parsed, err := catalogue.Parse("catalogue", text)
		if err != nil {
			return nil, err
		}
		if _, err := acts.PublishCatalogue(e.ctx, u.bus, parsed.Digest(), text, time.Now()); err != nil {
			return nil, err
		}
	}
	process.Health.Ready("nats", busReady(u.bus))
	if c.collectsCF() {
		if u.foundations, err = c.foundations(c.CF, 0); err != nil {
			return nil, err
		}
	}
	projected, priced := stage.NewMetrics("projector"), stage.NewMetrics("pricer")
	process.Metrics.MustRegister(projected, priced)
	cfg := c.config()
	for _, f := range u.foundations {
		if !f.Epoch.IsZero() {
			cfg.Epoch[events.SourceCF+"/"+f.Name] = f.Epoch
		}
	}
	if u.projector, err = projector.New(cfg, projector.Deps{
		Bus: u.bus, Log: process.Log,
		Metrics: projected,
	}); err != nil {
		return nil, err
	}
	u.pricer = pricer.New(pricer.Config{}, pricer.Deps{Bus: u.bus, Log: process.Log, Metrics: priced})
	u.poster = ledger.NewPoster(u.bus, u.book, process.Log)
	if u.live, err = c.live(u, process); err != nil {
		return nil, err
	}
	if c.Trove.collects() {
		if u.trove, err = c.Trove.newCollector(process, u.bus); err != nil {
			return nil, err
		}
	}
	process.Health.Ready("projector", atWork(u.projector.Ready))
	process.Health.Ready("pricer", atWork(u.pricer.Ready))
	u.jobs()
	return u, nil
}

func (c *upCmd) collectsCF() bool { return c.CF != "" || c.Foundations != "" }

// live makes the collector of the foundations; nil when there are none.
func (c *upCmd) live(u *everything, process *service.Process) (*cf.Collector, error) {
	if len(u.foundations) == 0 {
		return nil, nil //nolint:nilnil // there may be none
	}
	return newCF(process, cf.OnBus(u.bus), u.foundations)
}

// prices reads the catalogues that are to be published.
func (c *upCmd) prices() ([][]byte, error) {
	var texts [][]byte
	if c.Demo {
		texts = append(texts, demo.Catalogue())
	}
	if c.Catalogue != "" {
		_, text, err := loadCatalogue(c.Catalogue)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// jobs lists what is to be collected.
func (u *everything) jobs() {
	if u.cmd.Demo {
		for _, f := range demo.Files() {
			u.work = append(u.work, job{
				foundation: f.Foundation, files: []string{"-"}, name: f.Name,
				stdin: bytes.NewReader(f.Data), horizon: f.Horizon,
			})
		}
	}
	if len(u.cmd.Collect) > 0 {
		u.work = append(u.work, job{
			foundation: u.cmd.Foundation, files: u.cmd.Collect, stdin: u.env.stdin,
			follow: u.cmd.Follow,
		})
	}
}

// services are the components that run until they are stopped.
func (u *everything) services() []service.Component {
	stopped, stop := context.WithCancel(context.Background())
	u.stop = stop
	until := func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(stopped, cancel)()
			return run(ctx)
		}
	}
	return []service.Component{
		{Name: "projector", Run: until(u.projector.Run)},
		{Name: "pricer", Run: until(u.pricer.Run)},
		{Name: "ledger", Run: until(u.poster.Run)},
	}
}

// collect works through the jobs, waits until everything has been charged, and shows the bill.
func (u *everything) collect(ctx context.Context) error {
	finish := print.Line(u.env.stderr, u.progress)
	defer finish()
	for _, j := range u.work {
		if j.follow {
			break // the last one: it comes after the bill, because it has no end
		}
		if err := u.run(ctx, j); err != nil {
			return u.interrupted(ctx, err)
		}
	}
	if u.live != nil && u.cmd.Once {
		if err := u.live.Poll(ctx); err != nil {
			return u.interrupted(ctx, err)
		}
	}
	if (u.live != nil || u.trove != nil) && !u.cmd.Once && len(u.work) == 0 {
		finish()
		u.hints()
		return nil // what is collected has no end: daybook bill shows the bill at any time
	}
	if err := u.charged(ctx); err != nil {
		return u.interrupted(ctx, err)
	}
	finish()
	bill, err := u.book.Bill(ctx, ledger.Query{})
	if err != nil {
		return err
	}
	refused, err := u.bus.Stream(ctx, events.StreamQuarantine)
	if err != nil {
		return err
	}
	if err := print.Bill(u.env.stdout, &bill, refused.Messages); err != nil {
		return err
	}
	if u.cmd.Once {
		u.stop()
		return nil
	}
	u.hints()
	if u.cmd.Follow {
		return u.run(ctx, u.work[len(u.work)-1])
	}
	return nil
}

// progress says how far the services have come while they catch up.
func (u *everything) progress() string {
	return fmt.Sprintf("%d lines collected, %d messages metered, %d priced, %d posted", u.lines.Load(),
		u.projector.Done(), u.pricer.Done(), u.poster.Positions().Billing)
}

// interrupted is the error of collect when it was stopped: a service may be stopped at any time,
// but --once has promised a bill.
func (u *everything) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case u.cmd.Once:
		return errors.New("stopped before everything was charged; what was stored stays: run the same command again " +
			"to go on")
	default:
		return nil
	}
}

func (u *everything) run(ctx context.Context, j job) error {
	files, err := file.New(file.Config{
		Foundation: j.foundation, Files: j.files, Follow: j.follow,
		Horizon: j.horizon, StdinName: j.name,
	},
		file.Deps{
			Store: file.OnBus(u.bus), Log: u.log, Stdin: j.stdin,
			Progress: func(r file.Report) { u.lines.Store(int64(r.Lines)) },
		})
	if err != nil {
		return err
	}
	return files.Run(ctx)
}

// charged waits until what is in USAGE now has been metered, priced and posted.
func (u *everything) charged(ctx context.Context) error {
	usage, err := u.bus.Stream(ctx, events.StreamUsage)
	if err != nil {
		return err
	}
	if err := u.projector.Wait(ctx, usage.Last); err != nil {
		return err
	}
	metered, err := u.bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return err
	}
	if err := u.pricer.Wait(ctx, metered.Last); err != nil {
		return err
	}
	billing, err := u.bus.Stream(ctx, events.StreamBilling)
	if err != nil {
		return err
	}
	return u.poster.Wait(ctx, ledger.Positions{Metered: metered.Last, Billing: billing.Last})
}

// hints says what to try next. Both daybook and nats look for the server in NATS_URL, and for want
// of it where up listens when it is not told otherwise.
func (u *everything) hints() {
	export := ""
	if url := u.server.URL(); url != "nats://127.0.0.1:4222" {
		export = "  export NATS_URL=" + url + "\n\n"
	}
	fmt.Fprintf(u.env.stdout, `
Daybook is running; Ctrl-C stops it. In another terminal (nats is the NATS CLI):

%s  daybook bill                 the bill
  daybook status               how far collecting has come
  nats stream ls               the streams
  nats stream view USAGE       what the platforms reported
  nats stream view METERED     what ran
  nats stream view BILLING     what it costs
  nats sub 'billing.charge.>'  charges as they are posted
  daybook collect file FILE    collect more
`, export)
}

func (u *everything) close() {
	if u.live != nil {
		u.live.Close()
	}
	if u.bus != nil {
		u.bus.Close()
	}
	if u.server != nil {
		u.server.Shutdown()
	}
}
