// Command daybook meters and bills Cloud Foundry platforms and OpenStack Trove databases on NATS
// JetStream.
//
// One binary holds every service and tool; `daybook --help` lists them, and cli below is the table.
// Data goes to standard output, everything else to standard error. The exit status is 0, 1 for an
// error, 2 for a wrong command line, and those of shell/exit.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/cmd/daybook/billing"
	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/cmd/daybook/explain"
	"github.com/daybook-billing/daybook/cmd/daybook/metering"
	"github.com/daybook-billing/daybook/cmd/daybook/months"
	"github.com/daybook-billing/daybook/cmd/daybook/naming"
	"github.com/daybook-billing/daybook/cmd/daybook/offline"
	"github.com/daybook-billing/daybook/cmd/daybook/reconciling"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
)

// cli is the table of subcommands, in the order of the data path.
type cli struct {
	Up         upCmd                 `cmd:"" help:"Run everything in one process, with an embedded NATS server."`
	Collect    collect.Collect       `cmd:"" help:"Collect usage events into USAGE."`
	Status     collect.Status        `cmd:"" help:"Show the state of the collectors: cursors, horizons, gaps, errors."`
	Quarantine collect.Quarantine    `cmd:"" help:"Show input that could not be understood; resubmit or discard it."`
	Project    projectCmd            `cmd:"" help:"Run the projector: facts (USAGE) become spans of usage (METERED)."`
	Price      priceCmd              `cmd:"" help:"Run the pricer: spans of usage (METERED) become charges (BILLING)."`
	Serve      serveCmd              `cmd:"" help:"Serve the API: charges, totals, statements and more, as JSON over HTTP."`
	Ledger     ledgerCmd             `cmd:"" help:"Post METERED and BILLING to a ledger in Postgres, for SQL and the API."`
	Running    metering.Running      `cmd:"" help:"List running resources."`
	Anomalies  metering.Anomalies    `cmd:"" help:"List facts in conflict with others, with what to do about them."`
	Unrated    billing.Unrated       `cmd:"" help:"List usage without a price."`
	Holds      metering.Holds        `cmd:"" help:"List usage that is held and not billed, and decide about it."`
	Bill       billing.Bill          `cmd:"" help:"Print the bill by month and tenant."`
	Forecast   billing.Forecast      `cmd:"" help:"Print what a month comes to, if all that runs goes on."`
	Export     billing.Export        `cmd:"" help:"Write the charges, totals, statements or corrections of a month as CSV or lines of JSON."`
	Statement  billing.Statement     `cmd:"" help:"Print a tenant's statements of a closed month, or a preview; export one as a bundle; verify a bundle."`
	Keys       billing.Keys          `cmd:"" help:"Make and show the key that signs bundles."`
	Token      tokenCmd              `cmd:"" help:"Make static tokens of the API."`
	Names      naming.Names          `cmd:"" help:"List the names of tenants and spaces; erase those of a tenant."`
	Trace      explain.Trace         `cmd:"" help:"Tell what became of an event: its spans, charges, holds, or why it has no effect."`
	Explain    explain.Explain       `cmd:"" help:"Explain charges down to the platform's events, and compute them again."`
	Verify     verifyCmd             `cmd:"" help:"Derive METERED and BILLING again, and compare them with the stored streams."`
	Replay     replayCmd             `cmd:"" help:"Derive METERED and BILLING again with this version and these settings; publish the difference."`
	Reconcile  reconciling.Reconcile `cmd:"" help:"Compare what is billed with what is there; plan, enact and revert what the record lacks."`
	Month      months.Month          `cmd:"" help:"List the months of foundations; close them and open them again."`
	Catalogue  billing.Catalogue     `cmd:"" help:"Check, publish, compare, explain and import price catalogues."`
	WhatIf     billing.WhatIf        `cmd:"" name:"what-if" help:"Show what another catalogue would change in the bills of the open months; nothing is published."`
	Rate       offline.Rate          `cmd:"" help:"Meter and price files of usage events, offline; nothing is stored."`
	Simulate   offline.Simulate      `cmd:"" help:"Write believable usage events, with the true bill that belongs to them."`
	Version    versionCmd            `cmd:"" help:"Print the version."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main for one command line; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runIn(context.Background(), args, stdin, stdout, stderr)
}

// runIn is run until a context ends.
func runIn(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var commands cli
	exit := -1
	parser, err := kong.New(&commands, kong.Name("daybook"), defaults(), kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Description("Daybook meters and bills Cloud Foundry platforms and Trove databases, exactly, from events "+
			"on NATS JetStream."),
		kong.ExplicitGroups([]kong.Group{
			{Key: "server", Title: "The embedded server:"},
			{Key: "cf", Title: "Collecting from Cloud Foundry:"},
			{Key: "trove", Title: "Collecting from Trove:"},
			{Key: "metering", Title: "Metering:"},
			{Key: "reconcile", Title: "Reconciling:"},
			{Key: "process", Title: "The process:"},
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Exit(func(status int) { exit = status }))
	if err != nil {
		panic(err) // the table above is wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "daybook: %v (daybook --help lists the commands)\n", err)
		return 2
	}
	err = command.Run(&shell.Env{Ctx: ctx, Stdin: stdin, Stdout: stdout, Stderr: stderr})
	if err == nil || errors.Is(err, service.ErrStopped) { // a service, while it waited for NATS
		return 0
	}
	var status shell.ExitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintf(stderr, "daybook: %v\n", err)
	if usage := (&shell.UsageError{}); errors.As(err, &usage) {
		return 2
	}
	if errors.Is(err, bus.ErrDenied) {
		fmt.Fprintln(stderr, "daybook: another user may: deploy/README.md has the user of each command; name it "+
			"with NATS_USER and NATS_PASSWORD")
	}
	if bus.RoomOver(err) {
		return int(shell.ErrWaited)
	}
	return 1
}
