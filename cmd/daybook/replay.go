package main

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
)

type replayCmd struct {
	shell.NATS
	projectorFlags
	shell.Person
	databaseFlags
	Stage  string `arg:"" optional:"" enum:"all,projector,pricer,ledger" default:"all" help:"projector (METERED from USAGE), pricer (BILLING from METERED), or all, in this order; ledger (Postgres from METERED and BILLING)."`
	DryRun bool   `help:"Publish nothing; only print the difference."`
	Format string `enum:"text,json" default:"text" help:"Output: ${enum}; json is one object a line."`
}

// Help is shown with --help.
func (replayCmd) Help() string {
	return "After a change of version or settings a service does not go on from another's outputs. A replay derives " +
		"everything again and publishes only the difference: spans retracted and closed in METERED, reversals and " +
		"charges in BILLING. Then the services go on; running services stop, and are to be started again with the " +
		"same settings. A replay that publishes anything begins with an act in USAGE, which names the person. An " +
		"interrupted one is finished by the service when it starts with the same settings, or by running it again. A " +
		"second replay publishes nothing." + `

A stream that was emptied (nats stream purge METERED) is derived anew.

daybook replay ledger fills the ledger in Postgres (--database-url) anew from the streams, beside the one in use,
which is read and posted to meanwhile; at the end it takes its place, with the rights that were given.`
}

// Run replays.
func (c *replayCmd) Run(e *shell.Env) error {
	shell.CollectGarbage(shell.MuchGarbage)
	b, err := c.Connect(e.Ctx, "replay", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	if c.Stage == "ledger" {
		return c.refill(e, b)
	}
	changed := false
	if c.Stage != "pricer" {
		metering, err := projecting(c.config())
		if err != nil {
			return err
		}
		changed, err = c.replay(e, b, metering,
			func(stage.Processor) stage.Comparer { return projector.NewComparer() })
		if err != nil {
			return err
		}
	}
	if c.Stage != "projector" {
		also, err := c.replay(e, b, pricing(), pricer.NewComparer)
		if err != nil {
			return err
		}
		changed = changed || also
	}
	if changed && !c.DryRun && c.Format == "text" {
		fmt.Fprintln(e.Stdout, "Start the services, or start those that stopped again, with the same settings: the "+
			"pricer prices what was published in METERED.")
	}
	return nil
}

// replay replays one stage and prints the result.
func (c *replayCmd) replay(e *shell.Env, b *bus.Bus, d derivation,
	comparer func(stage.Processor) stage.Comparer,
) (changed bool, err error) {
	log, err := service.NewLogger(e.Stderr, "text", "warn")
	if err != nil {
		return false, err
	}
	start := shell.Now()
	progress := print.NewBar(e.Ctx, e.Stderr, d.cfg.Output)
	r, err := stage.Replay(e.Ctx, d.cfg, b, d.newProcessor, comparer, stage.ReplayOptions{
		DryRun: c.DryRun, Progress: progress.Set, Log: log,
		Begin: func(ctx context.Context, act *events.Act) error {
			_, err := acts.BeginReplay(ctx, b, act)
			return err
		},
		By: c.By, Note: c.Note, At: start,
	})
	progress.Finish()
	if err != nil {
		return false, fmt.Errorf("%s: %w", d.cfg.Output, err)
	}
	if c.Format == "json" {
		return r.Changed, print.ReplayedJSON(e.Stdout, d.cfg.Name, &r, c.DryRun, time.Since(start))
	}
	things := "spans retracted and %d closed"
	if d.cfg.Name == pricing().cfg.Name {
		things = "charges reversed and %d posted"
	}
	return r.Changed, print.Replayed(e.Stdout, &r, c.DryRun, things)
}
