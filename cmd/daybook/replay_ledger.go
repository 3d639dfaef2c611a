package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// refill fills the ledger in Postgres anew.
func (c *replayCmd) refill(e *shell.Env, b *bus.Bus) error {
	if c.DatabaseURL == "" || c.DryRun {
		return &shell.UsageError{
			Message: "daybook replay ledger needs --database-url or DATABASE_URL, and knows no --dry-run",
		}
	}
	log, err := service.NewLogger(e.Stderr, "text", "warn")
	if err != nil {
		return err
	}
	all, err := postgres.New(postgres.Config{URL: c.DatabaseURL}, log)
	if err != nil {
		return err
	}
	defer all.Close()
	start := shell.Now()
	var at ledger.Positions
	err = all.Rebuild(e.Ctx, b, func(ctx context.Context, to *postgres.Ledger) error {
		metered, err := b.Stream(ctx, events.StreamMetered)
		if err != nil {
			return err
		}
		billing, err := b.Stream(ctx, events.StreamBilling)
		if err != nil {
			return err
		}
		usage, err := b.Stream(ctx, events.StreamUsage)
		if err != nil {
			return err
		}
		at = ledger.Positions{Metered: metered.Last, Billing: billing.Last}
		if err := fillTo(ctx, e, ledger.NewPoster(b, to, log), at); err != nil {
			return err
		}
		to.Archive(ctx, b, usage.Last)
		return ctx.Err()
	})
	if err == nil {
		_, err = fmt.Fprintf(e.Stdout, "The ledger is filled anew, from %d messages of METERED and %d of BILLING in "+
			"%s, and is in use.\n", at.Metered, at.Billing, shell.Now().Sub(start).Round(time.Second))
	}
	return err
}

// showEvery is the time between two states of the progress.
const showEvery = 200 * time.Millisecond

// fillTo posts up to positions, and shows the progress.
func fillTo(ctx context.Context, e *shell.Env, p *ledger.Poster, at ledger.Positions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	reached := make(chan error, 1)
	go func() { reached <- p.Wait(ctx, at) }()
	progress := print.NewBar(ctx, e.Stderr, "ledger")
	defer progress.Finish()
	ticks := time.NewTicker(showEvery)
	defer ticks.Stop()
	for {
		select {
		case err := <-done:
			return errors.Join(err, ctx.Err())
		case err := <-reached:
			stop()
			return errors.Join(err, <-done)
		case <-ticks.C:
			now := p.Positions()
			progress.Set(now.Metered+now.Billing, at.Metered+at.Billing)
		}
	}
}
