package offline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/service"
)

// Simulate groups the simulators.
type Simulate struct {
	File simulateFileCmd `cmd:"" help:"Write a file of usage events of a made-up platform, the same for the same seed."`
	CF   simulateCFCmd   `cmd:"" name:"cf" help:"Run a made-up Cloud Foundry foundation, with an API to collect from and faults on demand."`
}

type simulateFileCmd struct {
	Seed      uint64 `default:"1" help:"Seed of the world."`
	Events    int    `default:"10000" help:"About how many events."`
	Apps      int    `default:"100" help:"How many apps there are at a time."`
	Drain     bool   `help:"Delete everything at the end, so that nothing runs on."`
	Catalogue string `placeholder:"FILE" help:"Write the price catalogue of the true bill."`
	Bill      string `placeholder:"FILE" help:"Write the true bill, computed from the world and not from its events: tenant, kind, amount."`
}

// Validate checks the command line.
func (c *simulateFileCmd) Validate() error {
	if c.Events < 0 || c.Apps < 0 {
		return errors.New("--events and --apps are counts: 0 or more")
	}
	return nil
}

// Run writes the events to standard output.
func (c *simulateFileCmd) Run(e *shell.Env) error {
	world, err := sim.NewWorld(sim.Config{
		Seed: c.Seed, Events: c.Events, Apps: c.Apps, Drain: c.Drain,
		DropTruth: true,
	})
	if err != nil {
		return err
	}
	if c.Catalogue != "" {
		if err := os.WriteFile(c.Catalogue, []byte(sim.Catalogue()), 0o600); err != nil {
			return fmt.Errorf("writing the catalogue: %w", err)
		}
	}
	var bill *os.File // made first: the events may take long
	if c.Bill != "" {
		if bill, err = os.Create(c.Bill); err != nil {
			return fmt.Errorf("writing the true bill: %w", err)
		}
	}
	out := bufio.NewWriterSize(e.Stdout, 1<<20)
	for event := range world.Events {
		out.Write(event.JSON) //nolint:errcheck // Flush returns the first error
		out.WriteByte('\n')   //nolint:errcheck // as above
	}
	if err := out.Flush(); err != nil || bill == nil {
		return err
	}
	if err := errors.Join(writeBill(bill, world.TrueBill()), bill.Close()); err != nil {
		return fmt.Errorf("writing the true bill: %w", err)
	}
	return nil
}

// writeBill writes a line for each tenant and kind.
func writeBill(w io.Writer, bill sim.Bill) error {
	out := bufio.NewWriter(w)
	for _, tenant := range slices.Sorted(maps.Keys(bill)) {
		for _, kind := range slices.Sorted(maps.Keys(bill[tenant])) {
			fmt.Fprintf(out, "%s %s %s\n", tenant, kind, bill[tenant][kind].FloatString(12))
		}
	}
	return out.Flush()
}

// simulateStretch is the time over which --events are spread.
const simulateStretch = 30 * 24 * time.Hour

type simulateCFCmd struct {
	Listen   string          `default:"127.0.0.1:8181" placeholder:"ADDR" help:"Where the API listens, host:port (default: ${default})."`
	URL      string          `name:"url" placeholder:"URL" help:"Address of the API as its links show it (default: where it listens)."`
	Seed     uint64          `default:"1" help:"Seed of the world and of its faults."`
	Start    time.Time       `placeholder:"TIME" help:"Time at which the world begins, such as 2026-10-01T00:00:00Z (default: --advance ago)."`
	Advance  cc.Duration     `default:"30d" help:"How much history there is when the API begins to listen."`
	Orgs     int             `default:"5" help:"Organizations."`
	Spaces   int             `default:"10" help:"Spaces."`
	Apps     int             `default:"40" help:"How many apps there are at a time."`
	Services int             `default:"15" help:"How many service instances there are at a time."`
	Events   int             `default:"6000" help:"About how many usage events there are in 30 days."`
	Clocks   []time.Duration `placeholder:"SKEW" help:"Skews of the API servers' clocks, such as --clocks=0s,2s,-3s (default: one that is right)."`

	cc.Knobs `embed:""`
}

// Validate checks the command line.
func (c *simulateCFCmd) Validate() error {
	if c.Advance < 0 {
		return errors.New("--advance is a time that has passed: 0s or more")
	}
	for _, n := range []int{c.Orgs, c.Spaces, c.Apps, c.Services, c.Events} {
		if n < 1 {
			return errors.New("--orgs, --spaces, --apps, --services and --events are counts: 1 or more")
		}
	}
	return c.Knobs.Validate()
}

// world is the simulated world of the foundation.
func (c *simulateCFCmd) world(now time.Time) *sim.Config {
	start := c.Start.UTC()
	if c.Start.IsZero() {
		start = now.Add(-time.Duration(c.Advance)).UTC().Truncate(time.Second)
	}
	return &sim.Config{
		Seed: c.Seed, Orgs: c.Orgs, Spaces: c.Spaces, Apps: c.Apps, Services: c.Services, Instances: 1,
		Events: c.Events,
		Start:  start, End: start.Add(simulateStretch), Clocks: c.Clocks,
	}
}

// Run serves the foundation until it is told to stop.
func (c *simulateCFCmd) Run(e *shell.Env) error {
	log, err := service.NewLogger(e.Stderr, "text", "info")
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(e.Ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", c.Listen, err)
	}
	defer listener.Close() //nolint:errcheck // the server has closed it already
	if c.URL == "" {
		c.URL = "http://" + shell.Reachable(listener.Addr())
	}
	foundation, err := cc.New(cc.Config{World: *c.world(time.Now()), Knobs: &c.Knobs, URL: c.URL, DropPruned: true})
	if err != nil {
		return err
	}
	foundation.Advance(foundation.Now().Add(time.Duration(c.Advance)))
	c.greet(e.Stdout, foundation)
	server := &http.Server{Handler: foundation, ReadHeaderTimeout: 10 * time.Second}
	return service.Run(e.Ctx, service.Options{Log: log}, service.Component{
		Name: "foundation",
		Run: func(ctx context.Context) error {
			defer context.AfterFunc(ctx, func() { server.Close() })() //nolint:errcheck // it is over
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
	})
}

// greet prints the foundation's address and requests to try.
func (c *simulateCFCmd) greet(w io.Writer, f *cc.Foundation) {
	client := cc.StandardClients()[0]
	status := f.Status()
	fmt.Fprintf(w, `A simulated Cloud Foundry foundation (seed %d) is at %s; Ctrl-C stops it.
It is %s there, and %v seconds pass for each real one. %d app and %d service usage events are listed.

Client %s with the secret %s reads them; users are "operator", and "manager-1" and "billing-1" of the first
organization and so on, all with the password "password". Try:

  CF_CLIENT_ID=%s CF_CLIENT_SECRET=%s daybook up --cf %s

  curl %[2]s/_sim/status                              where it stands
  curl %[2]s/_sim/truth                               what truly ran
  curl %[2]s/_sim/bill                                what it truly costs by the prices of daybook simulate
  curl -d '{"error_rate": 0.2}' %[2]s/_sim/knobs      turn a knob (GET shows them all)
  curl -X POST '%[2]s/_sim/advance?by=1d'             a day passes
  curl -X POST %[2]s/_sim/purge                       purge the events and reseed them
`, c.Seed, c.URL, status.Now.Format(time.RFC3339), c.Speed,
		status.Tables[cc.AppEvents.String()].Rows, status.Tables[cc.ServiceEvents.String()].Rows,
		client.ID, client.Secret, client.ID, client.Secret, c.URL)
}
