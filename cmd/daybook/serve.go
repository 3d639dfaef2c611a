package main

import (
	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
)

type serveCmd struct {
	shell.NATS
	authFlags
	service.Config
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

// Run serves the API, with a ledger in memory.
func (c *serveCmd) Run(e *shell.Env) error {
	cfg := api.Config{Address: c.API, ClosedPrices: !c.PublicPrices}
	var err error
	if cfg.Auth, err = c.settings(); err != nil {
		return err
	}
	process, b, err := c.Serve(e, "api", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	books := memory.New()
	poster := ledger.NewPoster(b, books, process.Log)
	server, err := api.New(cfg, api.Deps{
		Reader: memory.NewReader(books, b), Bus: b, Queries: b, Log: process.Log, Version: version(e.Ctx),
	})
	if err != nil {
		return err
	}
	return process.Run(e.Ctx, service.Component{Name: "ledger", Run: poster.Run},
		service.Component{Name: "api", Run: server.Run}, service.Component{Name: "queries", Run: server.RunQueries})
}
