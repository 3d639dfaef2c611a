package main

import (
	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/service"
)

type serveCmd struct {
	shell.NATS
	authFlags
	shell.SigningKey
	service.Config
	databaseFlags
	API string `name:"api" env:"DAYBOOK_API" default:"${api}" placeholder:"ADDR" help:"Serve the API on this host:port (default: ${default})."`
}

// authFlags are the settings of who may ask.
type authFlags struct {
	PublicPrices bool   `env:"DAYBOOK_PUBLIC_PRICES" default:"true" negatable:"" help:"Give the price lists of paas-billing's endpoints to whoever asks; with --no-public-prices a token is asked for."`
	Auth         string `env:"DAYBOOK_AUTH" placeholder:"FILE" help:"Settings of who may see what (docs/api-auth.md); without them the API is for this machine alone."`
}

func (f *authFlags) settings() (auth.Config, error) {
	if f.Auth == "" {
		return auth.Config{}, nil
	}
	return auth.Load(f.Auth)
}

// Run serves the API, with a ledger in memory, or with one in Postgres for daybook ledger to post
// to.
func (c *serveCmd) Run(e *shell.Env) error {
	cfg := api.Config{Address: c.API, ClosedPrices: !c.PublicPrices}
	var err error
	if cfg.Auth, err = c.settings(); err != nil {
		return err
	}
	key, err := c.Load()
	if err != nil {
		return err
	}
	process, b, err := c.Serve(e, "api", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	all, err := c.open(process, b)
	if err != nil {
		return err
	}
	defer all.close()
	server, err := api.New(cfg, api.Deps{
		Reader: all.reader, Bus: b, Queries: b, Log: process.Log, Version: version(e.Ctx),
		SigningKey: key, State: all.state, Resubmit: collect.Resubmitter(b),
		Verify: verifying(b),
	})
	if err != nil {
		return err
	}
	process.Health.Ready("api", server.Ready)
	process.Metrics.MustRegister(server.Metrics())
	components := []service.Component{
		{Name: "api", Run: server.Run},
		{Name: "queries", Run: server.RunQueries},
		{Name: "verifications", Run: server.RunVerifications},
	}
	if c.DatabaseURL == "" { // else daybook ledger posts
		components = append(components, all.component(all.run))
	}
	return process.Run(e.Ctx, components...)
}
