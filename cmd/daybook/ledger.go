package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// databaseFlags choose where the ledger is.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Keep the ledger in this Postgres database: postgres://user@host/name. Without it, it is in memory."`
}

// books is the ledger of a process, with its poster.
type books struct {
	ledger  ledger.Ledger
	reader  ledger.Reader
	poster  *ledger.Poster
	archive func(ctx context.Context)                       // nil: in memory
	names   func(ctx context.Context, noted func())         // nil: in memory
	keep    func(ctx context.Context, usage uint64) error   // nil: in memory
	migrate func(ctx context.Context) error                 // nil: in memory
	stored  func(ctx context.Context) (ledger.State, error) // nil: in memory
	filling prometheus.Collector                            // nil: in memory
	close   func()
	process *service.Process
}

// open makes the ledger of a process.
func (f *databaseFlags) open(process *service.Process, b *bus.Bus) (*books, error) {
	k := &books{process: process, close: func() {}}
	if f.DatabaseURL == "" {
		all := memory.New()
		k.ledger, k.reader = all, memory.NewReader(all, b)
	} else {
		all, err := postgres.New(postgres.Config{URL: f.DatabaseURL}, process.Log)
		if err != nil {
			return nil, err
		}
		k.ledger, k.reader, k.migrate, k.close = all, all, all.Migrate, all.Close
		k.stored = func(ctx context.Context) (ledger.State, error) { return all.State(ctx, b) }
		k.filling = all
		k.archive = func(ctx context.Context) { all.Archive(ctx, b, 0) }
		k.keep = func(ctx context.Context, usage uint64) error {
			all.Archive(ctx, b, usage)
			return errors.Join(ctx.Err(), all.TakeNames(ctx, b))
		}
		k.names = func(ctx context.Context, noted func()) { all.KeepNames(ctx, b, noted) }
	}
	k.poster = ledger.NewPoster(b, k.ledger, process.Log)
	return k, nil
}

// state is the state of the ledger: of one in Postgres as all its posters leave it.
func (k *books) state(ctx context.Context) (ledger.State, error) {
	if k.stored == nil {
		return k.poster.State(ctx)
	}
	return k.stored(ctx)
}

// run posts until ctx is done. It waits for the database.
func (k *books) run(ctx context.Context) error {
	if k.migrate != nil {
		err := k.process.Retry(ctx, "database", postgres.Away, k.migrate)
		if ctx.Err() != nil {
			return nil // it was told to stop
		}
		if err != nil {
			return err
		}
		var beside sync.WaitGroup
		defer beside.Wait()
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		noted := make(chan struct{})
		beside.Go(func() { k.names(ctx, func() { close(noted) }) })
		select {
		case <-ctx.Done():
			return nil
		case <-noted: // names that are erased are posted no more
		}
		beside.Go(func() { k.archive(ctx) })
	}
	return k.poster.Run(ctx)
}

// wait waits until the ledger is posted up to a position, and has kept of USAGE, up to a message,
// all that a database keeps.
func (k *books) wait(ctx context.Context, usage uint64, at ledger.Positions) error {
	if err := k.poster.Wait(ctx, at); err != nil || k.keep == nil {
		return err
	}
	return k.keep(ctx, usage)
}

// component is the poster as a part of a process, with its check and its metrics.
func (k *books) component(run func(ctx context.Context) error) service.Component {
	k.process.Health.Ready("ledger", k.poster.Check)
	k.process.Metrics.MustRegister(k.poster)
	if k.filling != nil {
		k.process.Metrics.MustRegister(k.filling)
	}
	return service.Component{Name: "ledger", Run: run}
}

type ledgerCmd struct {
	shell.NATS
	service.Config
	databaseFlags
}

// Validate checks the command line.
func (c *ledgerCmd) Validate() error {
	if c.DatabaseURL == "" {
		return errors.New("a ledger in memory serves nobody else: name a Postgres database with --database-url or " +
			"DATABASE_URL")
	}
	return nil
}

// Run posts METERED and BILLING to the database.
func (c *ledgerCmd) Run(e *shell.Env) error {
	process, b, err := c.Serve(e, "ledger", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	all, err := c.open(process, b)
	if err != nil {
		return err
	}
	defer all.close()
	process.Log.Info("posting to Postgres", slog.String("schema", postgres.Schema))
	return process.Run(e.Ctx, all.component(all.run))
}
