package main

import (
	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
)

type serveCmd struct {
	shell.NATS
	service.Config
	API string `name:"api" env:"DAYBOOK_API" default:"${api}" placeholder:"ADDR" help:"Serve the API on this host:port (default: ${default})."`
}

// Run serves the API, with a ledger in memory.
func (c *serveCmd) Run(e *shell.Env) error {
	process, b, err := c.Serve(e, "api", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	books := memory.New()
	poster := ledger.NewPoster(b, books, process.Log)
	server, err := api.New(api.Config{Address: c.API}, api.Deps{
		Reader: memory.NewReader(books, b), Bus: b, Log: process.Log, Version: version(e.Ctx),
	})
	if err != nil {
		return err
	}
	return process.Run(e.Ctx, service.Component{Name: "ledger", Run: poster.Run},
		service.Component{Name: "api", Run: server.Run})
}
