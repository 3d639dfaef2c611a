package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/internal/stage"
)

type upCmd struct {
	Demo bool `help:"Bring a small catalogue and three months of events."`
	Once bool `help:"Exit when everything has been charged: with status 3 when something is unrated, held or quarantined."`
	shell.Allowance
	Catalogue  string   `placeholder:"FILE" help:"Put this price catalogue in force first."`
	Collect    []string `sep:"none" placeholder:"FILE" help:"Collect this file; may be given several times."`
	Follow     bool     `help:"Keep reading what is appended to the files."`
	Foundation string   `default:"${file_foundation}" help:"Foundation of the files."`
	Order      string   `enum:"api,natural,created_at,given" default:"api" help:"${order_help}"`
	CF         string   `name:"cf" env:"CF_API_ADDRESS" placeholder:"URL" help:"Collect from the Cloud Foundry foundation with this API. With --demo the environment does not name it."`
	Data       string   `env:"DAYBOOK_DATA" default:"daybook-data" placeholder:"DIR" help:"Data folder of the embedded server (default: ${default})."`
	Listen     string   `env:"DAYBOOK_LISTEN" default:"${listen}" placeholder:"ADDR" help:"Where the embedded server listens for NATS clients (default: ${default})."`
	API        *string  `name:"api" env:"DAYBOOK_API" placeholder:"ADDR" help:"Serve the API on this host:port; empty: nowhere (default: ${api}, but for --once)."`
	ServerOnly bool     `help:"Run the embedded NATS server and nothing else, to look at the streams or repair them with the nats CLI."`

	authFlags
	shell.Room `group:"server"`

	User     string `name:"nats-user" env:"NATS_USER" group:"server" help:"User that clients must give; with --nats-password required beyond this machine."`
	Password string `name:"nats-password" env:"NATS_PASSWORD" group:"server" help:"Password that clients must give."`

	collect.CFFlags `group:"cf"`
	reconcileFlags  `group:"reconcile"`
	Trove           collect.TroveFlags `embed:"" prefix:"trove-" group:"trove"`
	projectorFlags  `group:"metering"`
	databaseFlags   `group:"server"`
	service.Config  `group:"process"`
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
	case c.Once && c.Trove.Collects():
		return errors.New("--once and Trove exclude each other, for its notifications have no end: leave out --once, " +
			"or --trove-amqp (AMQP_URL)")
	}
	return c.Trove.Check(c.HTTP)
}

// demoAlone ignores sources named by the environment alone: the demo is the same wherever it is
// run.
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
	if !named["database-url"] {
		c.DatabaseURL = ""
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
func (c *upCmd) Run(e *shell.Env) error {
	shell.CollectGarbage(shell.LittleGarbage)
	if c.Once && c.LogLevel == "info" {
		c.LogLevel = "warn" // the user wants the bill
	}
	process, err := service.New("up", c.Config, e.Stderr)
	if err != nil {
		return err
	}
	if c.ServerOnly {
		return c.serve(e, process)
	}
	all, err := startSystem(e, c, process)
	if err != nil {
		return err
	}
	defer all.close()
	err = process.Run(e.Ctx, append(all.services(), all.collectors()...)...)
	if err == nil && c.Once {
		return c.Incomplete(all.incomplete)
	}
	if errors.Is(err, stage.ErrDiverged) || errors.Is(err, stage.ErrInputChanged) {
		err = fmt.Errorf("%w.\n`daybook up --server-only --data %s` starts the NATS server alone, so that the nats "+
			"CLI can reach the streams", err, c.Data)
	}
	return err
}

// serve runs the embedded server alone.
func (c *upCmd) serve(e *shell.Env, process *service.Process) error {
	server, err := c.startServer(process.Log)
	if err != nil {
		return err
	}
	defer server.Shutdown()
	fmt.Fprintf(e.Stdout, "The NATS server alone listens at %s; nothing collects, meters or prices. Ctrl-C stops it.\n",
		server.URL())
	return process.Run(e.Ctx, service.Component{Name: "server", Run: func(ctx context.Context) error {
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

func (c *upCmd) collectsCF() bool { return c.CF != "" || c.Foundations != "" }

// prices reads the catalogue to publish, nil for none.
func (c *upCmd) prices() (text []byte, err error) {
	switch {
	case c.Catalogue != "":
		_, text, err = shell.LoadCatalogue(c.Catalogue)
	case c.Demo:
		text = demo.Catalogue()
	}
	return text, err
}

// jobs lists the inputs to collect, a followed one last.
func (c *upCmd) jobs(stdin io.Reader) (jobs []job) {
	if c.Demo {
		for _, f := range demo.Files() {
			jobs = append(jobs, job{
				foundation: f.Foundation, files: []string{"-"}, name: f.Name, stdin: bytes.NewReader(f.Data),
				horizon: f.Horizon,
			})
		}
	}
	if len(c.Collect) > 0 {
		jobs = append(jobs, job{foundation: c.Foundation, files: c.Collect, stdin: stdin, follow: c.Follow})
	}
	return jobs
}

// nameTenants takes the names of the demo into the directory: it has no platform to ask.
func (c *upCmd) nameTenants(ctx context.Context, b names.Bus) error {
	if !c.Demo {
		return nil
	}
	for _, t := range demo.Tenants() {
		if _, err := names.Record(ctx, b, t.Source, t.Foundation, t.Names(), false); err != nil {
			return err
		}
	}
	return nil
}
